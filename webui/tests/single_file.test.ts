import { expect, test } from "vitest";
import { policy } from "../build/single_file.ts";

test("the report's policy allows its own script and style by their hashes, and nothing else", () => {
  const text = policy("let a", "b{}");
  expect(text).toContain("default-src 'none'");
  expect(text).toMatch(/script-src 'sha256-[A-Za-z0-9+/=]{44}'; style-src 'sha256-/);
  expect(text).not.toContain("unsafe");
});
