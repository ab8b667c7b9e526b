// The run as the page knows it, put together from the event stream: a snapshot, then what changed. Pure: no DOM, no clock.
// Rows that did not change stay the same objects, so that what is drawn from them need not be drawn again.
import type * as stream from "../generated/stream.ts";
import { rowKey } from "./from_result.ts";
import { ratios, withActual, withActualOfClass } from "./ratios.ts";
import type { Failure, History, Mark, Numbers, Ratio, Row, TaskException, Track } from "./run.ts";

/** Points that are kept; beyond them every second one of the older half goes. */
const MOST_POINTS = 4_000;
const MOST_LOG_LINES = 2_000;
/** Updates that a sparkline shows. */
const SPARK = 60;

export const NO_STATUS: stream.Status = {
  state: "",
  paused: false,
  user_count: 0,
  target_user_count: 0,
  users_by_class: [],
  host: "",
  shape: null,
  profile: null,
  run: 0,
  started: null,
  ends: null,
  is_distributed: false,
  workers: [],
  generator: {
    level: "ok",
    verdict: "",
    overall: "",
    overall_limit: false,
    cpu_percent: 0,
    memory_bytes: 0,
    in_flight: 0,
    started: 0,
    completed: 0,
    aborted: 0,
    wait_ms: 0,
    wait_max_ms: 0,
    late_share: 0,
  },
  thresholds: [],
  kept_runs: 0,
  in_flight: [],
};

interface Named {
  readonly method: string;
  readonly name: string;
}

/** The last values, and which update brought the newest of them. */
interface Spark {
  readonly at: number;
  readonly values: Numbers;
}

const TOTAL = -1;
const TOTAL_KEY = "\u0000Aggregated";

function prolonged({ at, values }: Spark, now: number): Numbers {
  return [...values, ...Array<number | null>(Math.min(SPARK, now - at)).fill(values.at(-1) ?? null)].slice(-SPARK);
}

/** One value for each of the last seconds before a time, as far back as there are any. */
function lastSeconds(times: readonly number[], values: Numbers, until: number, seconds: number): Numbers {
  const found: Numbers = [];
  let place = times.length - 1;
  for (let time = until - 1; time >= Math.max(times[0] ?? until, until - seconds); time -= 1) {
    while (place > 0 && (times[place] ?? 0) > time) place -= 1;
    found.unshift(values[place] ?? null);
  }
  return found;
}

/** So many values at the most, each the mean of a part. */
function thinned(values: Numbers, most: number): Numbers {
  if (values.length <= most) return values;
  return Array.from({ length: most }, (_, at) => {
    const part = values.slice(Math.floor((at * values.length) / most), Math.floor(((at + 1) * values.length) / most));
    return part.reduce<number>((sum, value) => sum + (value ?? 0), 0) / part.length;
  });
}

export class Live {
  settings: stream.StreamSettings = {
    version: "",
    locustfile: "",
    percentiles: [],
    chart_percentiles: [],
    read_only: false,
  };
  status: stream.Status = NO_STATUS;
  time = 0;
  total: Row = emptyRow;
  currentPercentiles: Numbers = [];
  rows: readonly Row[] = [];
  failures: readonly Failure[] = [];
  exceptions: readonly TaskException[] = [];
  ratios: { readonly perClass: readonly Ratio[]; readonly total: readonly Ratio[] } = { perClass: [], total: [] };
  logs: readonly string[] = [];
  marks: readonly Mark[] = [];
  /** Counts lines ever got, so that a reader knows which are new. */
  logLines = 0;
  /** Counts snapshots: with each the sparklines begin anew, and their past is wanted again. */
  snapshots = 0;
  /** When the run ended, or the newest figures while it lasts. */
  ended = 0;

  private sequence = -1;
  private points: stream.Point[] = [];
  private readonly names = new Map<number, Named>();
  private readonly byId = new Map<number, Row>();
  private readonly failureById = new Map<number, Failure>();
  private readonly watched = new Map<string, stream.Figures[]>();
  private watchedFrom = new Map<string, number>();
  private readonly sparks = new Map<number, Spark>();
  private updates = 0;
  private sparksFrom = 0;
  /** Requests per second over the whole run by name, once it is over. */
  private whole: ReadonlyMap<string, Numbers> | null = null;
  private drawn: History | null = null;

  snapshot(message: stream.SnapshotMessage): void {
    this.settings = message.settings;
    this.sequence = message.sequence;
    this.snapshots += 1;
    this.clear();
    this.sparksFrom = message.time;
    this.points = [...message.points];
    while (this.points.length > MOST_POINTS) this.thin();
    this.ended = message.points.at(-1)?.time ?? message.time;
    this.marks = message.marks.map(toMark);
    this.logs = [];
    this.logLines = 0;
    this.watched.clear();
    this.watchedFrom.clear();
    this.take({ ...message, reset: false, point: null, marks: [] });
  }

