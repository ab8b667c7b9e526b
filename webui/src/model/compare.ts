// What the engine says of two runs (`/runs/compare`), in words and as rows of a table. Pure. Whether a difference is more than
// chance is the engine's to say and is not judged here again.
import { duration, figure, percent } from "./format.ts";

/** As crates/stats/src/compare writes it: an interval without an end has null there. */
export interface Estimate {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

export interface Compared {
  /** "median", "p95", "avg", "rps", "fail_ratio". */
  readonly measure: string;
  readonly a: Estimate | null;
  readonly b: Estimate | null;
  readonly difference: Estimate | null;
  readonly relative: Estimate | null;
  readonly change: "better" | "worse" | "not_shown" | "unknown";
  readonly reason: string | null;
  readonly maybe_chance: boolean;
}

export interface ComparedName {
  readonly method: string;
  readonly name: string;
  readonly measures: readonly Compared[];
}

export interface ComparedRun {
  readonly started_at: number;
  readonly seconds: number;
  readonly requests: number;
  readonly failures: number;
  readonly users_peak: number;
}

/** As crates/sinks/src/compare/data.rs writes it: response times in microseconds, ratios from 0 to 1. */
export interface Comparison {
  readonly confidence: number;
  readonly a: readonly ComparedRun[];
  readonly b: readonly ComparedRun[];
  readonly warnings: readonly string[];
  readonly total: readonly Compared[];
  readonly names: readonly ComparedName[];
}

/** One measure of one name, or of all requests. */
export interface ComparedRow {
  readonly key: string;
  readonly method: string;
  readonly name: string;
  readonly compared: Compared;
}

export const rowsOf = (names: readonly ComparedName[]): ComparedRow[] =>
  names.flatMap(({ method, name, measures }) =>
    measures.map((compared) => ({ key: `${method}\u0000${name}\u0000${compared.measure}`, method, name, compared })),
  );

/** Whether a difference is shown, even among so many comparisons. */
export const isChange = ({ change, maybe_chance: chance }: Compared): boolean =>
  (change === "better" || change === "worse") && !chance;

const MEASURES: Record<string, string> = { median: "p50", avg: "Mean", rps: "RPS", fail_ratio: "Failed" };
export const measureName = (measure: string): string => MEASURES[measure] ?? measure;

const REASONS: Record<string, string> = {
  only_one_side: "Only in one of the runs",
  no_series: "Its course was not kept",
  too_few_blocks: "The run was too short",
  too_few_requests: "Too few requests",
};

/** What is to be said of it, and how that looks. */
export function judged(compared: Compared): readonly [string, "worse" | "better" | "none"] {
  const { change, reason } = compared;
  if (change === "unknown") return [REASONS[reason ?? ""] ?? "Nothing to compare", "none"];
  if (change === "not_shown") return ["No difference shown", "none"];
  if (!isChange(compared)) return [`Perhaps ${change}, perhaps chance`, "none"];
  return change === "worse" ? ["Worse", "worse"] : ["Better", "better"];
}

export function valueWords(measure: string, estimate: Estimate | null): string {
  if (estimate === null) return "–";
  if (measure === "fail_ratio") return percent(estimate.value);
  return measure === "rps" ? figure(estimate.value) : duration(estimate.value / 1000);
}

/** What the difference is told as: points of a ratio, else the share of what was, else the difference itself. */
export function told({
  measure,
  difference,
  relative,
}: Compared): readonly [Estimate | null, (value: number) => string] {
  // Shares of a ratio say little: from 0.01 % to 0.02 % is not twice as bad as anything.
  if (measure === "fail_ratio") return [difference, (value) => signed(value * 100, 2, " points")];
  if (relative !== null) return [relative, (value) => signed(value * 100, Math.abs(value) >= 1 ? 0 : 1, " %")];
  if (measure === "rps") return [difference, (value) => signed(value, 2, "/s")];
  return [difference, (value) => signed(value / 1000, 2, " ms")];
}

export function differenceWords(compared: Compared): string {
  const [estimate, show] = told(compared);
  return estimate === null ? "–" : show(estimate.value);
}

/** The interval, if it is known at both ends. */
export function intervalOf(compared: Compared): readonly [number, number] | null {
  const [estimate] = told(compared);
  if (estimate === null || estimate.low === null || estimate.high === null || compared.reason !== null) return null;
  return [estimate.low, estimate.high];
}

export function intervalWords(compared: Compared): string {
  const [, show] = told(compared);
  const interval = intervalOf(compared);
  return interval === null ? "" : `${show(interval[0])} to ${show(interval[1])}`;
}

/** Without a minus sign before a zero. */
function signed(value: number, digits: number, unit: string): string {
  const text = Math.abs(value).toFixed(digits);
  const sign = Number(text) === 0 ? "" : value < 0 ? "−" : "+";
  return `${sign}${text}${unit}`;
}

/** All requests together in one sentence. */
export function verdict({ total }: Comparison): string {
  const these = (change: string) =>
    total.filter((compared) => compared.change === change).map(({ measure }) => measureName(measure));
  const found = (["worse", "better"] as const)
    .map((change) => [change, these(change)] as const)
    .filter(([, measures]) => measures.length > 0)
    .map(([change, measures]) => `${measures.join(", ")} ${change}`);
  if (found.length > 0) return `${found.join("; ")}.`;
  return total.some(({ change }) => change === "not_shown")
    ? "No difference can be shown."
    : "Nothing can be said: at least one of the runs was too short.";
}

/** Where the ends of the drawings are, so that all of a kind have one scale; one that is far out is cut off. */
export function scaleOf(all: readonly Compared[], ratios: boolean): number {
  const ends = all
    .filter(({ measure }) => (measure === "fail_ratio") === ratios)
    .flatMap((compared) => intervalOf(compared) ?? []);
  return Math.min(1, Math.max(0, ...ends.map(Math.abs)));
}
