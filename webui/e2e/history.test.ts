import { expect, test } from "vitest";
import { NO_STATUS } from "../src/model/live.ts";
import { comparison } from "../tests/support/comparison.ts";
import { resultFile } from "../tests/support/result.ts";
import { snapshot } from "../tests/support/stream.ts";
import { serious } from "./support/axe.ts";
import { browserOfFile } from "./support/page.ts";
import { teller } from "./support/teller.ts";

const open = browserOfFile();

const kept = (id: number, change: object = {}) => ({
  id,
  started: 1_795_237_589 + id * 3600,
  ended: 1_795_237_709 + id * 3600,
  state: "finished",
  exit_code: 0,
  failed_thresholds: 0,
  locustfile: "shop.py",
  host: "https://shop.example",
  profile: `build ${id}`,
  users: 50,
  requests: 10_800,
  failures: 36,
  rps: 90,
  p95_ms: 41,
  ...change,
});

test("runs are listed, compared in words, opened and deleted", async () => {
  let runs = [kept(3, { failed_thresholds: 1, exit_code: 3 }), kept(2), kept(1, { state: "interrupted" })];
  const deleted: string[] = [];
  const server = await teller(
    () => snapshot({ status: { ...NO_STATUS, state: "ready" } }),
    (order) => {
      if (order === "GET runs") return { runs };
      if (order === "GET runs/compare") return comparison();
      if (/^GET runs\/\d+$/.test(order)) return resultFile();
      if (!order.startsWith("DELETE ")) return undefined;
      deleted.push(order);
      runs = runs.filter((run) => order !== `DELETE runs/${run.id}`);
      return { success: true, message: "Run deleted" };
    },
    { keeps_runs: true },
  );
  try {
    const { page, complaints } = await open();
    await page.goto(server.url);
    await page.getByRole("navigation", { name: "Sections" }).getByRole("button", { name: "Runs" }).click();
    const rows = page.locator("tbody tr");
    await rows.nth(2).waitFor();
    expect(await rows.first().innerText()).toMatch(/Failed[\s\S]*build 3/);
    expect(await rows.nth(2).innerText()).toContain("Interrupted");
    await rows.nth(0).getByRole("button").click();
    expect(await page.getByRole("link", { name: "Open the report" }).getAttribute("href")).toMatch(
      /^runs\/3\/report\?/,
    );
    expect(await page.getByRole("button", { name: "Compare two" }).isDisabled()).toBe(true);
    await rows.nth(1).getByRole("button").click();
    await page.getByRole("button", { name: "Compare two" }).click();
    await page.getByRole("heading", { name: "p95 worse; Median better." }).waitFor();
    await page.getByText("the setting spawn-rate differs").waitFor();
    const names = page.getByRole("region", { name: "By name" });
    await names.getByText("2 differences").waitFor();
    expect(await names.locator("tbody tr").first().innerText()).toMatch(
      /search[\s\S]*p95[\s\S]*\+85.0 % to \+115 %[\s\S]*Worse/,
    );
    await names.getByLabel("What is compared").selectOption({ label: "p95" });
    await names.getByText("Only in one of the runs").waitFor();
    await names.getByText("No difference shown").waitFor();
    expect(await page.locator("canvas").count()).toBe(1);
    expect(await serious(page)).toEqual([]);
    await page.setViewportSize({ width: 375, height: 800 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(375);
    await page.getByRole("button", { name: "Back to the runs" }).click();
    await rows.nth(2).waitFor();
    expect(await serious(page)).toEqual([]);
    await rows.filter({ hasText: "build 1" }).getByRole("button").click();
    await page.getByRole("button", { name: "Delete" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Keep" }).click();
    expect(deleted).toEqual([]);
    await page.getByRole("button", { name: "Delete" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 2);
    expect(deleted).toEqual(["DELETE runs/1"]);
    expect(complaints).toEqual([]);
  } finally {
    await server.stop();
  }
});
