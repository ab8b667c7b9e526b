// What the tests of a file share: one browser, and the words for what a person does on the page.
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { launch, open, type Watched } from "./browser.ts";

/** A browser for the tests of this file; gives what opens a page in it. */
export function browserOfFile(): (options?: BrowserContextOptions) => Promise<Watched> {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
  });
  return async (options) => await open(browser, options);
}

/** Waits until the header says that the test is in this state. */
export const state = (page: Page, word: string) => page.locator("#state", { hasText: word }).waitFor();

export const tab = async (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Sections" }).getByRole("button", { name }).click();
