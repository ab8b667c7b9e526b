// What the engine says of two runs (`/runs/compare`), in words and as rows of a table. Pure. Whether a difference is more than
// chance is the engine's to say and is not judged here again.
import type { Compared, Comparison, Estimate, Named } from "../generated/comparison.ts";
import { duration, figure, percent } from "./format.ts";

/** One measure of one name, or of all requests. */
export interface ComparedRow {
  readonly key: string;
  readonly method: string;
  readonly name: string;
  readonly compared: Compared;
}

export const rowsOf = (names: readonly Named[]): ComparedRow[] =>
  names.flatMap(({ method, name, measures }) =>
    measures.map((compared) => ({ key: `${method}\u0000${name}\u0000${compared.measure}`, method, name, compared })),
  );

/** Whether a difference is shown, even among so many comparisons. */
export const isChange = ({ change, maybe_chance: chance }: Compared): boolean =>
  (change === "better" || change === "worse") && !chance;

const MEASURES: Record<string, string> = { median: "Median", avg: "Mean", rps: "RPS", fail_ratio: "Failed" };
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
  if (measure === "fail_ratio") return [difference, (value) => signed(value * 100, 2, " pp")];
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

/** The engine's line as a sentence, with measures called as in the tables. */
export function verdictWords({ verdict }: Comparison): string {
  const text = verdict.replace(/\b(median|avg|rps|fail_ratio)\b/g, measureName);
  return `${text.replace(/^[a-z](?!\d)/, (first) => first.toUpperCase())}.`;
}

/** Where the ends of the drawings are, so that all of a kind have one scale; one that is far out is cut off. */
export function scaleOf(all: readonly Compared[], ratios: boolean): number {
  const ends = all
    .filter(({ measure }) => (measure === "fail_ratio") === ratios)
    .flatMap((compared) => intervalOf(compared) ?? []);
  return Math.min(1, Math.max(0, ...ends.map(Math.abs)));
}
