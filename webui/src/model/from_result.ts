// A result file as the components draw it. Pure. Lenient where a report may have left something out to stay small
// (histograms, series of rare names); the file's own reader in Rust is the strict one.
import type { Heat } from "../components/heat.tsx";
import type * as file from "../generated/result.ts";
import { count, duration, percent, plural, withoutVerdict } from "./format.ts";
import { ratios } from "./ratios.ts";
import { bucketValueUs, heatBoundsUs } from "./result_buckets.ts";
import type {
  Bucket,
  Fact,
  FactGroup,
  Failure,
  History,
  Numbers,
  PhaseTimes,
  Row,
  Run,
  Sample,
  Track,
  Verdict,
} from "./run.ts";

export const rowKey = (method: string, name: string): string => `${method}\u0000${name}`;

const toMs = (us: number | null | undefined): number | null => (us == null ? null : us / 1000);

export function fromResult(result: file.ResultFile): Run {
  const { run } = result;
  const shares = Object.keys(result.total.percentiles_us ?? {})
    .map((percentile) => Number((Number(percentile) / 100).toFixed(8)))
    .filter((share) => share < 1)
    .sort((a, b) => a - b);
  const start = run.started_at;
  const locustfile = run.locustfiles.join(", ");
  return {
    title: run.profile ? `Load test: ${run.profile}` : "Load test",
    host: run.host ?? "",
    locustfile,
    start,
    end: run.ended_at,
    percentiles: shares,
    total: row(result.total, shares),
    rows: result.entries.map((entry) => row(entry, shares)),
    otherNames: result.generator.other_names ?? 0,
    peakUsers: run.users_peak,
    history: history(result),
    failures: failures(result),
    exceptions: result.exceptions.map((exception, at) => ({ key: String(at), ...exception })),
    ratios: { perClass: ratios(result.ratios?.per_class), total: ratios(result.ratios?.total) },
    verdict: verdict(result),
    facts: facts(result, locustfile),
  };
}

function row(entry: file.Entry, shares: readonly number[]): Row {
  const timed = entry.requests - entry.without_time;
  const buckets = decode(entry.histogram);
  return {
    key: rowKey(entry.method, entry.name),
    method: entry.method,
    name: entry.name,
    requests: entry.requests,
    failures: entry.failures,
    rps: entry.requests_per_second,
    failuresPerSecond: entry.failures_per_second,
    minMs: toMs(entry.min_us),
    maxMs: toMs(entry.max_us),
    meanMs: timed > 0 ? entry.total_us / timed / 1000 : null,
    meanBytes: entry.requests > 0 ? entry.bytes / entry.requests : null,
    percentiles: shares.map((share) => toMs(entry.percentiles_us?.[percentileKey(share)])),
    ...(buckets.length > 0 ? { buckets } : {}),
    ...(entry.phases == null ? {} : { phases: phaseTimes(entry.phases) }),
  };
}

const percentileKey = (share: number): string => String(Number((share * 100).toFixed(6)));

/** `[gap, count, …]` as bounds in ms and counts. */
export function decode(pairs: readonly number[] | undefined): Bucket[] {
  const buckets: Bucket[] = [];
  let index = 0;
  for (let at = 0; pairs !== undefined && at + 1 < pairs.length; at += 2) {
    index += pairs[at] ?? 0;
    buckets.push([bucketValueUs(index) / 1000, pairs[at + 1] ?? 0]);
  }
  return buckets;
}

const PHASES = ["blocked", "dns", "connect", "tls", "send", "wait", "receive"];

/** Means over all requests, also those that had no such phase, so that they add up to the mean response time. */
function phaseTimes(phases: file.Phases): PhaseTimes {
  const decoded = PHASES.map((name) => ({ name, buckets: decode(phases.histograms[name]) }));
  const counts = decoded.map(({ buckets }) => buckets.reduce((sum, [, amount]) => sum + amount, 0));
  const all = Math.max(0, ...counts);
  return {
    count: all,
    reused: phases.reused_connections,
    versions: phases.http_versions ?? {},
    phases: decoded.map(({ name, buckets }, at) => ({
      name,
      count: counts[at] ?? 0,
      meanMs: all > 0 ? buckets.reduce((sum, [value, amount]) => sum + value * amount, 0) / all : 0,
    })),
  };
}

