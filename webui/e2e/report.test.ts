import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { resultFile } from "../tests/support/result.ts";
import { serious } from "./support/axe.ts";
import { browserOfFile } from "./support/page.ts";

const folder = join(tmpdir(), `gregaria-report-${process.pid}`);
const open = browserOfFile();

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
});

/** A report on disk, as `--html` writes it. */
function report(name: string, data: string): string {
  const template = readFileSync(new URL("../dist/report.html", import.meta.url), "utf8");
  const path = join(folder, `${name}.html`);
  writeFileSync(
    path,
    template.replace("__GREGARIA_DATA__", () => data),
  );
  return pathToFileURL(path).href;
}

const asJson = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c");

describe("the report", () => {
  test("opens from a file with everything in it, asks nobody, and runs nothing out of the data", async () => {
    const { page, complaints, asked } = await open();
    const address = report("plain", asJson(resultFile()));
    await page.goto(address);
    await page.getByRole("heading", { name: "Requests by name" }).waitFor();
    const text = await page.locator("main").innerText();
    for (const word of [
      "Failed",
      "p99.9",
      "/search?q=[term]",
      "fail_ratio > 0.1%",
      "loader-1",
      "The generator kept up",
    ]) {
      expect(text).toContain(word);
    }
    expect(await page.locator("canvas").count()).toBeGreaterThanOrEqual(6);
    await page.getByText("HTTPError(").first().click();
    await page.getByText("Cookie: (removed)").waitFor();
    expect(await page.evaluate("globalThis.broken")).toBeUndefined();
    expect(await page.locator("img").count()).toBe(0);
    expect(complaints).toEqual([]);
    expect(asked.filter((each) => !each.startsWith("data:"))).toEqual([address]);
  });

  test("sorts, filters and draws chosen names", async () => {
    const { page } = await open();
    await page.goto(report("table", asJson(resultFile())));
    const first = page.locator("#names tbody tr").first();
    await page.getByRole("button", { name: "Failures", exact: true }).click();
    expect(await first.innerText()).toContain("12");
    await page.getByRole("searchbox").fill("cart -put");
    expect(await page.locator("#names tbody tr").count()).toBe(2);
    await first.getByRole("button").click();
    await page.locator("#charts .chip").waitFor();
    expect(await page.locator("#charts .legend").nth(1).innerText()).toContain("cart");
    await page.getByRole("button", { name: "Only the total" }).click();
    expect(await page.locator("#charts .chip").count()).toBe(0);
    // On paper everything is in the page's width, and the headings are above what they name.
    await page.emulateMedia({ media: "print" });
    await page.setViewportSize({ width: 800, height: 1100 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(800);
    const [heads, names] = [await page.locator("#names thead").boundingBox(), await first.boundingBox()];
    expect(heads?.y).toBeLessThan(names?.y ?? 0);
  });

  test("takes packed data, 10,000 names, light and dark, paper and phone", async () => {
    const { page, complaints } = await open({ viewport: { width: 375, height: 800 }, colorScheme: "dark" });
    await page.goto(report("packed", gzipSync(asJson(resultFile(10_000, 60))).toString("base64")));
    await page.getByRole("heading", { name: "Requests by name" }).waitFor();
    expect(await page.locator("#names tbody tr").count()).toBeLessThan(80);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(375);
    expect(await page.evaluate("document.documentElement.dataset.theme")).toBe("dark");
    await page.getByRole("button", { name: "Light" }).click();
    expect(await page.evaluate("document.documentElement.dataset.theme")).toBe("light");
    const region = page.getByRole("region", { name: "Requests", exact: true });
    await region.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await page.locator('#names tr[aria-rowindex="10001"]').waitFor();
    expect(complaints).toEqual([]);
  });

  test("has no serious finding of axe", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      const { page } = await open({ colorScheme });
      await page.goto(report(`axe-${colorScheme}`, asJson(resultFile())));
      await page.getByRole("heading", { name: "Requests by name" }).waitFor();
      expect(await serious(page)).toEqual([]);
    }
  });

  test("says so when it is empty or holds something else", async () => {
    const { page } = await open();
    await page.goto(report("empty", "__GREGARIA_DATA__"));
    await page.getByText("empty template of a report").waitFor();
    await page.goto(report("other", '{"format":"x"}'));
    await page.getByText("no result of Gregaria").waitFor();
  });
});
