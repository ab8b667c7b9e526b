// What the components draw: one run, live or finished, in the units people read (milliseconds, seconds since 1970).
// The page fills it from the event stream, the report from a result file; components know neither.

export type Numbers = (number | null)[];

/** Upper bound of the bucket in ms, and how many responses fell into it; ascending. */
export type Bucket = readonly [number, number];

export interface Row {
  readonly key: string;
  readonly method: string;
  readonly name: string;
  readonly requests: number;
  readonly failures: number;
  /** Per second: now on the page, over the whole run in the report. */
  readonly rps: number;
  readonly failuresPerSecond: number;
  readonly minMs: number | null;
  readonly maxMs: number | null;
  readonly meanMs: number | null;
  readonly meanBytes: number | null;
  /** Aligned with the percentiles of the run, in ms. */
  readonly percentiles: Numbers;
  readonly buckets?: readonly Bucket[];
  readonly phases?: PhaseTimes;
  /** Requests per second of the last minute up to now, oldest first. */
  readonly spark?: () => Numbers;
}

export interface PhaseTimes {
  /** Requests with phases measured, and how many of them went over a connection that was open already. */
  readonly count: number;
  readonly reused: number;
  /** Responses by version of HTTP. */
  readonly versions: { readonly [version: string]: number };
  readonly phases: readonly Phase[];
}

export interface Phase {
  readonly name: string;
  readonly meanMs: number;
  readonly p95Ms?: number | null;
  /** How many requests had this phase at all. */
  readonly count?: number;
}

export interface Track {
  readonly rps: Numbers;
  readonly failures: Numbers;
  readonly percentiles: Readonly<Record<string, Numbers>>;
}

export interface Mark {
  readonly time: number;
  readonly label: string;
}

export interface History {
  readonly times: readonly number[];
  readonly users: Numbers;
  readonly total: Track;
  readonly names: ReadonlyMap<string, Track>;
  readonly marks: readonly Mark[];
}

export interface Sample {
  readonly title: string;
  /** Who made it, over what kind of connection, and where its time went. */
  readonly note?: string;
  readonly at?: number | undefined;
  readonly elapsedMs?: number | null | undefined;
  readonly parts: readonly { readonly title: string; readonly text: string; readonly cut?: boolean }[];
}

export interface Failure {
  readonly key: string;
  readonly method: string;
  readonly name: string;
  readonly error: string;
  readonly occurrences: number;
  readonly firstSeen: number | null;
  readonly lastSeen: number | null;
  readonly samples: readonly Sample[];
}

export interface TaskException {
  readonly key: string;
  readonly count: number;
  readonly message: string;
  readonly traceback: string;
  readonly nodes: string;
}

export interface Ratio {
  readonly name: string;
  /** Share planned by weights; of everything, 0 to 1. */
  readonly planned: number;
  /** Share of what has really run, where that is known. */
  readonly actual?: number | null;
  readonly children: readonly Ratio[];
}

export type Judgement = "pass" | "fail" | "none";

export interface Threshold {
  readonly text: string;
  readonly judgement: Judgement;
  readonly actual: string;
}

export interface Verdict {
  readonly judgement: Judgement;
  readonly headline: string;
  readonly reasons: readonly string[];
  readonly thresholds: readonly Threshold[];
  readonly generator: GeneratorHealth | null;
}

export interface GeneratorHealth {
  /** Whether the generator, not the server, was what limited the run. */
  readonly limit: boolean;
  readonly words: string;
  readonly figures: readonly Fact[];
}

export interface Fact {
  readonly label: string;
  readonly value: string;
}

export interface FactGroup {
  readonly title: string;
  readonly facts: readonly Fact[];
}

export interface Run {
  readonly title: string;
  readonly host: string;
  readonly locustfile: string;
  readonly start: number;
  readonly end: number;
  /** Which percentiles rows have, 0 to 1, ascending. */
  readonly percentiles: readonly number[];
  readonly total: Row;
  readonly rows: readonly Row[];
  /** How many names were not listed on their own. */
  readonly otherNames: number;
  readonly peakUsers: number;
  readonly history: History;
  readonly failures: readonly Failure[];
  readonly exceptions: readonly TaskException[];
  readonly ratios: { readonly perClass: readonly Ratio[]; readonly total: readonly Ratio[] };
  readonly verdict: Verdict;
  readonly facts: readonly FactGroup[];
}
