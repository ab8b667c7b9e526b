// Made from docs/comparison.schema.json by `npm run types`; do not edit.

/** Everything that can be said about the difference of two runs, or groups of runs. Response times are microseconds, ratios are from 0 to 1; an interval without an end has null there. */
export interface Comparison {
  a: ComparedRun[];
  b: ComparedRun[];
  conditions: Judgement[];
  /** The level of all intervals: 0.95 is 95 %. */
  confidence: number;
  /** Always "gregaria-comparison". */
  format: string;
  /** By name and method. */
  names: Named[];
  /** All requests together, measure by measure. */
  total: Compared[];
  /** What came of it in one line: of the conditions, or else of all requests together. */
  verdict: string;
  version: number;
  /** What bears on the figures, in sentences. */
  warnings: string[];
}

/** What a comparison comes to. */
export type Change = "better" | "worse" | "not_shown" | "unknown";

/** One figure of two sides. */
export interface Compared {
  /** With its interval, if that is known. */
  a: Estimate | null;
  b: Estimate | null;
  /** Runs of one side differ more than their blocks explain, so the spread between runs counts. */
  between_runs: boolean;
  /** Time blocks of each side. */
  blocks: number[];
  change: Change;
  /** Even the longest blocks are correlated: the interval is wider for it, but may still be too narrow. */
  correlated: boolean;
  /** B minus A. Without an interval both ends are infinite, which JSON writes as null. */
  difference: Estimate | null;
  /** Among so many comparisons this one may well be chance ([`mark_chance`]). */
  maybe_chance: boolean;
  measure: string;
  /** How likely so large a difference is by chance alone. */
  p_value: number | null;
  /** Blocks at the same place of both runs were held against each other, so what happens in both at the same time, such as a ramp of users, is no uncertainty. */
  paired: boolean;
  reason: Reason | null;
  /** The same as a share of A: 0.1 is 10 % more. */
  relative: Estimate | null;
}

/** A run of a side. */
export interface ComparedRun {
  failures: number;
  file: string;
  requests: number;
  seconds: number;
  started_at: number;
  users_peak: number;
}

/** A number between two others, all in the measure's unit. */
export interface Estimate {
  high: number | null;
  low: number | null;
  value: number;
}

/** What became of a condition, and why. */
export interface Judgement {
  condition: string;
  /** What was found, in words. */
  found: string;
  outcome: Outcome;
}

/** The measures of one name. */
export interface Named {
  in: Presence;
  measures: Compared[];
  method: string;
  name: string;
  /** Of A and B. */
  requests: number[];
}

/** What became of a condition. */
export type Outcome = "passed" | "failed" | "unknown";

/** Where a name was seen. */
export type Presence = "both" | "a" | "b";

/** Why there is no interval. */
export type Reason = "only_one_side" | "no_series" | "too_few_blocks" | "too_few_requests";
