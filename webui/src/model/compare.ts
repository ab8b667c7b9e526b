// Two runs held side by side: each figure before and after, by name, and what stands out in words. Pure. It tells what
// changed, not whether that could be chance: a small change between two runs usually is.
import { count, duration, figure, percent, plural } from "./format.ts";
import type { Row, Run } from "./run.ts";

export interface Pair {
  readonly key: string;
  readonly method: string;
  readonly name: string;
  readonly before: Row | null;
  readonly after: Row | null;
}

export interface Comparison {
  readonly before: Run;
  readonly after: Run;
  readonly total: Pair;
  readonly pairs: readonly Pair[];
  readonly words: readonly Finding[];
  /** Settings that are not the same: name, before, after. */
  readonly settings: readonly (readonly [string, string, string])[];
}

export interface Finding {
  readonly text: string;
  readonly judgement: "better" | "worse" | "other";
}

/** Relative changes up to this are as often noise as not. */
const NOTABLE = 0.1;
/** Names with fewer requests in either run have no percentiles worth comparing. */
const ENOUGH = 100;
const MOST_NAMES = 5;

export function compareRuns(before: Run, after: Run): Comparison {
  const pairs = paired(before.rows, after.rows);
  const total = { key: "", method: "", name: "Aggregated", before: before.total, after: after.total };
  const settings = differing(before, after);
  return { before, after, total, pairs, settings, words: findings(before, after, pairs) };
}

function paired(before: readonly Row[], after: readonly Row[]): Pair[] {
  const later = new Map(after.map((row) => [row.key, row]));
  const known = new Set(before.map((row) => row.key));
  const pair = (row: Row, first: Row | null, second: Row | null): Pair => ({
    key: row.key,
    method: row.method,
    name: row.name,
    before: first,
    after: second,
  });
  return [
    ...before.map((row) => pair(row, row, later.get(row.key) ?? null)),
    ...after.filter((row) => !known.has(row.key)).map((row) => pair(row, null, row)),
  ];
}

/** `0.25` is a quarter more than before; null where there is nothing to compare. */
export function change(before: number | null | undefined, after: number | null | undefined): number | null {
  if (before == null || after == null || before === 0) return null;
  return after / before - 1;
}

export function changeWords(value: number | null): string {
  if (value === null) return "–";
  const rounded = Math.abs(value) < 0.0005 ? 0 : value;
  return `${rounded > 0 ? "+" : rounded < 0 ? "−" : ""}${percent(Math.abs(rounded))}`;
}

export const failedShare = (row: Row | null): number | null =>
  row === null || row.requests === 0 ? null : row.failures / row.requests;

export function percentileOf(run: Run, row: Row | null, share: number): number | null {
  const at = run.percentiles.indexOf(share);
  return at < 0 || row === null ? null : (row.percentiles[at] ?? null);
}

function findings(before: Run, after: Run, pairs: readonly Pair[]): Finding[] {
  const found: Finding[] = [];
  const [first, second] = [before.total, after.total];
  const rate = change(first.rps, second.rps);
  found.push(told("Requests per second", first.rps, second.rps, rate, figure, false));
  for (const share of [0.5, 0.95, 0.99]) {
    const [a, b] = [percentileOf(before, first, share), percentileOf(after, second, share)];
    if (a !== null && b !== null)
      found.push(told(`p${share * 100} of all requests`, a, b, change(a, b), duration, true));
  }
  const [failedBefore, failedAfter] = [failedShare(first) ?? 0, failedShare(second) ?? 0];
  if (failedBefore !== failedAfter) {
    found.push({
      text: `Failed requests: ${percent(failedBefore)} before, ${percent(failedAfter)} after.`,
      judgement: failedAfter > failedBefore ? "worse" : "better",
    });
  }
  found.push(...byName(before, after, pairs), ...circumstances(before, after, pairs));
  return found;
}

function told(
  what: string,
  before: number,
  after: number,
  relative: number | null,
  show: (value: number) => string,
  lessIsBetter: boolean,
): Finding {
  const notable = relative !== null && Math.abs(relative) > NOTABLE;
  const verb = !notable ? "stayed about the same" : (relative ?? 0) > 0 ? "rose" : "fell";
  const better = (relative ?? 0) > 0 !== lessIsBetter;
  return {
    text: `${what} ${verb}: ${show(before)} before, ${show(after)} after (${changeWords(relative)}).`,
    judgement: !notable ? "other" : better ? "better" : "worse",
  };
}

/** The names whose p95 changed most. */
function byName(before: Run, after: Run, pairs: readonly Pair[]): Finding[] {
  return pairs
    .filter((pair) => (pair.before?.requests ?? 0) >= ENOUGH && (pair.after?.requests ?? 0) >= ENOUGH)
    .map((pair) => {
      const [a, b] = [percentileOf(before, pair.before, 0.95), percentileOf(after, pair.after, 0.95)];
      return { pair, a, b, relative: change(a, b) };
    })
    .filter(({ relative }) => relative !== null && Math.abs(relative) > NOTABLE)
    .sort((x, y) => Math.abs(Math.log(1 + (y.relative ?? 0))) - Math.abs(Math.log(1 + (x.relative ?? 0))))
    .slice(0, MOST_NAMES)
    .map(({ pair, a, b, relative }) =>
      told(`p95 of ${`${pair.method} ${pair.name}`.trim()}`, a ?? 0, b ?? 0, relative, duration, true),
    );
}

/** What bears on the comparison itself. */
function circumstances(before: Run, after: Run, pairs: readonly Pair[]): Finding[] {
  const found: string[] = [];
  if (before.peakUsers !== after.peakUsers)
    found.push(
      `The load was another: ${count(before.peakUsers)} users at most before, ${count(after.peakUsers)} after.`,
    );
  const gone = pairs.filter((pair) => pair.after === null).length;
  const fresh = pairs.filter((pair) => pair.before === null).length;
  if (gone > 0) found.push(`${plural(gone, "name")} of the first run ${gone === 1 ? "is" : "are"} not in the second.`);
  if (fresh > 0)
    found.push(`${plural(fresh, "name")} of the second run ${fresh === 1 ? "is" : "are"} not in the first.`);
  for (const [run, which] of [
    [before, "first"],
    [after, "second"],
  ] as const) {
    if (run.verdict.generator?.limit)
      found.push(`The generator was the limit in the ${which} run; its load fell behind.`);
  }
  return found.map((text) => ({ text, judgement: "other" }));
}

function differing(before: Run, after: Run): [string, string, string][] {
  const facts = (run: Run) =>
    new Map(
      run.facts
        .filter((group) => group.title !== "Generator")
        .flatMap((group) => group.facts.map((fact) => [fact.label, fact.value] as const)),
    );
  const [first, second] = [facts(before), facts(after)];
  return [...new Set([...first.keys(), ...second.keys()])]
    .filter((label) => first.get(label) !== second.get(label))
    .map((label) => [label, first.get(label) ?? "–", second.get(label) ?? "–"]);
}
