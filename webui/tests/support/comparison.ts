// What the engine says of two runs, made up: something got worse, something better, and the rest is as it was.
import type { Compared, Comparison, Estimate } from "../../src/generated/comparison.ts";

export const estimate = (value: number, low: number | null, high: number | null): Estimate => ({ value, low, high });

export function compared(measure: string, change: Partial<Compared> = {}): Compared {
  return {
    measure,
    a: estimate(20_000, 19_000, 21_000),
    b: estimate(40_000, 38_000, 42_000),
    difference: estimate(20_000, 17_000, 23_000),
    relative: estimate(1, 0.85, 1.15),
    change: "worse",
    reason: null,
    maybe_chance: false,
    p_value: null,
    blocks: [10, 10],
    paired: true,
    correlated: false,
    between_runs: false,
    ...change,
  };
}

/** No difference, as far as these runs can tell. */
export const same = (measure: string): Compared =>
  compared(measure, {
    change: "not_shown",
    difference: estimate(200, -900, 1_300),
    relative: estimate(0.01, -0.045, 0.065),
  });

export const better = (measure: string): Compared =>
  compared(measure, {
    change: "better",
    difference: estimate(-8_000, -9_000, -7_000),
    relative: estimate(-0.4, -0.45, -0.35),
  });

const ratio = compared("fail_ratio", {
  a: estimate(0.01, 0, 0.02),
  b: estimate(0.012, 0, 0.02),
  difference: estimate(0.002, -0.01, 0.014),
  relative: null,
  change: "not_shown",
});

/** Too short a run: figures, and no interval. */
export const unknown = (measure: string): Compared =>
  compared(measure, { change: "unknown", reason: "too_few_blocks", difference: estimate(5, null, null) });

export function comparison(change: Partial<Comparison> = {}): Comparison {
  const run = {
    file: "run 1",
    started_at: 1_795_237_589,
    seconds: 120,
    requests: 10_800,
    failures: 36,
    users_peak: 50,
  };
  return {
    format: "gregaria-comparison",
    version: 1,
    verdict: "p95 worse; median better",
    conditions: [],
    confidence: 0.95,
    a: [run],
    b: [{ ...run, started_at: run.started_at + 3600 }],
    warnings: ["the setting spawn-rate differs: 5 and 10"],
    total: [
      better("median"),
      compared("p95"),
      compared("p99", { maybe_chance: true }),
      same("avg"),
      same("rps"),
      ratio,
    ],
    names: [
      {
        in: "both",
        requests: [500, 500],
        method: "GET",
        name: "/search?q=[term]",
        measures: [same("median"), compared("p95"), ratio],
      },
      {
        in: "both",
        requests: [500, 500],
        method: "POST",
        name: "/cart",
        measures: [better("median"), same("p95"), ratio],
      },
      {
        in: "b",
        requests: [0, 500],
        method: "GET",
        name: "/new",
        measures: [
          compared("p95", { change: "unknown", reason: "only_one_side", a: null, difference: null, relative: null }),
        ],
      },
    ],
    ...change,
  };
}
