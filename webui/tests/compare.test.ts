import { expect, test } from "vitest";
import type { ResultFile } from "../src/generated/result.ts";
import { changeWords, compareRuns } from "../src/model/compare.ts";
import { fromResult } from "../src/model/from_result.ts";
import { resultFile } from "./support/result.ts";

/** The same run later, in which everything took so many times as long. */
function slower(times: number, change: (file: ResultFile) => void = () => {}): ResultFile {
  const file = structuredClone(resultFile());
  for (const entry of [file.total, ...file.entries])
    for (const [key, value] of Object.entries(entry.percentiles_us ?? {}))
      if (entry.percentiles_us) entry.percentiles_us[key] = value * times;
  file.run.started_at += 3600;
  file.run.ended_at += 3600;
  change(file);
  return file;
}
const against = (file: ResultFile) => compareRuns(fromResult(resultFile()), fromResult(file));
const words = (file: ResultFile) => against(file).words.map(({ judgement, text }) => `${judgement}: ${text}`);

test("what got slower is said, first of everything and then of the names that changed most", () => {
  const found = words(
    slower(2, ({ entries: [first] }) => {
      if (first?.percentiles_us) first.percentiles_us["95"] = (first.percentiles_us["95"] ?? 0) * 5;
    }),
  );
  expect(found.find((each) => each.includes("p95 of all requests"))).toMatch(
    /^worse: p95 of all requests rose: .* before, .* after \(\+100 %\)\.$/,
  );
  const names = found.filter((each) => /p95 of (GET|POST|PUT|DELETE)/.test(each));
  expect(names).toHaveLength(5);
  expect(names[0]).toContain("(+900 %)");
});

test("runs that are alike are said to be, and no name is singled out", () => {
  const found = words(slower(1.05));
  expect(found.filter((each) => !each.startsWith("other: "))).toEqual([]);
  expect(found.find((each) => each.includes("p50 of all"))).toContain("stayed about the same");
});

test("failures, names that came and went, another load and a generator at its limit are told", () => {
  const {
    pairs,
    settings,
    words: found,
  } = against(
    slower(1, (file) => {
      file.total.failures = file.total.requests;
      const [first] = file.entries;
      if (first !== undefined) first.name = "/brand-new";
      file.run.users_peak = 500;
      file.generator.was_the_limit = true;
      file.settings["spawn-rate"] = 77;
    }),
  );
  const text = found.map((each) => each.text).join("\n");
  expect(text).toContain("100 % after");
  expect(text).toContain("1 name of the first run is not in the second");
  expect(text).toContain("1 name of the second run is not in the first");
  expect(text).toContain("500 after");
  expect(text).toContain("The generator was the limit in the second run");
  expect(pairs.find((pair) => pair.name === "/brand-new")?.before).toBeNull();
  expect(settings.find(([label]) => label === "spawn-rate")?.[2]).toBe("77");
});

test("changes in words", () => {
  expect([0.25, -0.5, 0, 0.0001, null].map(changeWords)).toEqual(["+25 %", "−50 %", "0 %", "0 %", "–"]);
});
