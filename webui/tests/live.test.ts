import { expect, test } from "vitest";
import { rowKey } from "../src/model/from_result.ts";
import { Live, NO_STATUS } from "../src/model/live.ts";
import { figures, point, snapshot, update } from "./support/stream.ts";

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
    [0.75, 0.5],
    [0.25, 0.5],
  ]);
  expect(live.history.marks).toEqual([{ time: 98, label: "Run #1" }]);
});

test("an update changes what it names and leaves the other rows as they are", () => {
  const live = begun();
  const [, cart] = live.rows;
  expect(live.update(update(11, { rows: [figures(0, 5)], names: [[5, "GET", "/new"]], point: point(101) }))).toBe(true);
  expect(live.rows[0]?.requests).toBe(5);
  expect(live.rows[1]).toBe(cart);
  expect(live.rows[0]?.spark?.()).toEqual([1, 1]);
  expect(live.history.times.at(-1)).toBe(101);
});

test("the sparkline of a row goes on while nothing is said of it, and ends with the newest minute", () => {
  const live = begun();
  for (let at = 11; at <= 14; at += 1) live.update(update(at));
  expect(live.rows[0]?.spark?.()).toEqual([1, 1, 1, 1, 1]);
  live.update(update(15, { rows: [figures(0, 9, 7)] }));
  expect(live.rows[0]?.spark?.()).toEqual([1, 1, 1, 1, 1, 7]);
  for (let at = 16; at <= 100; at += 1) live.update(update(at));
  expect(live.rows[0]?.spark?.()).toEqual(Array(60).fill(7));
  expect(live.total.spark?.()).toHaveLength(60);
});

test("sparklines begin with what was before the page was opened, and after the end show the whole run", () => {
  const live = begun();
  const track = (rps: number[]) => ({ rps, failures: [], percentiles: {} });
  const key = rowKey("GET", "/");
  const times = Array.from({ length: 200 }, (_, at) => live.time - 200 + at);
  const history = {
    times,
    users: [],
    marks: [],
    total: track(times.map(() => 5)),
    names: new Map([[key, track(times.map((_, at) => at))]]),
  };
  live.past(history);
  expect(live.rows[0]?.spark?.()).toEqual([...Array.from({ length: 59 }, (_, at) => 141 + at), 1]);
  expect(live.rows[1]?.spark?.()).toEqual([1]);
  live.update(update(11, { rows: [figures(0, 5, 9)] }));
  expect(live.rows[0]?.spark?.().slice(-3)).toEqual([199, 1, 9]);
  live.past({ ...history, times: times.slice(0, 2) });
  expect(live.rows[0]?.spark?.()).toHaveLength(60);
  live.update(update(12, { status: { ...NO_STATUS, state: "stopped" } }));
  live.past(history);
  const whole = live.rows[0]?.spark?.() ?? [];
  expect([whole.length, whole[0], whole.at(-1)]).toEqual([60, 1, 197.5]);
  expect(live.total.spark?.()).toEqual(Array(60).fill(5));
  live.update(update(13, { status: { ...NO_STATUS, state: "running" } }));
  expect(live.rows[0]?.spark?.().at(-1)).toBe(9);
});

test("after the end the run's own length counts, not the time since", () => {
  const live = begun();
  live.update(update(11, { point: point(103), status: { ...NO_STATUS, run: 1, started: 98, state: "running" } }));
  live.update(update(12, { time: 500, status: { ...NO_STATUS, run: 1, started: 98, state: "stopped" } }));
  expect(live.ended).toBe(103);
  expect(live.mostUsers).toBe(3);
  expect(live.meanRps).toBeCloseTo(live.total.requests / 5);
});

test("an update that came twice is passed over, and a missing one is noticed", () => {
  const live = begun();
  expect(live.update(update(10, { rows: [figures(0, 99)] }))).toBe(true);
  expect(live.rows[0]?.requests).toBe(4);
  expect(live.update(update(12))).toBe(false);
});

const failure = (id: number, occurrences: number) => ({
  ...{ id, method: "GET", name: "/", error: `E${id}`, occurrences },
  ...{ first_seen: 98, last_seen: null },
});

test("a reset forgets names, rows and failures", () => {
  const live = begun();
  live.update(update(11, { failures: [failure(0, 2)] }));
  expect(live.failures).toHaveLength(1);
  live.update(update(12, { reset: true, names: [[0, "PUT", "/other"]], rows: [figures(0, 1)] }));
  expect(live.rows.map((row) => row.name)).toEqual(["/other"]);
  expect(live.failures).toEqual([]);
});

test("failures come with the most frequent first, and exceptions replace the old ones", () => {
  const live = begun();
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
