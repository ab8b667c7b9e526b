import { readdirSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { launch, open } from "./support/browser.ts";
import { run } from "./support/run.ts";

/** Bytes of everything the page can ask for, as it is sent. */
function sentBytes(): number {
  const folder = new URL("../dist/app/", import.meta.url).pathname;
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((each) => /\.\w+$/.test(each));
  const packed = new Set(files.filter((each) => each.endsWith(".gz")));
  const sent = files.filter((each) => packed.has(each) || !packed.has(`${each}.gz`));
  return sent.reduce((sum, each) => sum + statSync(`${folder}${each}`).size, 0);
}

test("the page paints without waiting for the run, and is small", async () => {
  const running = await run();
  const browser = await launch();
  try {
    const { page } = await open(browser);
    await page.goto(running.url);
    await page.getByRole("button", { name: "Start", exact: true }).waitFor();
    const paint = await page.evaluate(
      () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
    );
    const sent = sentBytes();
    // The figure is for people (the goal is 1 s); on a full machine only the order of size can be asserted.
    console.log(`first contentful paint ${Math.round(paint)} ms, ${sent} bytes gzipped`);
    expect(sent).toBeGreaterThan(10 * 1024);
    expect(sent).toBeLessThan(400 * 1024);
    expect(paint).toBeLessThan(5_000);
  } finally {
    await browser.close();
    await running.stop();
  }
});
