// Made from docs/stream.schema.json by `npm run types`; do not edit.

/** What the server says in JSON of its own. */
export type Message = SnapshotMessage | UpdateMessage | AliveMessage | SamplesMessage | PhasesMessage | StoredRun;

/** `event: alive`. */
export interface AliveMessage {
  /** How long the generator has said nothing; it is busy or stuck. */
  silent_seconds: number;
  time: number;
}

/** The beginning of a body, secrets replaced. */
export interface Body {
  /** The whole body's length. */
  bytes: number;
  /** Whether `text` is all of it. */
  complete: boolean;
  /** Whether `text` is bytes in hex, because they are no text. */
  is_hex: boolean;
  text: string;
}

/** An exception that tasks have raised. */
export interface ExceptionRow {
  count: number;
  msg: string;
  /** The names of the nodes, joined by ", ". */
  nodes: string;
  traceback: string;
}

/** One request with its answer. */
export interface Exchange {
  /** When it was told. */
  at: number;
  /** The failure's text; absent if it was none. */
  error: string | null;
  /** Why it was kept: "first", "last" (of a failure) or "slowest" (of a name). */
  kept: Kept;
  method: string;
  name: string;
  /** Microseconds by phase: "blocked", "dns", "connect", "tls", "send", "wait", "receive"; those that took place, where it was measured. Redirects add up. */
  phases_us: Record<string, number>;
  /** The beginning of the body. */
  request_body: Body | null;
  /** Request line and headers, secrets replaced. */
  request_head: string | null;
  response_body: Body | null;
  /** Status line and headers, secrets replaced. */
  response_head: string | null;
  response_time_us: number;
  /** Whether all of it went over connections used before; absent where that is unknown. */
  reused_connection: boolean | null;
  url: string | null;
  /** The class of the user that made it, where that is known. */
  user_class: string | null;
  /** Id of the worker that it was made on; absent if it was the process itself. */
  worker: string | null;
}

/** A kind of failure. */
export interface Failure {
  error: string;
  first_seen: number | null;
  id: number;
  last_seen: number | null;
  method: string;
  name: string;
  occurrences: number;
}

/** The figures of one name, or of all together. Short, because there may be ten thousand of them. */
export interface Figures {
  a: number;
  e?: number;
  f?: number;
  h: number;
  /** The row's number; 0 and without meaning in the total. */
  i: number;
  l: number;
  m: number;
  n: number;
  /** In the order of `settings.percentiles`. */
  p: number[];
  /** Requests per second at the moment. */
  r: number;
  /** Average size of a body in bytes. */
  s: number;
}

/** How the generator itself is doing. */
export interface Generator {
  aborted: number;
  completed: number;
  /** Percent of one core. */
  cpu_percent: number;
  in_flight: number;
  /** Share of the last seconds' answers that waited longer than 50 ms. */
  late_share: number;
  /** `ok`, `warning` or `limit`: whether it holds the test back at the moment. */
  level: string;
  memory_bytes: number;
  /** The verdict on the whole process so far. */
  overall: string;
  /** Whether it was the limit over the whole process so far. */
  overall_limit: boolean;
  started: number;
  /** The same in words, with the figures. */
  verdict: string;
  /** The longest wait of the whole process. */
  wait_max_ms: number;
  /** How long answers of the last seconds waited for Python, on average. */
  wait_ms: number;
}

/** A request that has no answer yet. */
export interface InFlight {
  age_seconds: number;
  method: string;
  /** Path and query as on the wire, without secrets; the whole URL if it does not go to the test's host. */
  name: string;
  /** The worker that makes it; empty if this process does. */
  node: string;
  /** What it waits for: `blocked`, `dns`, `connect`, `tls`, `send`, `wait` or `receive`. */
  phase: string;
  /** The class of the user that waits for it; empty if no user does. */
  user_class: string;
}

/** Why an exchange was kept. */
export type Kept = "first" | "last" | "slowest";

/** Something that happened in a run, for the charts. */
export interface Mark {
  /** `start`, `stop`, `edit`, `reset`, `pause`, `resume` or `note`. */
  kind: string;
  text: string;
  time: number;
}

/** A row's number, by which [`Figures`] refer to it, with its method and name. */
export type Name = [number, string, string];

/** One phase of many requests, in milliseconds. */
export interface PhaseSummary {
  /** Requests in which it took place. */
  count: number;
  max_ms: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
  /** "blocked", "dns", "connect", "tls", "send", "wait" or "receive". */
  phase: string;
  total_ms: number;
}

/** `GET /phases`. */
export interface PhasesMessage {
  /** Those with the most requests first. */
  entries: PhasesOf[];
  /** How many there are more of what was asked for. */
  more: number;
  /** Of all requests together; null if nothing is known. */
  total: PhasesOf | null;
}

/** Where the time of one name goes. */
export interface PhasesOf {
  method: string;
  name: string;
  new_connections: number;
  /** In the order of time; phases that never took place are left out. */
  phases: PhaseSummary[];
  requests: number;
  /** Exchanges over connections that were there already, and over new ones. */
  reused_connections: number;
}

