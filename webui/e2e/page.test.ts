import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkDialog, serious, seriousInBoth } from "./support/axe.ts";
import type { Watched } from "./support/browser.ts";
import { browserOfFile, state, tab } from "./support/page.ts";
import { type Running, run } from "./support/run.ts";

const open = browserOfFile();

const EVERY_TAB = [
  ...["Statistics", "Charts", "Failures", "Exceptions", "Ratios", "Phases", "Workers", "Logs", "Download", "Runs"],
];

async function start(page: Page, users: string): Promise<void> {
  await page.getByLabel("Users", { exact: true }).fill(users);
  await page.getByLabel("Users started per second").fill("50");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await state(page, "Running");
}

/** Waits until the header says that there have been requests. */
const requested = (page: Page) => page.locator(".figures .value", { hasText: /^Requests\s*[1-9]/ }).waitFor();

describe("a run steered from the page", () => {
  let running: Running;
  let watched: Watched;
  let page: Page;
  beforeAll(async () => {
    running = await run();
    watched = await open();
    page = watched.page;
    await page.goto(running.url);
  });
  afterAll(async () => {
    await running?.stop();
  });

  test("the form says what is wrong, and starts a test with the locustfile's options", async () => {
    await page.getByRole("heading", { name: "Start a load test" }).waitFor();
    await page.getByLabel("Users", { exact: true }).fill("many");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByText("A whole number from 1 on.").waitFor();
    expect(await page.getByLabel("Pin").getAttribute("type")).toBe("password");
    await page.getByRole("button", { name: "Show" }).click();
    expect(await page.getByLabel("Pin").inputValue()).toBe("1234");
    await page.getByLabel("Word").fill("pear");
    await page.getByLabel("Colour").selectOption("blue");
    expect(await serious(page)).toEqual([]);
    await start(page, "3");
    await page.getByText("/said/pear").first().waitFor();
  });

  test("every tab shows its part, and nothing of the run becomes markup", async () => {
    const main = page.getByRole("main");
    await main.getByText("onerror=").first().waitFor();
    await page.locator("tfoot", { hasText: "Aggregated" }).waitFor();
    await tab(page, "Charts");
    await main.locator("canvas").nth(2).waitFor();
    await page.getByLabel("Add a name to the charts").fill("missing");
    await main.getByRole("button", { name: "missing" }).first().click();
    await main.locator(".chip", { hasText: "missing" }).waitFor();
    await tab(page, "Failures");
    await main.getByText("HTTPError('404").click();
    // What was sent and what came back, of a test that runs.
    await main.getByText("HTTP/1.1 404").first().waitFor();
    await main
      .getByText(/^GET \/status\/404 HTTP\/1\.1/)
      .first()
      .waitFor();
    await main.getByText("bad </script>").waitFor();
    await tab(page, "Exceptions");
    await main.getByText("broken </script>").first().waitFor();
    await tab(page, "Ratios");
    await main.getByText("Share of everything").waitFor();
    await main.getByText("hostile").first().waitFor();
    // What came about is beside the plan, of classes and of tasks.
    await main.getByText("Actual").last().waitFor();
    await page.waitForFunction(() => {
      const line = [...document.querySelectorAll(".ratio-line")].find((each) => /^page/.test(each.textContent ?? ""));
      return /\d %\s*\d.* %/.test(line?.textContent ?? "");
    });
    await tab(page, "Phases");
    await main.getByRole("img", { name: /missing: .*Waiting for the server \d/ }).waitFor();
    await tab(page, "Workers");
    await main.getByRole("heading", { name: "The generator" }).waitFor();
    await tab(page, "Logs");
    await main.getByText("All users spawned").first().waitFor();
    await tab(page, "Download");
    const [saved] = await Promise.all([page.waitForEvent("download"), main.getByText("Requests (CSV)").click()]);
    expect(saved.suggestedFilename()).toMatch(/requests.*\.csv$/);
    expect(page.url()).toContain("tab=reports");
    const [report] = await Promise.all([page.waitForEvent("popup"), main.getByText("Open the report").click()]);
    await report.getByRole("heading", { name: "Requests by name" }).waitFor();
    expect(await report.locator("#failures").innerText()).toContain("HTTPError('404");
    expect(await report.evaluate("globalThis.broken")).toBeUndefined();
    // Its origin is nobody's: a script in it could not give orders to the server.
    expect(await report.evaluate("origin")).toBe("null");
    await report.close();
    const [kept] = await Promise.all([page.waitForEvent("download"), main.getByText("Save the report").click()]);
    expect(kept.suggestedFilename()).toMatch(/\.html$/);
    expect(readFileSync(await kept.path(), "utf8")).toContain('"format":"gregaria-result"');
    expect(await page.evaluate("globalThis.broken")).toBeUndefined();
    expect(await page.locator("main img").count()).toBe(0);
  });

  test("has no serious finding of axe on any tab, light and dark", async () => {
    for (const name of EVERY_TAB) {
      await tab(page, name);
      expect(await seriousInBoth(page), name).toEqual([]);
    }
    const before = await page.evaluate("document.documentElement.dataset.theme");
    await page.keyboard.press("t");
    expect(await page.evaluate("document.documentElement.dataset.theme")).not.toBe(before);
    await page.keyboard.press("t");
  });

  test("dialogs have no serious finding either, and give the focus back", async () => {
    await checkDialog(page, page.getByRole("button", { name: "Edit" }), "Change the running test");
    await checkDialog(page, page.getByRole("button", { name: "Help" }), "Keyboard shortcuts");
  });

  test("users are changed while it runs, it pauses and resumes, and is reset", async () => {
    await page.keyboard.press("e");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Users", { exact: true }).fill("6");
    await dialog.getByRole("button", { name: "Change the test" }).click();
    await page.locator(".figures .value", { hasText: /^Users\s*6/ }).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await state(page, "Paused");
    await page.getByRole("button", { name: "Resume" }).click();
    await state(page, "Running");
    await page.keyboard.press("p");
    await state(page, "Paused");
    await page.keyboard.press("p");
    await state(page, "Running");
    await page.getByRole("button", { name: "Reset" }).click();
    await page.getByText("Statistics were reset.").waitFor();
  });

  test("it is stopped by key, and a new test begins from the stopped page", async () => {
    await requested(page);
    await page.keyboard.press("Shift+S");
    await state(page, "Stopped");
    await checkDialog(page, page.getByRole("button", { name: "New", exact: true }), "New load test");
    await page.getByRole("button", { name: "New", exact: true }).click();
    const dialog = page.getByRole("dialog");
    expect(await dialog.getByLabel("Word").inputValue()).toBe("pear");
    await dialog.getByRole("button", { name: "Start", exact: true }).click();
    await state(page, "Running");
    await requested(page);
    await page.getByRole("button", { name: "Stop" }).click();
    await state(page, "Stopped");
    await tab(page, "Runs");
    const rows = page.locator("tbody tr");
    await rows.nth(1).waitFor();
    for (const row of [0, 1]) await rows.nth(row).getByRole("button").click();
    await page.getByRole("button", { name: "Compare two" }).click();
    // Runs of a few seconds: the engine's figures are there, and that nothing can be told from them.
    await page.getByRole("heading", { name: "No difference can be shown." }).waitFor();
    const compared = page.getByRole("region", { name: "All requests", exact: true });
    expect(await compared.locator("tbody tr").first().innerText()).toMatch(
      /Median[\s\S]*(ms|µs)[\s\S]*(The run was too short|Too few requests)/,
    );
    const [sure] = await Promise.all([page.waitForEvent("popup"), page.getByText("As a page").click()]);
    await sure.getByRole("heading", { name: "Comparison" }).waitFor();
    await sure.close();
    await page.getByRole("button", { name: "Back to the runs" }).click();
    await rows.nth(0).getByRole("button").click();
    const [report] = await Promise.all([page.waitForEvent("popup"), page.getByText("Open the report").click()]);
    await report.getByRole("heading", { name: "Requests by name" }).waitFor();
    await report.close();
    await checkDialog(page, page.getByRole("button", { name: "Delete" }), "Delete 1 run?");
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("Choose one run").waitFor();
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await page.keyboard.press("Escape");
  });

  test("nothing was asked of another host, and the console stayed silent", () => {
    expect(watched.asked.filter((each) => !each.startsWith(running.url) && !each.startsWith("data:"))).toEqual([]);
    expect(watched.complaints).toEqual([]);
  });

  test("a phone has it all in 375 pixels", async () => {
    const { page: phone, complaints } = await open({
      viewport: { width: 375, height: 760 },
      colorScheme: "dark",
    });
    await phone.goto(running.url);
    await state(phone, "Stopped");
    for (const name of EVERY_TAB) {
      await tab(phone, name);
      expect(await phone.evaluate("document.documentElement.scrollWidth"), name).toBeLessThanOrEqual(375);
    }
    expect(await phone.evaluate("document.documentElement.dataset.theme")).toBe("dark");
    expect(complaints).toEqual([]);
  });
});

describe("the class picker", () => {
  test("runs the classes that are chosen", async () => {
    const running = await run(["--class-picker"]);
    try {
      const { page } = await open();
      await page.goto(running.url);
      await page.getByRole("checkbox", { name: /^Shop/ }).uncheck();
      expect(await page.getByRole("checkbox", { name: "All of them" }).isChecked()).toBe(false);
      await checkDialog(page, page.getByRole("button", { name: "Settings of Other" }), "Settings of Other");
      await page.getByRole("button", { name: "Settings of Other" }).click();
      const settings = page.getByRole("dialog");
      await settings.getByRole("checkbox", { name: "page" }).waitFor();
      await page.keyboard.press("Escape");
      await start(page, "1");
      await page.getByText("of the other class").first().waitFor();
      expect(await page.getByText("missing").count()).toBe(0);
      await tab(page, "Workers");
      // What has no answer yet is shown with what it is at, whose it is, and how long it waits.
      await page
        .getByRole("region", { name: "Requests in flight" })
        .getByRole("row", { name: /\/delay\/4000 Waiting for the server Other .*s$/ })
        .first()
        .waitFor();
    } finally {
      await running.stop();
    }
  });
});