/** How many windows there are up to the last in which anything was; what follows is the time until the process ended. */
function windows(result: file.ResultFile): number {
  const busy = result.history.total.flatMap((segment) =>
    segment.start.map((_, at) => (segment.users[at] ?? 0) > 0 || (segment.requests[at] ?? 0) > 0),
  );
  return busy.lastIndexOf(true) + 1;
}

function history(result: file.ResultFile): History {
  const segments = result.history.total;
  const length = windows(result);
  const times = segments.flatMap((segment) => segment.start).slice(0, length);
  const steps = segments.flatMap((segment) => segment.start.map(() => segment.step_s)).slice(0, length);
  const names = new Map<string, Track>();
  for (const { entry, segments: own } of result.history.entries) {
    const named = result.entries[entry];
    if (named !== undefined) names.set(rowKey(named.method, named.name), alignedTrack(own, times, steps));
  }
  return {
    times,
    users: segments.flatMap((segment) => segment.users).slice(0, length),
    total: alignedTrack(segments, times, steps),
    names,
    marks: (result.marks ?? []).map(({ at, text }) => ({ time: at, label: text })),
  };
}

/** Segments on the common time axis: a window wider than the axis fills all it covers, narrower ones add up. */
export function alignedTrack(
  segments: readonly file.Segment[],
  times: readonly number[],
  steps: readonly number[],
): Track {
  const rps: number[] = times.map(() => 0);
  const failed: number[] = times.map(() => 0);
  const [p50, p95, p99]: Numbers[] = [0, 1, 2].map(() => times.map(() => null)) as [Numbers, Numbers, Numbers];
  for (const segment of segments) {
    for (const [at, start] of segment.start.entries()) {
      const from = lastAtOrBefore(times, start);
      for (let place = Math.max(0, from); place < times.length; place += 1) {
        const time = times[place] ?? 0;
        if (time >= start + segment.step_s) break;
        const width = Math.max(steps[place] ?? 1, segment.step_s);
        rps[place] = (rps[place] ?? 0) + (segment.requests[at] ?? 0) / width;
        failed[place] = (failed[place] ?? 0) + (segment.failures[at] ?? 0) / width;
        if ((segment.requests[at] ?? 0) === 0) continue;
        if (p50) p50[place] = toMs(segment.p50_us[at]);
        if (p95) p95[place] = toMs(segment.p95_us[at]);
        if (p99) p99[place] = toMs(segment.p99_us[at]);
      }
    }
  }
  return { rps, failures: failed, percentiles: { 0.5: p50 ?? [], 0.95: p95 ?? [], 0.99: p99 ?? [] } };
}

