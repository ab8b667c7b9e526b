// Made from docs/result.schema.json by `npm run types`; do not edit.

/** The result of one run of Gregaria. */
export interface ResultFile {
  /** Each (method, name), by name and then method. */
  entries: Entry[];
  /** Where it ran and with what. */
  environment: Machine;
  /** Exceptions that tasks raised. */
  exceptions: TaskException[];
  /** The failures, in the order in which they were first seen. */
  failures: Failure[];
  /** Always "gregaria-result". */
  format: string;
  /** Whether the generator kept up. */
  generator: Generator;
  /** How the run went, as finely as it is known. */
  history: History;
  /** What happened meanwhile that bears on the figures: workers that were lost and came back. */
  marks?: Mark[];
  /** The same in some hundred windows at most, for charts. */
  overview?: History | null;
  /** Shares of user classes and tasks, as `--show-task-ratio-json` prints them. */
  ratios?: Ratios | null;
  /** What was run, when, and how it ended. */
  run: Run;
  /** Some of the failed and of the slowest requests with their answers. */
  samples?: Exchange[];
  /** The options of the run by name, secrets left out. */
  settings: Record<string, unknown>;
  /** The thresholds that were asked for, and what became of them. */
  thresholds?: Threshold[];
  /** All requests together; its method is empty and its name "Aggregated". */
  total: Entry;
  /** The version of this format. */
  version: number;
}

/** The beginning of a body, secrets replaced. */
export interface Body {
  /** The whole body's length. */
  bytes: number;
  /** Whether `text` is all of it. */
  complete: boolean;
  /** Whether `text` is bytes in hex, because they are no text. */
  is_hex?: boolean;
  text: string;
}

/** The figures of one (method, name). */
export interface Entry {
  /** Bytes of all responses. */
  bytes: number;
  failures: number;
  /** Over the whole run. */
  failures_per_second: number;
  /** Pairs of numbers: how far the bucket is from the one before, and how many samples are in it. docs/results.md says which response times a bucket holds. */
  histogram: number[];
  /** Exact; absent without response times. */
  max_us?: number | null;
  method: string;
  /** Exact; absent without response times. */
  min_us?: number | null;
  name: string;
  /** Response times at percentiles, which are written as in "99.9"; absent without response times. */
  percentiles_us?: Record<string, number>;
  /** What response times are made of, where it was measured. */
  phases?: Phases | null;
  /** All requests, also failed ones. */
  requests: number;
  /** Over the whole run. */
  requests_per_second: number;
  /** The sum of all response times. */
  total_us: number;
  /** Requests that have no response time. */
  without_time: number;
}

/** The series of one entry. */
export interface EntryHistory {
  /** Place in `entries`. */
  entry: number;
  segments: Segment[];
}

/** One request with its answer. */
export interface Exchange {
  /** When it was told. */
  at: number;
  /** The failure's text; absent if it was none. */
  error?: string | null;
  /** Why it was kept: "first", "last" (of a failure) or "slowest" (of a name). */
  kept: Kept;
  method: string;
  name: string;
  /** Microseconds by phase: "blocked", "dns", "connect", "tls", "send", "wait", "receive"; those that took place, where it was measured. Redirects add up. */
  phases_us?: Record<string, number>;
  /** The beginning of the body. */
  request_body?: Body | null;
  /** Request line and headers, secrets replaced. */
  request_head?: string | null;
  response_body?: Body | null;
  /** Status line and headers, secrets replaced. */
  response_head?: string | null;
  response_time_us: number;
  /** Whether all of it went over connections used before; absent where that is unknown. */
  reused_connection?: boolean | null;
  url?: string | null;
  /** The class of the user that made it, where that is known. */
  user_class?: string | null;
  /** Id of the worker that it was made on; absent if it was the process itself. */
  worker?: string | null;
}

/** A kind of failure. */
export interface Failure {
  error: string;
  first_seen?: number | null;
  last_seen?: number | null;
  method: string;
  name: string;
  occurrences: number;
}

