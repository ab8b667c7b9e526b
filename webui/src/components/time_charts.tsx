// The charts over time, for all requests or for chosen names: requests and failures, response times, users.
import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import { count, figure, ms, percentileName } from "../model/format.ts";
import type { History, Numbers } from "../model/run.ts";
import { lineColour } from "../model/theme.ts";
import { Chart, type Line } from "./chart.tsx";

export interface TimeChartsProps {
  readonly history: History;
  /** Names to draw beside the total, by their keys, with what they are called. */
  readonly chosen: readonly { readonly key: string; readonly label: string }[];
  readonly group: string;
  readonly height?: number;
  /** More charts in the same grid. */
  readonly children?: ComponentChildren;
}

export function TimeCharts({ history, chosen, group, height, children }: TimeChartsProps): JSX.Element {
  const { times, marks, total } = history;
  const shares = Object.keys(total.percentiles)
    .map(Number)
    .sort((a, b) => a - b);
  const none = useMemo(() => times.map(() => null), [times]);
  const rates = useMemo<Line[]>(
    () => [
      { label: "Requests", colour: "c1", values: total.rps, fill: chosen.length === 0 },
      { label: "Failures", colour: "fail", values: total.failures, fill: true },
      ...chosen.map((name, at) => nameLine(name.label, at, history.names.get(name.key)?.rps ?? none)),
    ],
    [total, chosen, history, none],
  );
  const responses = useMemo<Line[]>(() => {
    if (chosen.length === 0) {
      return shares.map((share, at) => ({
        label: percentileName(share),
        colour: lineColour(at),
        values: total.percentiles[String(share)] ?? none,
      }));
    }
    // With names chosen, each has two lines: its median, and dashed its highest percentile.
    const ends = [...new Set([shares[0], shares.at(-1)])].filter((share) => share !== undefined);
    return chosen.flatMap((name, at) =>
      ends.map((share, end) => ({
        label: `${percentileName(share)} ${name.label}`,
        colour: lineColour(at + 1),
        values: history.names.get(name.key)?.percentiles[String(share)] ?? none,
        dashed: end > 0,
      })),
    );
  }, [total, chosen, history, none, shares.join()]);
  const users = useMemo<Line[]>(
    () => [{ label: "Users", colour: "c4", values: history.users, fill: true }],
    [history.users],
  );
  const common = { times, marks, group, ...(height === undefined ? {} : { height }) };
  return (
    <div class="charts">
      <Chart title="Requests and failures" unit="per second" lines={rates} format={figure} {...common} />
      <Chart title="Response times" unit="ms" lines={responses} format={ms} {...common} />
      <Chart title="Users" unit="" lines={users} format={count} whole {...common} />
      {children}
    </div>
  );
}

const nameLine = (label: string, at: number, values: Numbers): Line => ({ label, colour: lineColour(at + 1), values });
