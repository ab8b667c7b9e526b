import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { GENERATED, repository, typesOf } from "../build/types.ts";

test.each(GENERATED)("the types in %s are those of the page", (schema, target) => {
  const path = join(repository, target);
  const made = typesOf(schema);
  if (process.env.UPDATE) writeFileSync(path, made);
  expect(readFileSync(path, "utf8"), `${target} is old: npm --prefix webui run types`).toBe(made);
});
