import { expect, test } from "vitest";
import type { Figures, Point, SnapshotMessage, UpdateMessage } from "../src/generated/stream.ts";
import { rowKey } from "../src/model/from_result.ts";
import { Live, NO_STATUS } from "../src/model/live.ts";

const figures = (i: number, n: number, r = 1): Figures => ({ i, n, r, m: 5, a: 6, l: 1, h: 9, s: 100, p: [8, 9] });
const point = (time: number, run = 1): Point => ({
  time,
  run,
  users: 3,
  rps: 10,
  failures_per_second: 0,
  percentiles: [5, null],
});

function snapshot(change: Partial<SnapshotMessage> = {}): SnapshotMessage {
  return {
    version: 1,
    sequence: 10,
    settings: {
      version: "0.1.0",
      locustfile: "l.py",
      percentiles: [0.95, 0.99],
      chart_percentiles: [0.5, 0.95],
      read_only: false,
    },
    time: 100,
    status: {
      ...NO_STATUS,
      state: "running",
      users_by_class: [
        ["Visitor", 3],
        ["Buyer", 1],
      ],
    },
    total: figures(0, 7),
    current_percentiles: [5, null],
    names: [
      [0, "GET", "/"],
      [4, "POST", "/cart"],
    ],
    rows: [figures(0, 4), figures(4, 3)],
    failures: [],
    exceptions: [],
    ratios: { per_class: { Visitor: { ratio: 1 } }, total: { Visitor: { ratio: 0.5 }, Buyer: { ratio: 0.5 } } },
    logs: ["one"],
    points: [point(98), point(99)],
    marks: [{ time: 98, kind: "start", text: "Run #1" }],
    ...change,
  };
}

function update(sequence: number, change: Partial<UpdateMessage> = {}): UpdateMessage {
  return {
    sequence,
    time: 90 + sequence,
    status: { ...NO_STATUS, state: "running" },
    total: figures(0, 8),
    current_percentiles: [],
    reset: false,
    names: [],
    rows: [],
    failures: [],
    logs: [],
    marks: [],
    ...change,
  };
}

function begun(): Live {
  const live = new Live();
  live.snapshot(snapshot());
  return live;
}

test("a snapshot is the whole state", () => {
  const live = begun();
  expect(live.rows.map((row) => [row.key, row.requests, row.percentiles])).toEqual([
    [rowKey("GET", "/"), 4, [5, 8, 9]],
    [rowKey("POST", "/cart"), 3, [5, 8, 9]],
  ]);
  expect(live.history.times).toEqual([98, 99]);
  expect(live.history.total.percentiles).toEqual({ 0.5: [5, 5], 0.95: [null, null] });
  expect(live.ratios.total.map((ratio) => [ratio.planned, ratio.actual])).toEqual([
    [0.5, 0.75],
    [0.5, 0.25],
  ]);
  expect(live.history.marks).toEqual([{ time: 98, label: "Run #1" }]);
});

test("an update changes what it names and leaves the other rows as they are", () => {
  const live = begun();
  const [, cart] = live.rows;
  expect(live.update(update(11, { rows: [figures(0, 5)], names: [[5, "GET", "/new"]], point: point(101) }))).toBe(true);
  expect(live.rows[0]?.requests).toBe(5);
  expect(live.rows[1]).toBe(cart);
  expect(live.rows[0]?.spark).toEqual([1, 1]);
  expect(live.history.times.at(-1)).toBe(101);
});

test("an update that came twice is passed over, and a missing one is noticed", () => {
  const live = begun();
  expect(live.update(update(10, { rows: [figures(0, 99)] }))).toBe(true);
  expect(live.rows[0]?.requests).toBe(4);
  expect(live.update(update(12))).toBe(false);
});

test("a reset forgets names, rows and failures", () => {
  const live = begun();
  live.update(update(11, { failures: [{ id: 0, method: "GET", name: "/", error: "E", occurrences: 2 }] }));
  expect(live.failures).toHaveLength(1);
  live.update(update(12, { reset: true, names: [[0, "PUT", "/other"]], rows: [figures(0, 1)] }));
  expect(live.rows.map((row) => row.name)).toEqual(["/other"]);
  expect(live.failures).toEqual([]);
});

test("failures come with the most frequent first, and exceptions replace the old ones", () => {
  const live = begun();
  const failure = (id: number, occurrences: number) => ({ id, method: "GET", name: "/", error: `E${id}`, occurrences });
  live.update(update(11, { failures: [failure(0, 1), failure(1, 5)] }));
  live.update(
    update(12, { failures: [failure(0, 9)], exceptions: [{ count: 1, msg: "m", nodes: "local", traceback: "t" }] }),
  );
  expect(live.failures.map((each) => [each.error, each.occurrences])).toEqual([
    ["E0", 9],
    ["E1", 5],
  ]);
  expect(live.exceptions).toHaveLength(1);
});

test("between two runs the charts have a gap", () => {
  const live = begun();
  live.update(update(11, { point: point(120, 2) }));
  expect(live.history.times).toEqual([98, 99, 109.5, 120]);
  expect(live.history.users).toEqual([3, 3, null, 3]);
});

test("a watched name is drawn from when it is watched, at nothing while nothing comes", () => {
  const live = begun();
  const key = rowKey("GET", "/");
  live.watch(new Set([key]));
  live.update(update(11, { point: point(101), rows: [figures(0, 5, 7)] }));
  live.update(update(12, { point: point(102) }));
  const track = live.history.names.get(key);
  expect(track?.rps).toEqual([null, null, 7, 0]);
  expect(track?.percentiles["0.99"]).toEqual([null, null, 9, null]);
  live.watch(new Set());
  expect(live.history.names.size).toBe(0);
});

test("a day of points stays bounded, and a watched name stays beside them", () => {
  const live = new Live();
  live.snapshot(snapshot({ points: [] }));
  const key = rowKey("GET", "/");
  live.watch(new Set([key]));
  for (let second = 1; second <= 9_000; second += 1) {
    live.update(update(10 + second, { point: point(1000 + second), rows: [figures(0, second, second)] }));
  }
  const { times, names } = live.history;
  expect(times.length).toBeLessThanOrEqual(4_000);
  expect(times[0]).toBeLessThan(1_100);
  expect(names.get(key)?.rps).toEqual(times.map((time) => time - 1000));
}, 60_000);

test("ten thousand names take an update in little time", () => {
  const live = new Live();
  const names = Array.from({ length: 10_000 }, (_, at): [number, string, string] => [at, "GET", `/${at}`]);
  live.snapshot(snapshot({ names, rows: names.map(([at]) => figures(at, 1)) }));
  const kept = live.rows[9_999];
  live.update(update(11, { rows: names.slice(0, 500).map(([at]) => figures(at, 2)) }));
  expect(live.rows).toHaveLength(10_000);
  expect(live.rows[0]?.requests).toBe(2);
  expect(live.rows[9_999]).toBe(kept);
});