/** What the generator knows of itself. */
export interface Generator {
  /** Requests that were cut off as their user was stopped. */
  aborted: number;
  completed: number;
  /** Samples that are missing in the history, because it could not keep up. */
  history_lost?: number;
  /** Answers that waited longer than 50 ms for Python. */
  late_answers: number;
  /** Requests under "(other names)", because there were too many different names. */
  other_names?: number;
  /** The longest one. */
  queued_max_s: number;
  /** Sum of all waits of answers for Python. */
  queued_total_s: number;
  /** Requests handed to the network. */
  started: number;
  /** The verdict as the console shows it. */
  verdict: string;
  /** Whether it was the limit of what was measured; absent if it made no requests of its own. */
  was_the_limit?: boolean | null;
}

/** Series over time. */
export interface History {
  /** Of entries, by their place in `entries`. With very many names only those with the most requests. */
  entries: EntryHistory[];
  /** All requests together, the oldest segment first. */
  total: TotalSegment[];
}

/** Why an exchange was kept. */
export type Kept = "first" | "last" | "slowest";

/** Where it ran. */
export interface Machine {
  /** Processors that the process may use. */
  cpus: number;
  /** The version of Gregaria. */
  gregaria: string;
  hostname: string;
  /** Operating system, its version and the processor's kind. */
  platform: string;
  python: string;
}

/** Something that happened during the run. */
export interface Mark {
  /** When, in seconds since the epoch. */
  at: number;
  /** What, for people. */
  text: string;
}

/** The parts of response times. */
export interface Phases {
  /** Histograms by phase: "blocked", "dns", "connect", "tls", "send", "wait", "receive". */
  histograms: Record<string, number[]>;
  /** Responses by the version of HTTP that they came over: "1.1", "2.0". */
  http_versions?: Record<string, number>;
  /** Requests that went over a connection used before. */
  reused_connections: number;
}

/** Shares of user classes and tasks. */
export interface Ratios {
  per_class: unknown;
  total: unknown;
}

/** What was run. */
export interface Run {
  /** When the last figures were taken. */
  ended_at: number;
  /** The exit code, once it is known. */
  exit_code?: number | null;
  /** The base URL, if there is one for all. */
  host?: string | null;
  /** The locustfiles. */
  locustfiles: string[];
  /** What `--profile` said. */
  profile?: string | null;
  /** The load shape's class, if there was one. */
  shape_class?: string | null;
  /** When the test started (or its statistics were reset). */
  started_at: number;
  /** "running" (the file was left behind by a run that was killed), "finished" or "interrupted". */
  state: RunState;
  /** The user classes that ran. */
  user_classes: string[];
  /** The most users there were. */
  users_peak: number;
}

/** How a run ended. */
export type RunState = "running" | "finished" | "interrupted";

/** Adjacent windows of one width; all lists have the same length. Old parts of a long run have wider windows. */
export interface Segment {
  bytes: number[];
  failures: number[];
  max_us: number[];
  /** Mean response time, 0 where there is none. */
  mean_us: number[];
  p50_us: number[];
  p95_us: number[];
  p99_us: number[];
  requests: number[];
  /** When each window starts; entries have none where nothing happened. */
  start: number[];
  /** Width of the windows in seconds. */
  step_s: number;
}

/** An exception that tasks raised. */
export interface TaskException {
  count: number;
  message: string;
  /** Where it was raised, joined by ", ". */
  nodes: string;
  traceback: string;
}

/** A threshold and what became of it. */
export interface Threshold {
  /** As it was written: "p95 > 400ms". */
  condition: string;
  /** Whether the run failed by it. */
  failed: boolean;
  /** What was measured, in words; absent if nothing was. */
  measured?: string | null;
}

/** A segment of the series of all requests. */
export interface TotalSegment {
  bytes: number[];
  failures: number[];
  /** Requests by class of response time in each window: pairs of class and count. A class c from 8 on holds the times from (8 + c % 8) << (c / 8 + 3) microseconds; smaller ones are 16 microseconds wide. */
  heat: (number[])[];
  max_us: number[];
  /** Mean response time, 0 where there is none. */
  mean_us: number[];
  p50_us: number[];
  p95_us: number[];
  p99_us: number[];
  requests: number[];
  /** When each window starts; entries have none where nothing happened. */
  start: number[];
  /** Width of the windows in seconds. */
  step_s: number;
  /** Users at the end of each window. */
  users: number[];
}
