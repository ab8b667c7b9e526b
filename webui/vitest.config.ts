// Unit tests of the page and the report, in a DOM without a browser.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"] },
});
