// Debian's Chromium, driven by playwright-core; a fresh profile each time, and no talk to anyone but the page.
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

export async function launch(): Promise<Browser> {
  return await chromium.launch({
    executablePath: process.env.GREGARIA_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

export interface Watched {
  readonly page: Page;
  /** Errors on the console, exceptions in the page, violations of its policy. */
  readonly complaints: string[];
  /** Addresses that were asked for. */
  readonly asked: string[];
}

export async function open(browser: Browser, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  const asked: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => asked.push(request.url()));
  return { page, complaints, asked };
}
