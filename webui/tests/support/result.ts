// Result files for tests, made up but the same every time: so many names over so many seconds, with hostile texts among them.
import type { Entry, ResultFile, Segment, TotalSegment } from "../../src/generated/result.ts";

export const HOSTILE = `</script><img src=x onerror="globalThis.broken=1">&amp;'`;

/** Numbers from 0 to 1 that look random. */
export function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

const bucketOf = (us: number): number => {
  const shift = Math.max(0, Math.floor(Math.log2(Math.max(1, us))) - 10);
  return (shift << 10) + Math.floor(us / 2 ** shift);
};

function pairs(values: readonly number[]): number[] {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(bucketOf(value), (counts.get(bucketOf(value)) ?? 0) + 1);
  let last = 0;
  return [...counts]
    .sort((a, b) => a[0] - b[0])
    .flatMap(([index, amount]) => {
      const gap = index - last;
      last = index;
      return [gap, amount];
    });
}

const PERCENTILES = ["50", "66", "75", "80", "90", "95", "98", "99", "99.9", "99.99", "100"];

function entry(method: string, name: string, values: number[], failures: number, seconds: number): Entry {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return {
    method,
    name,
    requests: values.length,
    failures,
    without_time: 0,
    total_us: values.reduce((sum, value) => sum + value, 0),
    min_us: sorted[0] ?? null,
    max_us: sorted.at(-1) ?? null,
    bytes: values.length * 812,
    requests_per_second: values.length / seconds,
    failures_per_second: failures / seconds,
    percentiles_us: Object.fromEntries(PERCENTILES.map((each) => [each, at(Number(each) / 100)])),
    histogram: pairs(values),
    phases: {
      reused_connections: Math.floor(values.length * 0.9),
      histograms: {
        blocked: pairs(values.map((value) => value * 0.02)),
        connect: pairs(values.filter((_, index) => index % 10 === 0).map((value) => value * 0.3)),
        tls: pairs(values.filter((_, index) => index % 10 === 0).map((value) => value * 0.4)),
        send: pairs(values.map((value) => value * 0.05)),
        wait: pairs(values.map((value) => value * 0.7)),
        receive: pairs(values.map((value) => value * 0.16)),
      },
    },
  };
}

function segment(start: number, seconds: number, random: () => number, scale: number): Segment {
  const series = (value: (second: number) => number) =>
    Array.from({ length: seconds }, (_, second) => Math.round(value(second)));
  const slow = (second: number) => 1 + (second > seconds * 0.6 && second < seconds * 0.7 ? 4 : 0) + random() * 0.4;
  return {
    step_s: 1,
    start: series((second) => start + second),
    requests: series((second) => scale * Math.min(1, second / (seconds / 4)) * (90 + 20 * random())),
    failures: series((second) => (second > seconds * 0.6 && second < seconds * 0.7 ? scale * 6 * random() : 0)),
    bytes: series(() => scale * 90_000),
    mean_us: series((second) => 14_000 * slow(second)),
    p50_us: series((second) => 11_000 * slow(second)),
    p95_us: series((second) => 32_000 * slow(second)),
    p99_us: series((second) => 61_000 * slow(second)),
    max_us: series((second) => 120_000 * slow(second)),
  };
}