function lastAtOrBefore(times: readonly number[], time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function heatOf(result: file.ResultFile): Heat | null {
  const segments = result.history.total;
  const cells = segments.flatMap((segment) =>
    (segment.heat ?? []).map((pairs) => {
      const column: [number, number, number][] = [];
      for (let at = 0; at + 1 < pairs.length; at += 2) {
        const [low, high] = heatBoundsUs(pairs[at] ?? 0);
        column.push([low / 1000, high / 1000, pairs[at + 1] ?? 0]);
      }
      return column;
    }),
  );
  if (cells.every((column) => column.length === 0)) return null;
  const length = windows(result);
  const times = segments.flatMap((segment) => segment.start).slice(0, length);
  return { times, step: segments.at(-1)?.step_s ?? 1, cells: cells.slice(0, length) };
}

function failures(result: file.ResultFile): Failure[] {
  const samples = result.samples ?? [];
  return [...result.failures]
    .sort((a, b) => b.occurrences - a.occurrences)
    .map((failure) => ({
      key: `${rowKey(failure.method, failure.name)}\u0000${failure.error}`,
      method: failure.method,
      name: failure.name,
      error: failure.error,
      occurrences: failure.occurrences,
      firstSeen: failure.first_seen ?? null,
      lastSeen: failure.last_seen ?? null,
      samples: samples
        .filter((each) => each.error === failure.error && each.name === failure.name && each.method === failure.method)
        .map(sampleOf),
    }));
}

/** The slowest exchanges that were kept, whether they failed or not. */
export function slowest(result: file.ResultFile): Sample[] {
  return (result.samples ?? [])
    .filter((sample) => sample.kept === "slowest")
    .sort((a, b) => b.response_time_us - a.response_time_us)
    .map((sample) => ({ ...sampleOf(sample), title: `${sample.method} ${sample.name}` }));
}

const KEPT: Record<string, string> = {
  first: "One of the first",
  last: "One of the last",
  slowest: "One of the slowest",
};

function noteOf({ user_class, worker, reused_connection, phases_us }: file.Exchange): string {
  const connection = reused_connection == null ? "" : reused_connection ? "open connection" : "new connection";
  const phases = PHASES.filter((phase) => phases_us?.[phase]).map(
    (phase) => `${phase} ${duration(toMs(phases_us?.[phase]))}`,
  );
  return [user_class, worker && `worker ${worker}`, connection, phases.join(", ")].filter(Boolean).join(" · ");
}

function sampleOf(sample: file.Exchange): Sample {
  const body = (title: string, part: file.Body | null | undefined) =>
    part == null || part.bytes === 0
      ? []
      : [
          {
            title: `${title}, ${plural(part.bytes, "byte")}${part.is_hex ? ", in hex" : ""}`,
            text: part.text,
            cut: !part.complete,
          },
        ];
  const head = (title: string, text: string | null | undefined) => (text ? [{ title, text: text.trimEnd() }] : []);
  return {
    title: KEPT[sample.kept] ?? sample.kept,
    note: noteOf(sample),
    at: sample.at,
    elapsedMs: sample.response_time_us / 1000,
    parts: [
      ...(sample.url ? [{ title: "URL", text: sample.url }] : []),
      ...head("Request", sample.request_head),
      ...body("Request body", sample.request_body),
      ...head("Response", sample.response_head),
      ...body("Response body", sample.response_body),
    ],
  };
}

function verdict(result: file.ResultFile): Verdict {
  const { run, total, generator } = result;
  const thresholds = (result.thresholds ?? []).map((threshold) => ({
    text: threshold.condition,
    judgement: threshold.failed ? ("fail" as const) : ("pass" as const),
    actual: threshold.measured ?? "",
  }));
  const broken = thresholds.filter((threshold) => threshold.judgement === "fail").length;
  const reasons: string[] = [];
  if (broken > 0) reasons.push(`${plural(broken, "threshold")} of ${thresholds.length} broken`);
  if (total.failures > 0) {
    reasons.push(
      `${plural(total.failures, "request")} of ${count(total.requests)} failed (${percent(total.failures / total.requests)})`,
    );
  }
  if (result.exceptions.length > 0) reasons.push(`${plural(result.exceptions.length, "kind")} of exceptions in tasks`);
  if (run.state === "interrupted") reasons.push("The run was interrupted.");
  if (run.state === "running") reasons.push("The run had not ended when this was written.");
  const code = run.exit_code;
  const failed = code == null ? broken > 0 : code !== 0;
  const seconds = Math.max(0, run.ended_at - run.started_at);
  return {
    judgement: failed ? "fail" : code == null ? "none" : "pass",
    headline: `${plural(total.requests, "request")} in ${duration(seconds * 1000)}`,
    reasons,
    thresholds,
    generator: {
      limit: generator.was_the_limit === true,
      words: withoutVerdict(generator.verdict),
      figures: [],
    },
  };
}

function facts(result: file.ResultFile, locustfile: string): FactGroup[] {
  const { run, environment, generator } = result;
  const known = (pairs: readonly (readonly [string, unknown])[]): Fact[] =>
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([label, value]) => ({ label, value: plain(value) }));
  return [
    {
      title: "Run",
      facts: known([
        ["Host", run.host],
        ["Locustfile", locustfile],
        ["User classes", run.user_classes.join(", ")],
        ["Shape", run.shape_class],
        ["Profile", run.profile],
        ["Most users", run.users_peak],
        ["Exit code", run.exit_code],
      ]),
    },
    {
      title: "Machine",
      facts: known([
        ["Gregaria", environment.gregaria],
        ["Python", environment.python],
        ["Platform", environment.platform],
        ["Host name", environment.hostname],
        ["Processors", environment.cpus],
      ]),
    },
    {
      title: "Generator",
      facts: known([
        ["Requests started", count(generator.started)],
        ["Completed", count(generator.completed)],
        ["Cut off at the end", count(generator.aborted)],
        ["Late answers", count(generator.late_answers)],
        ["Longest wait for Python", duration(generator.queued_max_s * 1000)],
      ]),
    },
    {
      title: "Settings",
      facts: known(Object.entries(result.settings)),
    },
  ];
}

const plain = (value: unknown): string =>
  typeof value === "string" ? value : Array.isArray(value) ? value.map(plain).join(", ") : JSON.stringify(value);