  /** False if a message before this one is missing, so that a snapshot is needed. */
  update(message: stream.UpdateMessage): boolean {
    if (message.sequence <= this.sequence) return true;
    if (this.sequence >= 0 && message.sequence > this.sequence + 1) return false;
    this.sequence = message.sequence;
    if (message.reset) this.clear();
    this.take(message);
    return true;
  }

  /** Follow these names' series from now on, for the charts. */
  watch(keys: ReadonlySet<string>): void {
    for (const key of keys) {
      if (this.watched.has(key)) continue;
      this.watched.set(key, []);
      this.watchedFrom.set(key, this.points.at(-1)?.time ?? 0);
    }
    for (const key of [...this.watched.keys()]) {
      if (keys.has(key)) continue;
      this.watched.delete(key);
      this.watchedFrom.delete(key);
    }
    this.drawn = null;
  }

  /** The sparklines of what was before the page was opened, or of the whole run when that is over. */
  past(history: History): void {
    const tracks = new Map([[TOTAL_KEY, history.total], ...history.names]);
    if (this.status.state === "stopped") {
      this.whole = new Map([...tracks].map(([key, { rps }]) => [key, thinned(rps, SPARK)]));
      return;
    }
    for (const [id, key] of [[TOTAL, TOTAL_KEY], ...[...this.byId].map(([id, row]) => [id, row.key])] as const) {
      const [spark, track] = [this.sparks.get(Number(id)), tracks.get(String(key))];
      if (spark === undefined || track === undefined) continue;
      const before = lastSeconds(history.times, track.rps, this.sparksFrom, SPARK);
      this.sparks.set(Number(id), { ...spark, values: [...before, ...spark.values].slice(-SPARK) });
    }
    this.sparksFrom = Number.NEGATIVE_INFINITY;
  }

  /** Columns for the charts; worked out when somebody looks, once for each message. */
  get history(): History {
    this.drawn ??= this.draw();
    return this.drawn;
  }

  /** Over the whole run. */
  get meanRps(): number {
    const seconds = this.ended - (this.status.started ?? this.ended);
    return seconds > 0 ? this.total.requests / seconds : 0;
  }

  /** Of the last run. */
  get mostUsers(): number {
    const { run } = this.status;
    return this.points.reduce((most, point) => (point.run === run ? Math.max(most, point.users) : most), 0);
  }

  private clear(): void {
    this.names.clear();
    this.byId.clear();
    this.failureById.clear();
    this.sparks.clear();
    this.rows = [];
    this.failures = [];
  }

  private take(message: stream.UpdateMessage): void {
    this.time = message.time;
    this.updates += 1;
    this.drawn = null;
    this.status = message.status;
    if (message.status.state !== "stopped") this.whole = null;
    this.currentPercentiles = message.current_percentiles;
    this.total = this.row(message.total, { method: "", name: "Aggregated" }, TOTAL);
    for (const [id, method, name] of message.names) this.names.set(id, { method, name });
    for (const figures of message.rows) {
      const named = this.names.get(figures.i);
      if (named !== undefined) this.byId.set(figures.i, this.row(figures, named));
    }
    if (message.rows.length > 0 || message.reset) this.rows = [...this.byId.values()];
    for (const failure of message.failures) this.failureById.set(failure.id, toFailure(failure));
    if (message.failures.length > 0 || message.reset) {
      this.failures = [...this.failureById.values()].sort((a, b) => b.occurrences - a.occurrences);
    }
    if (message.exceptions) this.exceptions = message.exceptions.map(toException);
    if (message.ratios) this.ratios = this.actual(message.ratios);
    if (message.logs.length > 0) {
      this.logLines += message.logs.length;
      this.logs = [...this.logs, ...message.logs].slice(-MOST_LOG_LINES);
    }
    if (message.marks.length > 0) this.marks = [...this.marks, ...message.marks.map(toMark)];
    if (message.point) {
      this.add(message.point, message.rows);
      this.ended = message.point.time;
    }
  }

  private row(figures: stream.Figures, { method, name }: Named, id = figures.i): Row {
    const requests = figures.n;
    const none = requests === 0;
    return {
      key: rowKey(method, name),
      method,
      name,
      requests,
      failures: figures.f ?? 0,
      rps: figures.r,
      failuresPerSecond: figures.e ?? 0,
      minMs: none ? null : figures.l,
      maxMs: none ? null : figures.h,
      meanMs: none ? null : figures.a,
      meanBytes: none ? null : figures.s,
      percentiles: [
        none ? null : figures.m,
        ...this.settings.percentiles.map((_, at) => (none ? null : (figures.p[at] ?? null))),
      ],
      spark: this.spark(id, rowKey(method, name), figures.r),
    };
  }

  /** Requests per second of the last minute; a row of which nothing is said goes on as it was. */
  private spark(id: number, key: string, rps: number): () => Numbers {
    const before = this.sparks.get(id);
    const values = [...(before === undefined ? [] : prolonged(before, this.updates - 1)), rps].slice(-SPARK);
    this.sparks.set(id, { at: this.updates, values });
    return () => {
      const spark = this.sparks.get(id);
      return this.whole?.get(key) ?? (spark === undefined ? [] : prolonged(spark, this.updates));
    };
  }

