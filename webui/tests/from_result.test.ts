import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { ResultFile, Segment } from "../src/generated/result.ts";
import { alignedTrack, fromResult, heatOf, rowKey, slowest } from "../src/model/from_result.ts";
import { readData } from "../src/report/data.ts";
import { resultFile } from "./support/result.ts";

const example = JSON.parse(readFileSync("../crates/sinks/testdata/result.json", "utf8")) as ResultFile;

test("the example of the Rust side is understood", () => {
  const run = fromResult(example);
  expect(run.percentiles).toEqual([0.5, 0.99]);
  expect(run.total).toMatchObject({ requests: 6, failures: 2, meanMs: 6.24, minMs: 4, maxMs: 9, meanBytes: 100 });
  expect(run.rows.map((row) => [row.method, row.percentiles])).toEqual([
    ["GET", [4, 5.2]],
    ["POST", [9, 9]],
  ]);
  expect(run.verdict.judgement).toBe("fail");
  expect(run.verdict.thresholds).toEqual([{ text: "p95 > 5ms", judgement: "fail", actual: "9 ms" }]);
  expect(run.history.users).toEqual([1, 2, 3]);
  expect(run.history.names.get(rowKey("GET", "/"))?.rps).toEqual([1, 2, 0]);
  expect(run.failures[0]?.samples[0]?.parts.map((part) => part.title)).toEqual([
    "URL",
    "Request",
    "Request body, 2 bytes",
    "Response",
    "Response body, 9\u202f000 bytes",
  ]);
  expect(heatOf(example)?.cells[1]).toEqual([
    [7.68, 8.192, 1],
    [10.24, 11.264, 2],
  ]);
  expect(slowest(example)).toEqual([]);
});

test("what a report left out is missed by nobody", () => {
  const { histogram: _, phases: __, percentiles_us: ___, ...bare } = example.total;
  const small = {
    ...example,
    total: bare,
    samples: undefined,
    ratios: null,
    thresholds: undefined,
  } as unknown as ResultFile;
  const run = fromResult({ ...small, history: { total: [], entries: [] } });
  expect(run.total.buckets).toBeUndefined();
  expect(run.percentiles).toEqual([]);
  expect(run.history.times).toEqual([]);
  expect(run.verdict.thresholds).toEqual([]);
});

test("windows of any width lie on the common axis without losing requests", () => {
  const window = (step: number, start: number[], requests: number[]): Segment => {
    const same = start.map(() => 1000);
    return {
      step_s: step,
      start,
      requests,
      failures: start.map(() => 0),
      bytes: same,
      mean_us: same,
      p50_us: same,
      p95_us: same,
      p99_us: same,
      max_us: same,
    };
  };
  const times = [0, 10, 20, 21, 22];
  const steps = [10, 10, 1, 1, 1];
  const requestsOf = (track: { rps: (number | null)[] }) =>
    track.rps.reduce<number>((sum, rate, at) => sum + (rate ?? 0) * (steps[at] ?? 0), 0);
  const narrow = alignedTrack([window(1, [3, 4, 12, 21], [10, 20, 5, 7])], times, steps);
  expect(narrow.rps).toEqual([3, 0.5, 0, 7, 0]);
  expect(requestsOf(narrow)).toBe(42);
  const wide = alignedTrack([window(20, [0], [40])], times, steps);
  expect(wide.rps).toEqual([2, 2, 0, 0, 0]);
  expect(wide.percentiles["0.95"]).toEqual([1, 1, null, null, null]);
});

test("data are read plain or packed, and anything else is refused in words", async () => {
  const text = JSON.stringify(resultFile(3, 10));
  expect((await readData(`\n${text}\n`)).entries.length).toBe(3);
  await expect(readData("__GREGARIA_DATA__")).rejects.toThrow("empty template");
  await expect(readData('{"format":"har"}')).rejects.toThrow("no result of Gregaria");
});

test("the charts end with the test, not with the process", () => {
  const file = resultFile(3, 20);
  const [segment] = file.history.total;
  if (segment === undefined) throw new Error("no series");
  for (let at = 15; at < 20; at += 1) for (const list of [segment.users, segment.requests]) list[at] = 0;
  const run = fromResult(file);
  expect(run.history.times).toHaveLength(15);
  expect(run.history.users).toHaveLength(15);
  expect(run.history.total.rps).toHaveLength(15);
  expect(heatOf(file)?.cells).toHaveLength(15);
});
