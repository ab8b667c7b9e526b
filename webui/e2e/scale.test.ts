// Ten thousand names and a day of charts: what the page does for an update must not grow with what there is.
// Nothing here is a time: rows and changes of the document are counted, and processor time of the page's own thread is
// compared with that of a small run.
import type { CDPSession, Page } from "playwright-core";
import { expect, test } from "vitest";
import { count } from "../src/model/format.ts";
import { resultFile } from "../tests/support/result.ts";
import { longRun, secondOf } from "../tests/support/stream.ts";
import { browserOfFile } from "./support/page.ts";
import { type Teller, teller } from "./support/teller.ts";

const UPDATES = 10;
/** As many as the server tells in one update at the most. */
const CHANGED = 1_000;

const open = browserOfFile();

interface Cost {
  readonly cpuMs: number;
  readonly changes: number;
}

/** What some updates cost a page that shows this tab. */
async function cost(server: Teller, names: number, tab: string): Promise<Cost & { readonly page: Page }> {
  const { page, complaints } = await open();
  await page.goto(`${server.url}?tab=${tab}`);
  await page.locator("#state", { hasText: "Running" }).waitFor();
  await page.evaluate(() => {
    const seen = { changes: 0 };
    Object.assign(globalThis, { seen });
    new MutationObserver((records) => (seen.changes += records.length)).observe(document, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
  });
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable", { timeDomain: "threadTicks" });
  const before = await cpu(client);
  for (let at = 1; at <= UPDATES; at += 1) {
    server.tell(secondOf(names, 10 + at, CHANGED));
    await page
      .getByText(count(1_000_010 + at))
      .first()
      .waitFor({ state: "attached" });
  }
  const cpuMs = (await cpu(client)) - before;
  const changes = await page.evaluate(() => (globalThis as unknown as { seen: { changes: number } }).seen.changes);
  expect(complaints).toEqual([]);
  return { page, cpuMs, changes };
}

async function cpu(client: CDPSession): Promise<number> {
  const { metrics } = await client.send("Performance.getMetrics");
  return 1000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN);
}

/** What sparklines begin with. */
const past = (order: string) => (order === "GET stats/result" ? resultFile() : undefined);

async function costs(tab: string): Promise<{ readonly small: Cost; readonly large: Cost; readonly page: Page }> {
  const [few, many] = [await teller(() => longRun(100, 100), past), await teller(() => longRun(10_000, 3_600), past)];
  try {
    const { page: first, ...small } = await cost(few, 100, tab);
    await first.context().close();
    const { page, ...large } = await cost(many, 10_000, tab);
    console.log(
      `${tab}: an update costs ${(small.cpuMs / UPDATES).toFixed(1)} ms of the page's thread with 100 names, ` +
        `${(large.cpuMs / UPDATES).toFixed(1)} ms with 10,000 and a day of charts`,
    );
    return { small, large, page };
  } finally {
    await Promise.all([few.stop(), many.stop()]);
  }
}

test("ten thousand names: only rows in view are in the document, and an update changes no more of it than a small run's", async () => {
  const { small, large, page } = await costs("stats");
  const rows = page.locator("tbody tr:not(.filler)");
  expect(await rows.count()).toBeLessThan(80);
  expect(large.changes).toBeLessThan(3 * small.changes + 100);
  // A hundred times the names; a table that drew them all would cost a hundred times as much.
  expect(large.cpuMs).toBeLessThan(15 * small.cpuMs);
  const region = page.getByRole("region", { name: "Requests", exact: true });
  await region.evaluate((element) => element.scrollTo(0, element.scrollHeight / 2));
  await page.locator('tr[aria-rowindex="5001"]').waitFor();
  await region.evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await page.locator('tr[aria-rowindex="10001"]').waitFor();
  expect(await rows.count()).toBeLessThan(80);
  await page.getByRole("searchbox").fill("article-778 -post");
  await page.getByText("/shop/2/article-778").first().waitFor();
});

test("a day of charts is drawn again with each update at a bounded cost", async () => {
  const { small, large } = await costs("charts");
  expect(large.changes).toBeLessThan(3 * small.changes + 100);
  expect(large.cpuMs).toBeLessThan(15 * small.cpuMs);
});

test("a page that nobody looks at draws nothing, and has everything when somebody does", async () => {
  const server = await teller(() => longRun(100, 100), past);
  try {
    const { page } = await open();
    await page.addInitScript(() => {
      globalThis.EventSource = class extends EventSource {
        constructor(address: string | URL) {
          super(address);
          this.addEventListener("update", () => Object.assign(globalThis, { heard: (globalThis as Heard).heard + 1 }));
        }
      };
      Object.assign(globalThis, { heard: 0 });
    });
    await page.goto(server.url);
    await page.locator("#state", { hasText: "Running" }).waitFor();
    const look = (hidden: boolean) =>
      page.evaluate((value) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
        document.dispatchEvent(new Event("visibilitychange"));
      }, hidden);
    await look(true);
    const before = await page.locator(".figures").innerText();
    for (let at = 1; at <= 3; at += 1) server.tell(secondOf(100, 10 + at, 50));
    await page.waitForFunction(() => (globalThis as Heard).heard === 3);
    expect(await page.locator(".figures").innerText()).toBe(before);
    await look(false);
    await page.getByText(count(1_000_013)).first().waitFor();
  } finally {
    await server.stop();
  }
});

type Heard = typeof globalThis & { heard: number };
