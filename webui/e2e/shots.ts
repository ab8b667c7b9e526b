// Screenshots of the page and of a report for people to look at: light and dark, phone, desk and wall. No test.
// Usage: SHOTS=FOLDER npm run shots
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { launch, open } from "./support/browser.ts";
import { type Running, run } from "./support/run.ts";

const WIDTHS = [375, 1280, 2560];
const TABS = [
  "stats",
  "charts",
  "failures",
  "exceptions",
  "ratios",
  "phases",
  "workers",
  "logViewer",
  "reports",
  "runs",
];
const RUN_MS = 15_000;

const folder = process.env.SHOTS ?? "shots";
mkdirSync(folder, { recursive: true });
const browser = await launch();

async function shoot(name: string, address: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of WIDTHS) {
      const { page } = await open(browser, { colorScheme, viewport: { width, height: width === 375 ? 800 : 1000 } });
      await page.goto(address);
      await settled(page);
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      await page.context().close();
    }
  }
}

const settled = (page: Page) => page.waitForTimeout(700);

async function post(running: Running, path: string, fields: Record<string, string> = {}): Promise<void> {
  await fetch(`${running.url}${path}`, { method: "POST", body: new URLSearchParams(fields) });
}

const running = await run(["--class-picker", "--fail-if", "p95 > 400ms", "--fail-if", "fail_ratio > 1%"]);
try {
  await shoot("start", running.url);
  await post(running, "swarm", { user_count: "20", spawn_rate: "5", user_classes: "Shop", shape_class: "Default" });
  await new Promise((resolve) => setTimeout(resolve, RUN_MS));
  for (const tab of TABS) await shoot(tab, `${running.url}?tab=${tab}`);
  await post(running, "stop");
  await shoot("stopped", running.url);
  await shoot("report", `${running.url}stats/report`);
} finally {
  await running.stop();
  await browser.close();
}
