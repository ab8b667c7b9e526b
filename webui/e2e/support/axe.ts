// What axe-core finds in a page, as short lines.
import axe from "axe-core";
import type { Page } from "playwright-core";

export async function serious(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const findings = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(
        ({ id, nodes }) =>
          `${id}: ${nodes
            .map((node) => `${node.html} ${node.failureSummary ?? ""}`)
            .join("; ")
            .slice(0, 700)}`,
      );
  });
  return findings;
}
