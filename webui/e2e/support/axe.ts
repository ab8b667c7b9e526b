// What axe-core finds in a page, as short lines.
import axe from "axe-core";
import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";

export async function serious(page: Page, only: readonly string[] = []): Promise<string[]> {
  await page.evaluate(axe.source);
  return await page.evaluate(
    async (rules) => {
      const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run({
        resultTypes: ["violations"],
        ...(rules.length === 0 ? {} : { runOnly: rules }),
      });
      return violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(
          ({ id, nodes }) =>
            `${id}: ${nodes
              .map((node) => `${node.html} ${node.failureSummary ?? ""}`)
              .join("; ")
              .slice(0, 700)}`,
        );
    },
    [...only],
  );
}

/** In the theme it has, and the colours of the other one too. */
export async function seriousInBoth(page: Page): Promise<string[]> {
  const other = () =>
    page.evaluate(() => {
      const { dataset } = document.documentElement;
      dataset.theme = dataset.theme === "dark" ? "light" : "dark";
    });
  const found = await serious(page);
  await other();
  found.push(...(await serious(page, ["color-contrast"])));
  await other();
  return found;
}

/** Opens a dialog by its button: it is without serious findings, Escape closes it, and the focus is where it was. */
export async function checkDialog(page: Page, button: Locator, title: string): Promise<void> {
  await button.click();
  const dialog = page.getByRole("dialog", { name: title });
  await dialog.waitFor();
  expect(await seriousInBoth(page), title).toEqual([]);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  expect(await button.evaluate((element) => element === document.activeElement), `focus after ${title}`).toBe(true);
}
