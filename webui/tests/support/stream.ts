// Messages of the event stream, made up: a small run, and one as large as they come.
import type { Figures, Point, SnapshotMessage, UpdateMessage } from "../../src/generated/stream.ts";
import { NO_STATUS } from "../../src/model/live.ts";

export const figures = (i: number, n: number, r = 1): Figures => ({
  i,
  n,
  r,
  m: 5,
  a: 6,
  l: 1,
  h: 9,
  s: 100,
  p: [8, 9],
});

export const point = (time: number, run = 1): Point => ({
  time,
  run,
  users: 3,
  rps: 10,
  failures_per_second: 0,
  percentiles: [5, null],
});

export function snapshot(change: Partial<SnapshotMessage> = {}): SnapshotMessage {
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
    ratios: {
      per_class: { Visitor: { ratio: 1 } },
      total: { Visitor: { ratio: 0.5 }, Buyer: { ratio: 0.5 } },
      planned: { Visitor: { ratio: 0.75 }, Buyer: { ratio: 0.25 } },
      actual: { Visitor: { ratio: 0.5, count: 3 }, Buyer: { ratio: 0.5, count: 1 } },
    },
    logs: ["one"],
    points: [point(98), point(99)],
    marks: [{ time: 98, kind: "start", text: "Run #1" }],
    ...change,
  };
}

export function update(sequence: number, change: Partial<UpdateMessage> = {}): UpdateMessage {
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
    exceptions: null,
    ratios: null,
    logs: [],
    point: null,
    marks: [],
    ...change,
  };
}

/** A run of a day: so many names, and the series as the server thins it. */
export function longRun(names: number, points: number): SnapshotMessage {
  const day = 24 * 3600;
  const now = 1_790_000_000;
  return snapshot({
    time: now,
    names: Array.from({ length: names }, (_, at) => [at, at % 3 ? "GET" : "POST", `/shop/${at % 97}/article-${at}`]),
    rows: Array.from({ length: names }, (_, at) => figures(at, 1000 + ((at * 7919) % 5000), at % 11)),
    points: Array.from({ length: points }, (_, at) => ({
      ...point(now - day + (day * at) / points),
      rps: 500 + (at % 60),
    })),
    marks: [{ time: now - day, kind: "start", text: "Run #1" }],
  });
}

/** An update: some of the rows have changed, spread over all of them, and the total is a million and its number. */
export function secondOf(names: number, sequence: number, changed: number): UpdateMessage {
  const rows = Array.from({ length: Math.min(changed, names) }, (_, at) => (at * 37 + sequence) % names);
  return update(sequence, {
    time: 1_790_000_000 + sequence,
    total: figures(0, 1_000_000 + sequence),
    rows: [...new Set(rows)].map((at) => figures(at, 6000 + sequence, sequence % 13)),
    point: point(1_790_000_000 + sequence),
    logs: [`line ${sequence}`],
  });
}
