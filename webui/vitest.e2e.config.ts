// The page and the report in a real browser; the page against a real run of the installed command. Tests wait for what they
// want to see, so the limits are only for what never comes.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["e2e/**/*.test.ts"], testTimeout: 240_000, hookTimeout: 120_000, fileParallelism: false },
});
