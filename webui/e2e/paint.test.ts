import { expect, test } from "vitest";
import { launch, open } from "./support/browser.ts";
import { run } from "./support/run.ts";

test("the page paints without waiting for the run, and is small", async () => {
  const running = await run();
  const browser = await launch();
  try {
    const { page } = await open(browser);
    let sent = 0;
    page.on("response", async (response) => {
      if (!response.url().endsWith("/events"))
        sent +=
          (
            await response
              .request()
              .sizes()
              .catch(() => null)
          )?.responseBodySize ?? 0;
    });
    await page.goto(running.url);
    await page.getByRole("button", { name: "Start", exact: true }).waitFor();
    const paint = await page.evaluate(
      () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
    );
    // The figure is for people (the goal is 1 s); on a full machine only the order of size can be asserted.
    console.log(`first contentful paint ${Math.round(paint)} ms, ${sent} bytes`);
    expect(sent).toBeLessThan(400 * 1024);
    expect(paint).toBeLessThan(5_000);
  } finally {
    await browser.close();
    await running.stop();
  }
});
