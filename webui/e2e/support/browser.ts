// Debian's Chromium, driven by playwright-core; a fresh profile each time, and no talk to anyone but the page.
import { existsSync, readFileSync } from "node:fs";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";

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
  if (process.env.GREGARIA_PAGE === "dist") await fromDist(context);
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  const complaints: string[] = [];
  const asked: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => asked.push(request.url()));
  return { page, complaints, asked };
}

/** The page as webui/dist has it instead of the one in the command: to look at a change without building the command anew. */
async function fromDist(context: BrowserContext): Promise<void> {
  const dist = new URL("../../dist/app/", import.meta.url);
  await context.route(/\/assets\/[^/]+$/, async (route) => {
    const { pathname } = new URL(`assets/${route.request().url().split("/").at(-1)}`, dist);
    await (existsSync(pathname) ? route.fulfill({ path: pathname }) : route.continue());
  });
  await context.route(
    (url) => url.pathname === "/",
    async (route) => {
      const response = await route.fetch({ maxRedirects: 0 });
      const text = await response.text();
      const data = /<script type="application\/json" id="template-args">.*?<\/script>/s.exec(text)?.[0];
      if (data === undefined) return await route.continue();
      const page = readFileSync(new URL("index.html", dist), "utf8").replace("</body>", () => `${data}</body>`);
      await route.fulfill({ response, body: page });
    },
  );
}
