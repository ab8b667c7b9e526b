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
    const { page, asked } = await open(browser);
    const client = await page.context().newCDPSession(page);
    await client.send("Performance.enable", { timeDomain: "threadTicks" });
    await page.goto(running.url);
    await page.getByRole("button", { name: "Start", exact: true }).waitFor();
    const { metrics } = await client.send("Performance.getMetrics");
    const cpuMs = 1000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN);
    const paint = await page.evaluate(
      () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
    );
    const sent = sentBytes();
    console.log(
      `first contentful paint ${Math.round(paint)} ms, of them at most ${Math.round(cpuMs)} ms work; ${sent} bytes gzipped`,
    );
    expect(sent).toBeGreaterThan(10 * 1024);
    expect(sent).toBeLessThan(400 * 1024);
    // On a full machine the time says nothing; what the page has to do until it stands there, and to fetch before, does.
    expect(paint).toBeGreaterThan(0);
    expect(cpuMs).toBeLessThan(1_000);
    const files = asked.filter((each) => /\.(js|css)$/.test(new URL(each).pathname));
    expect(files.length).toBeLessThanOrEqual(6);
  } finally {
    await browser.close();
    await running.stop();
  }
});
