import { expect, test } from "vitest";
import {
  differenceWords,
  intervalWords,
  isChange,
  judged,
  rowsOf,
  scaleOf,
  valueWords,
  verdictWords,
} from "../src/model/compare.ts";
import { better, compared, comparison, estimate, same, unknown } from "./support/comparison.ts";

test("the engine's verdict is a sentence that calls measures as the tables do", () => {
  expect(verdictWords(comparison())).toBe("p95 worse; Median better.");
  expect(verdictWords(comparison({ verdict: "rps, avg better" }))).toBe("RPS, Mean better.");
  expect(verdictWords(comparison({ verdict: "no difference can be shown" }))).toBe("No difference can be shown.");
});

test("differences are told as shares, as points of a ratio, or in their unit, with their intervals", () => {
  expect([compared("p95"), same("p95"), better("p95")].map(differenceWords)).toEqual(["+100 %", "+1.0 %", "−40.0 %"]);
  expect(intervalWords(same("p95"))).toBe("−4.5 % to +6.5 %");
  const ratio = compared("fail_ratio", { difference: estimate(0.0123, -0.0001, 0.02) });
  expect([differenceWords(ratio), intervalWords(ratio)]).toEqual(["+1.23 pp", "−0.01 pp to +2.00 pp"]);
  const fresh = { relative: null, difference: estimate(1_500, -0.4, 2_000) };
  expect(differenceWords(compared("avg", fresh))).toBe("+1.50 ms");
  expect(intervalWords(compared("avg", fresh))).toBe("0.00 ms to +2.00 ms");
  expect(differenceWords(compared("rps", { relative: null, difference: estimate(-1.5, -2, -1) }))).toBe("−1.50/s");
  expect(differenceWords(compared("avg", { relative: null, difference: null }))).toBe("–");
  expect([valueWords("p95", estimate(12_500, 0, 0)), valueWords("fail_ratio", estimate(0.02, 0, 0))]).toEqual([
    "12.5 ms",
    "2 %",
  ]);
  expect([valueWords("rps", estimate(95.2, 0, 0)), valueWords("rps", null)]).toEqual(["95.2", "–"]);
});

test("what may be chance is no change, and what cannot be judged says why and has no interval", () => {
  const chance = compared("p95", { maybe_chance: true });
  expect([compared("p95"), better("p95"), same("p95"), chance].map(isChange)).toEqual([true, true, false, false]);
  expect(judged(chance)).toEqual(["Perhaps worse, perhaps chance", "none"]);
  expect(judged(unknown("p95"))).toEqual(["The run was too short", "none"]);
  expect(intervalWords(unknown("p95"))).toBe("");
  expect(intervalWords(compared("p95", { relative: estimate(1, null, 2) }))).toBe("");
});

test("every measure of every name is a row, and all drawings of a kind have one scale", () => {
  const { names, total } = comparison();
  const rows = rowsOf(names);
  expect(rows).toHaveLength(7);
  expect(new Set(rows.map((row) => row.key)).size).toBe(7);
  expect(scaleOf(total, false)).toBe(1);
  expect(scaleOf(total, true)).toBe(0.014);
  expect(scaleOf([unknown("p95")], false)).toBe(0);
});
