// The messages of `GET events`, as crates/web/src/messages.rs has them.

export interface SnapshotMessage {
  version: number;
  sequence: number;
  settings: StreamSettings;
  time: number;
  status: Status;
  total: Figures;
  current_percentiles: (number | null)[];
  names: Name[];
  rows: Figures[];
  failures: Failure[];
  exceptions: ExceptionRow[];
  ratios: Ratios;
  logs: string[];
  points: Point[];
  marks: Mark[];
}

export interface UpdateMessage {
  sequence: number;
  time: number;
  status: Status;
  total: Figures;
  current_percentiles: (number | null)[];
  reset: boolean;
  names: Name[];
  rows: Figures[];
  failures: Failure[];
  exceptions?: ExceptionRow[] | null;
  ratios?: Ratios | null;
  logs: string[];
  point?: Point | null;
  marks: Mark[];
}

export interface AliveMessage {
  time: number;
  silent_seconds: number;
}

export interface StreamSettings {
  version: string;
  locustfile: string;
  percentiles: number[];
  chart_percentiles: number[];
  read_only: boolean;
}

export interface Status {
  state: string;
  paused: boolean;
  user_count: number;
  target_user_count: number;
  users_by_class: [string, number][];
  host: string;
  shape?: string | null;
  profile?: string | null;
  run: number;
  started?: number | null;
  ends?: number | null;
  is_distributed: boolean;
  workers: Worker[];
  generator: Generator;
  thresholds: Threshold[];
  kept_runs: number;
  in_flight: InFlight[];
}

export interface Worker {
  id: string;
  state: string;
  user_count: number;
  cpu_usage: number;
  memory_usage: number;
}

export interface Generator {
  level: string;
  verdict: string;
  overall: string;
  overall_limit: boolean;
  cpu_percent: number;
  memory_bytes: number;
  in_flight: number;
  started: number;
  completed: number;
  aborted: number;
  wait_ms: number;
  wait_max_ms: number;
  late_share: number;
}

export interface Threshold {
  text: string;
  state: string;
  value: string;
}

export interface InFlight {
  method: string;
  name: string;
  age_seconds: number;
}

export type Name = [number, string, string];

export interface Figures {
  i: number;
  n: number;
  f?: number;
  r: number;
  e?: number;
  m: number;
  a: number;
  l: number;
  h: number;
  s: number;
  p: number[];
}

export interface Failure {
  id: number;
  method: string;
  name: string;
  error: string;
  occurrences: number;
  first_seen?: number | null;
  last_seen?: number | null;
}

export interface ExceptionRow {
  count: number;
  msg: string;
  nodes: string;
  traceback: string;
}

export interface Ratios {
  per_class: unknown;
  total: unknown;
}

export interface Point {
  time: number;
  run: number;
  users: number;
  rps: number;
  failures_per_second: number;
  percentiles: (number | null)[];
}

export interface Mark {
  time: number;
  kind: string;
  text: string;
}
