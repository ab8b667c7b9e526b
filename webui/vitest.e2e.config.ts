// The page and the report in a real browser; the page against a real run of the installed command.
import { existsSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** The page needs a server; before there is one in the repository only the report can be opened. */
const pages = existsSync("../crates/web") ? ["e2e/**/*.test.ts"] : ["e2e/report.test.ts"];

export default defineConfig({
  test: { include: pages, testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false },
});
