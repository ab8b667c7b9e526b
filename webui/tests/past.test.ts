import { expect, test } from "vitest";
import { withPast } from "../src/model/past.ts";
import type { History, Track } from "../src/model/run.ts";

const track = (rps: (number | null)[]): Track => ({ rps, failures: rps, percentiles: { 0.5: rps } });
const history = (times: number[], names: [string, Track][]): History => ({
  times,
  users: times.map(() => 1),
  total: track(times.map(() => 1)),
  names: new Map(names),
  marks: [],
});

test("what was before a name was chosen is filled in by time, and what the stream told stays", () => {
  const live = history([99.5, 100.2, 101.2, 102.2, 103.2], [["a", track([null, null, null, 7, 8])]]);
  const past = history([100, 101, 102, 103], [["a", track([1, 2, 3, 4])]]);
  const found = withPast(live, past).names.get("a");
  expect(found?.rps).toEqual([null, 1, 2, 7, 8]);
  expect(found?.percentiles["0.5"]).toEqual([null, 1, 2, 7, 8]);
  expect(withPast(live, past).times).toBe(live.times);
});

test("a name that was just chosen is drawn whole, and one that the result leaves out as the stream has it", () => {
  const live = history(
    [100, 101],
    [
      ["new", track([null, null])],
      ["rare", track([null, 5])],
    ],
  );
  const found = withPast(live, history([100], [["new", track([3])]]));
  expect(found.names.get("new")?.rps).toEqual([3, 3]);
  expect(found.names.get("rare")?.rps).toEqual([null, 5]);
  expect(withPast(live, null)).toBe(live);
});
