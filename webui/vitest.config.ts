// Unit tests of the page and the report, those that need a DOM say so at their top.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["tests/**/*.test.{ts,tsx}"] },
});