  private add(point: stream.Point, rows: readonly stream.Figures[]): void {
    this.points.push(point);
    for (const [key, series] of this.watched) {
      const changed = rows.find((figures) => {
        const named = this.names.get(figures.i);
        return named !== undefined && rowKey(named.method, named.name) === key;
      });
      const last = series.at(-1);
      series.push(changed ?? (last === undefined ? QUIET : { ...last, r: 0, e: 0, p: [] }));
    }
    if (this.points.length > MOST_POINTS) this.thin();
  }

  /** Every second point of the older half goes. */
  private thin(): void {
    const half = this.points.length >> 1;
    const keep = (_: unknown, at: number, all: readonly unknown[]) => at >= all.length - half || at % 2 === 1;
    const before = this.points.length;
    for (const [key, series] of this.watched) {
      const offset = before - series.length;
      this.watched.set(
        key,
        series.filter((_, at) => at + offset >= before - half || (at + offset) % 2 === 1),
      );
    }
    this.points = this.points.filter(keep);
  }

  /** Columns for the charts; between two runs there is a gap. */
  private draw(): History {
    const times: number[] = [];
    const users: Numbers = [];
    const rps: Numbers = [];
    const failures: Numbers = [];
    const shares = this.settings.chart_percentiles;
    const percentiles = shares.map((): Numbers => []);
    const tracks = [...this.watched].map(([key, series]) => ({
      key,
      series,
      rps: [] as Numbers,
      failures: [] as Numbers,
      slots: this.nameShares().map((): Numbers => []),
    }));
    const push = (time: number, point: stream.Point | null, at: number) => {
      times.push(time);
      users.push(point?.users ?? null);
      rps.push(point?.rps ?? null);
      failures.push(point?.failures_per_second ?? null);
      for (const [index, list] of percentiles.entries()) list.push(point?.percentiles[index] ?? null);
      for (const track of tracks) {
        const own = point === null ? undefined : track.series[at - (this.points.length - track.series.length)];
        track.rps.push(own?.r ?? null);
        track.failures.push(own === undefined ? null : (own.e ?? 0));
        const values = own === undefined || own.p.length === 0 ? [] : [own.m, ...own.p];
        for (const [index, list] of track.slots.entries()) list.push(values[index] ?? null);
      }
    };
    let last: stream.Point | undefined;
    for (const [at, point] of this.points.entries()) {
      if (last !== undefined && last.run !== point.run) push((last.time + point.time) / 2, null, at);
      push(point.time, point, at);
      last = point;
    }
    const byShare = (lists: readonly Numbers[], of: readonly number[]) =>
      Object.fromEntries(of.map((share, at) => [String(share), lists[at] ?? []]));
    const names = new Map<string, Track>(
      tracks.map((track) => [
        track.key,
        { rps: track.rps, failures: track.failures, percentiles: byShare(track.slots, this.nameShares()) },
      ]),
    );
    return {
      times,
      users,
      total: { rps, failures, percentiles: byShare(percentiles, shares) },
      names,
      marks: this.marks,
    };
  }

  /** Percentiles that rows have: the median before those of the settings. */
  nameShares(): number[] {
    return [0.5, ...this.settings.percentiles];
  }

  private actual({ per_class, total, planned, actual }: stream.Ratios): { perClass: Ratio[]; total: Ratio[] } {
    return {
      perClass: withActualOfClass(ratios(per_class), actual),
      total: withActual(ratios(planned ?? total), actual),
    };
  }
}

const QUIET: stream.Figures = { i: 0, n: 0, r: 0, m: 0, a: 0, l: 0, h: 0, s: 0, p: [] };

export const emptyRow: Row = {
  key: TOTAL_KEY,
  method: "",
  name: "Aggregated",
  requests: 0,
  failures: 0,
  rps: 0,
  failuresPerSecond: 0,
  minMs: null,
  maxMs: null,
  meanMs: null,
  meanBytes: null,
  percentiles: [],
};

const MARK_WORDS: Record<string, string> = { edit: "edited", reset: "reset", pause: "paused", resume: "resumed" };

function toMark(mark: stream.Mark): Mark {
  return { time: mark.time, label: mark.kind === "stop" ? "" : mark.text || (MARK_WORDS[mark.kind] ?? mark.kind) };
}

function toFailure(failure: stream.Failure): Failure {
  return {
    key: String(failure.id),
    method: failure.method,
    name: failure.name,
    error: failure.error,
    occurrences: failure.occurrences,
    firstSeen: failure.first_seen ?? null,
    lastSeen: failure.last_seen ?? null,
    samples: [],
  };
}

function toException(row: stream.ExceptionRow, at: number): TaskException {
  return { key: String(at), count: row.count, message: row.msg, traceback: row.traceback, nodes: row.nodes };
}
