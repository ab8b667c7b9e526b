// Screenshots for people to look at, taken when $SHOTS names a folder: light and dark, phone, desk and wall.
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { open } from "./browser.ts";

const WIDTHS = [375, 1280, 2560];

export async function shoot(
  browser: Browser,
  name: string,
  address: string,
  ready?: (page: Page) => Promise<void>,
): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of WIDTHS) {
      const { page } = await open(browser, { colorScheme, viewport: { width, height: width === 375 ? 800 : 1000 } });
      await page.goto(address);
      await ready?.(page);
      await page.waitForTimeout(500);
      await page.screenshot({
        path: join(process.env.SHOTS ?? ".", `${name}-${colorScheme}-${width}.png`),
        fullPage: true,
      });
      await page.context().close();
    }
  }
}