export function resultFile(names = 12, seconds = 120): ResultFile {
  const random = dice(7);
  const start = 1_795_237_589;
  const methods = ["GET", "GET", "GET", "POST", "PUT", "DELETE"];
  const places = ["/", "/cart", "/products/[id]", "/search?q=[term]", "/login", "/api/v2/orders/[id]/items"];
  const entries = Array.from({ length: names }, (_, index) => {
    const base = 3000 + 9000 * random();
    const values = Array.from({ length: names > 500 ? 8 : 900 }, () => base * (1 + random() ** 8 * 30));
    const name =
      index === 5 ? `/x${HOSTILE}` : `${places[index % places.length]}${index < places.length ? "" : `/${index}`}`;
    return entry(methods[index % methods.length] ?? "GET", name, values, index % 4 === 3 ? 12 : 0, seconds);
  });
  const everything = entries.flatMap((each) =>
    Array.from({ length: Math.min(each.requests, 400) }, () => 3000 + 20_000 * random() ** 6),
  );
  const total = {
    ...entry(
      "",
      "Aggregated",
      everything,
      entries.reduce((sum, each) => sum + each.failures, 0),
      seconds,
    ),
  };
  const windows = segment(start, seconds, random, 1);
  const whole: TotalSegment = {
    ...windows,
    users: windows.start.map((_, second) => Math.min(50, second)),
    heat: windows.start.map((_, second) =>
      Array.from({ length: 14 }, (__, cell) => [
        70 + cell + (second > seconds * 0.6 && second < seconds * 0.7 ? 12 : 0),
        Math.ceil(90 * random() ** (cell + 1)),
      ]).flat(),
    ),
  };
  return {
    format: "gregaria-result",
    version: 1,
    run: {
      started_at: start,
      ended_at: start + seconds,
      state: "finished",
      exit_code: 3,
      locustfiles: ["locustfile.py"],
      user_classes: ["Visitor", "Buyer"],
      host: "https://shop.example.test",
      users_peak: 50,
    },
    environment: { gregaria: "0.1.0", python: "3.11.7", platform: "Linux-6.18-x86_64", hostname: "loader-1", cpus: 2 },
    settings: { users: 50, spawn_rate: 1, run_time: seconds, tags: ["a", "b"], note: HOSTILE },
    total,
    entries,
    history: {
      total: [whole],
      entries: entries
        .slice(0, 40)
        .map((_, index) => ({ entry: index, segments: [segment(start, seconds, random, 1 / names)] })),
    },
    failures: [
      {
        method: "POST",
        name: places[3] ?? "",
        error: `HTTPError('500 Server Error: Internal Server Error for url: /search${HOSTILE}')`,
        occurrences: 12,
        first_seen: start + 70,
        last_seen: start + 80.5,
      },
      {
        method: "GET",
        name: "/",
        error: "ConnectionRefusedError(111, 'Connection refused')",
        occurrences: 3,
        first_seen: start + 71,
        last_seen: start + 72,
      },
    ],
    exceptions: [
      {
        count: 2,
        message: `KeyError: ${HOSTILE}`,
        traceback: `Traceback (most recent call last):\n  File "locustfile.py", line 12, in buy\n    basket["${HOSTILE}"]\nKeyError`,
        nodes: "local",
      },
    ],
    samples: [
      {
        kept: "first",
        method: "POST",
        name: places[3] ?? "",
        error: `HTTPError('500 Server Error: Internal Server Error for url: /search${HOSTILE}')`,
        at: start + 70,
        response_time_us: 48_211,
        url: `https://shop.example.test/search?q=${HOSTILE}`,
        request_head: "POST /search HTTP/1.1\r\nHost: shop.example.test\r\nCookie: (removed)\r\n\r\n",
        request_body: { text: '{"q": "boots"}', bytes: 14, complete: true },
        response_head: "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/html\r\n\r\n",
        response_body: { text: `<h1>Sorry${HOSTILE}</h1>`, bytes: 9000, complete: false },
      },
      {
        kept: "slowest",
        method: "GET",
        name: "/cart",
        at: start + 77,
        response_time_us: 912_000,
        url: "https://shop.example.test/cart",
      },
    ],
    ratios: {
      per_class: {
        Buyer: { ratio: 1, tasks: { buy: { ratio: 0.25 }, look: { ratio: 0.75 } } },
        Visitor: { ratio: 1, tasks: { home: { ratio: 1 } } },
      },
      total: {
        Buyer: { ratio: 0.2, tasks: { buy: { ratio: 0.05 }, look: { ratio: 0.15 } } },
        Visitor: { ratio: 0.8, tasks: { home: { ratio: 0.8 } } },
      },
    },
    thresholds: [
      { condition: "p95 > 50ms", failed: false, measured: "32 ms" },
      { condition: "fail_ratio > 0.1%", failed: true, measured: "0.33 %" },
    ],
    generator: {
      was_the_limit: false,
      verdict: "The generator kept up: answers waited 0.3 ms for Python at the most.",
      started: 10_800,
      completed: 10_798,
      aborted: 2,
      late_answers: 0,
      queued_total_s: 0.9,
      queued_max_s: 0.0003,
    },
  };
}
