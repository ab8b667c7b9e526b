// What the tabs can do, against real runs: behind a login with thresholds, led by a shape, and with workers.
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serious } from "./support/axe.ts";
import { browserOfFile, state, tab } from "./support/page.ts";
import { type Running, run } from "./support/run.ts";

const open = browserOfFile();

describe("behind a login", () => {
  let running: Running;
  let page: Page;
  beforeAll(async () => {
    running = await run([
      ...["--web-credentials", "ann:passcode9", "--web-read-only", "look8", "--profile", "nightly"],
      ...["--fail-if", "fail_ratio > 99%", "--fail-if", "p50 > 1us"],
    ]);
    ({ page } = await open());
  });
  afterAll(async () => {
    await running?.stop();
  });

  test("the page asks who one is, refuses a wrong password, and lets the right one in", async () => {
    await page.goto(running.url);
    expect(new URL(page.url()).pathname).toBe("/login");
    expect(await serious(page)).toEqual([]);
    await page.getByLabel("User").fill("ann");
    await page.getByLabel("Password").fill("guess");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("User").fill("ann");
    await page.getByLabel("Password").fill("passcode9");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { name: "Start a load test" }).waitFor();
  });

  test("a run time and a profile are taken, and thresholds say how they stand", async () => {
    await page.getByLabel("Users", { exact: true }).fill("3");
    await page.getByLabel("Users started per second").fill("50");
    expect(await page.getByLabel("Profile").inputValue()).toBe("nightly");
    await page.getByLabel("Run time").fill("1 week");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByText("For example 90, 90s, 3m").waitFor();
    await page.getByLabel("Run time").fill("1h");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await state(page, "Running");
    await page.getByText(/min.* left/).waitFor();
    await page.getByText("1 of 2 broken").click();
    const list = page.locator(".figures .menu-body");
    await list.getByText("fail_ratio > 99%").waitFor();
    expect(await list.innerText()).toMatch(/held[\s\S]*broken[\s\S]*p50 > 1us/);
    await page.getByText("1 of 2 broken").click();
    await page.locator("#health", { hasText: "Generator" }).waitFor();
  });

  test("statistics are sorted, filtered, grouped, and have the columns one wants and a line for each name", async () => {
    await tab(page, "Statistics");
    const rows = page.locator("tbody tr");
    await page.getByText("of everything").or(page.getByText("missing")).first().waitFor();
    await page.getByRole("button", { name: "Failures", exact: true }).click();
    expect(await rows.first().innerText()).toMatch(/missing|onerror/);
    await page.getByLabel("Filter Requests").fill("said");
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    expect(await rows.first().locator("svg.spark path").getAttribute("d")).toMatch(/^M/);
    await page.getByLabel("Filter Requests").fill("");
    await page.getByLabel("Group rows").selectOption({ label: "By method" });
    await page.getByRole("button", { name: /GET/, expanded: true }).click();
    expect(await rows.count()).toBe(1);
    await page.getByLabel("Group rows").selectOption({ label: "No groups" });
    await page.getByText("Columns", { exact: true }).click();
    await page.getByLabel("Failures/s").check();
    await page.getByLabel("Min ms").uncheck();
    await page.keyboard.press("Escape");
    const heads = await page.locator("thead").innerText();
    expect(heads).toContain("Failures/s");
    expect(heads).not.toContain("Min ms");
  });

  test("charts share the cursor, are zoomed and reset, hide a line, and show a note", async () => {
    await tab(page, "Charts");
    const plots = page.locator(".plot");
    await plots.nth(2).locator("canvas").waitFor();
    await page.locator(".key b", { hasText: /[1-9]/ }).first().waitFor();
    await page.getByLabel("A note for the charts").fill("deployed 1.4");
    await page.getByRole("button", { name: "Mark" }).click();
    await page.getByText("Marked in the charts.").waitFor();
    const box = await plots.first().boundingBox();
    if (box === null) throw new Error("the chart has no place");
    const [left, middle, y] = [box.x + 80, box.x + box.width / 2, box.y + 60];
    await page.mouse.move(middle, y);
    const others = page.locator("figcaption .number");
    await others
      .nth(1)
      .filter({ hasText: /\d\d:\d\d/ })
      .waitFor();
    expect(new Set(await others.allInnerTexts()).size).toBe(1);
    expect(await page.locator(".chart[data-zoomed]").count()).toBe(0);
    // A name's past is there too, not only what comes after it was chosen.
    await page.getByLabel("Add a name to the charts").fill("missing");
    await page.getByRole("button", { name: "missing" }).first().click();
    await page.mouse.move(left + 20, y);
    await page.locator(".key", { hasText: /^GET missing\s*[1-9]/ }).waitFor();
    await page.getByRole("button", { name: "Only the total" }).click();
    await page.mouse.move(left, y);
    await page.mouse.down();
    await page.mouse.move(middle, y, { steps: 4 });
    await page.mouse.up();
    await page.locator(".chart[data-zoomed]").nth(2).waitFor();
    await page.getByRole("button", { name: "Whole run" }).first().click();
    await page.waitForFunction(() => document.querySelectorAll(".chart[data-zoomed]").length === 0);
    await page
      .getByRole("button", { name: /^Failures/ })
      .last()
      .click();
    await page.locator('.key[aria-pressed="false"]').waitFor();
  });

  test("a link for looking shows everything and changes nothing", async () => {
    const { page: guest } = await open();
    await guest.goto(`${running.url}?token=look8`);
    await guest.getByText("Looking only").waitFor();
    await state(guest, "Running");
    expect(await guest.getByRole("button", { name: "Stop" }).count()).toBe(0);
    await guest.keyboard.press("Shift+S");
    await guest.locator("tfoot", { hasText: "Aggregated" }).waitFor();
    await state(guest, "Running");
    expect(guest.url()).not.toContain("look8");
  });
});

const SHAPED = `
from locust import HttpUser, LoadTestShape, constant, task

class Visitor(HttpUser):
    wait_time = constant(0.1)

    @task
    def page(self):
        self.client.get("/delay/300", name="slow page")

class Steady(LoadTestShape):
    def tick(self):
        return (4, 10)
`;

test("a shape leads: the form says so, and the running test cannot be edited; workers are shown with what they do", async () => {
  const running = await run(["--processes", "2"], SHAPED);
  try {
    const { page } = await open();
    await page.goto(running.url);
    await page.getByText("A load shape decides").waitFor();
    expect(await page.getByLabel("Users", { exact: true }).isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await state(page, "Running");
    expect(await page.getByRole("button", { name: "Edit" }).isDisabled()).toBe(true);
    await page.locator(".figures .value", { hasText: /^Workers\s*2/ }).waitFor();
    await tab(page, "Workers");
    const workers = page.getByRole("region", { name: "Workers", exact: true }).locator("tbody tr");
    await workers.nth(1).waitFor();
    await page.waitForFunction(
      () =>
        // State, users, and last how late the worker's own loop is.
        [...document.querySelectorAll("tbody tr")].filter((row) => /running.*2.*[µm]?s$/s.test(row.textContent ?? ""))
          .length >= 2,
    );
    expect(await serious(page)).toEqual([]);
    await page.getByRole("button", { name: "Stop" }).click();
    await state(page, "Stopped");
  } finally {
    await running.stop();
  }
});