/** One second of the charts. */
export interface Point {
  failures_per_second: number;
  /** In the order of `settings.chart_percentiles`; null where unknown. */
  percentiles: (number | null)[];
  rps: number;
  /** Which test it belongs to. */
  run: number;
  time: number;
  users: number;
}

/** Shares of user classes and tasks, each table as `/tasks` gives them: class or task name to `{ratio, tasks}`. */
export interface Ratios {
  /** Shares of everything as they came about, `{ratio, count, tasks}`: of the users that run, and of the tasks that were begun. `ratio` is null where nothing was; workers of Locust say nothing of tasks. */
  actual: unknown;
  /** As `/tasks` says: of the users that run, and by the weights of the tasks of each class. */
  per_class: unknown;
  /** Shares of everything by weights alone, as if no user had been started yet. */
  planned: unknown;
  /** The same as shares of everything. */
  total: unknown;
}

/** `GET /failures/samples`. */
export interface SamplesMessage {
  /** So many are kept of each kind; 0 if none are. */
  kept_of_each: number;
  /** How many there are more of what was asked for. */
  more: number;
  /** As in the result file. */
  samples: Exchange[];
}

/** `event: snapshot`. */
export interface SnapshotMessage {
  /** Percentiles of the last ten seconds, in the order of `settings.chart_percentiles`; null where unknown. */
  current_percentiles: (number | null)[];
  exceptions: ExceptionRow[];
  failures: Failure[];
  logs: string[];
  marks: Mark[];
  names: Name[];
  /** The series of the charts so far, oldest first. */
  points: Point[];
  ratios: Ratios;
  rows: Figures[];
  /** Number of the last update that is included. */
  sequence: number;
  settings: StreamSettings;
  status: Status;
  time: number;
  total: Figures;
  /** [`STREAM_VERSION`]. */
  version: number;
}

/** What the header shows. */
export interface Status {
  /** When this test will be stopped. */
  ends: number | null;
  generator: Generator;
  host: string;
  /** The oldest of the requests that have no answer yet; `generator.in_flight` says how many there are. */
  in_flight: InFlight[];
  is_distributed: boolean;
  /** Runs of this process that are in the history: `/runs` has a new one when this has grown. */
  kept_runs: number;
  /** The load is paused: users stay, and begin no further task. */
  paused: boolean;
  profile: string | null;
  /** Which test of this process this is, from 1; 0 before the first. */
  run: number;
  /** The shape that leads the test, if one does. */
  shape: string | null;
  /** When this test began, or the statistics were cleared last. */
  started: number | null;
  /** `ready`, `spawning`, `running`, `cleanup`, `stopping`, `stopped` or `missing`. */
  state: string;
  target_user_count: number;
  thresholds: Threshold[];
  user_count: number;
  users_by_class: ([string, number])[];
  workers: Worker[];
}

/** A run as a list shows it. */
export interface StoredRun {
  /** Of the packed result. */
  bytes: number;
  ended: number;
  exit_code: number | null;
  /** Thresholds that failed. */
  failed_thresholds: number;
  failures: number;
  host: string | null;
  id: number;
  locustfile: string;
  p95_ms: number | null;
  profile: string | null;
  requests: number;
  /** Over the whole run. */
  rps: number;
  /** Seconds since the epoch. */
  started: number;
  /** "finished" or "interrupted". */
  state: string;
  /** The most there were. */
  users: number;
}

/** What does not change while the process lives. */
export interface StreamSettings {
  /** Percentiles (0 to 1) in [`Point`]. */
  chart_percentiles: number[];
  locustfile: string;
  /** Percentiles (0 to 1) in [`Figures`]. */
  percentiles: number[];
  /** Whether this client may only look. */
  read_only: boolean;
  /** Of Gregaria. */
  version: string;
}

/** A threshold and how it stands. */
export interface Threshold {
  /** `pass`, `fail` or `unknown`. */
  state: string;
  text: string;
  /** The measured value in words. */
  value: string;
}

/** `event: update`. Lists hold only what is new or changed. */
export interface UpdateMessage {
  current_percentiles: (number | null)[];
  /** All of them, if anything changed among them. */
  exceptions: ExceptionRow[] | null;
  failures: Failure[];
  /** Lines that came after those already sent. */
  logs: string[];
  /** Marks that are new. */
  marks: Mark[];
  names: Name[];
  /** The newest point of the charts, if a test runs. */
  point: Point | null;
  ratios: Ratios | null;
  /** Forget all names, rows and failures before this message: a new test has begun, or the statistics were cleared. */
  reset: boolean;
  rows: Figures[];
  sequence: number;
  status: Status;
  time: number;
  total: Figures;
}

/** A worker as the master sees it. */
export interface Worker {
  /** Percent of one core. */
  cpu_usage: number;
  id: string;
  /** How late the worker's own loop is; null of workers that do not say so, Locust's among them. */
  lag_ms: number | null;
  memory_usage: number;
  state: string;
  user_count: number;
}
