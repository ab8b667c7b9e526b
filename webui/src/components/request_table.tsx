// The table of names with their figures, for page and report.
import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import { bytes, count, figure, ms, percent, percentileName } from "../model/format.ts";
import { merge, percentile } from "../model/histogram.ts";
import type { Row } from "../model/run.ts";
import { Sparkline } from "./details.tsx";
import { Table } from "./table.tsx";
import type { Column, Group } from "./table_rows.ts";

export interface RequestTableProps {
  readonly rows: readonly Row[];
  readonly total: Row;
  readonly percentiles: readonly number[];
  /** Percentiles that are columns from the start. */
  readonly shown: readonly number[];
  /** Figures of this moment, or the last of a test that is over; without it those of a finished run. */
  readonly live?: "now" | "over";
  readonly selected?: ReadonlySet<string>;
  readonly onSelect?: (row: Row) => void;
  readonly tools?: ComponentChildren;
}

const text = (row: Row): string => `${row.method} ${row.name}`;
const GROUPS = [
  { title: "method", of: (row: Row) => row.method },
  {
    title: "first part of the path",
    of: (row: Row) => row.name.replace(/^https?:\/\/[^/]*/, "").match(/^\/?[^/?#]*/)?.[0] || row.name,
  },
] as const;

export function RequestTable(props: RequestTableProps): JSX.Element {
  const { percentiles, shown, live } = props;
  const shownKey = shown.join();
  const [requests, failures] = [count(props.total.requests).length, count(props.total.failures).length];
  const columns = useMemo(
    () => widened(requestColumns(percentiles, shown, live), { requests, failures }),
    [percentiles.join(), shownKey, live, requests, failures],
  );
  return (
    <Table
      label="Requests"
      noun="name"
      filterId="filter-requests"
      columns={columns}
      rows={props.rows}
      rowKey={(row) => row.key}
      pinned={props.total}
      sort={{ key: "name", down: false }}
      text={text}
      groups={GROUPS}
      groupCells={(column, group) => groupCell(column, group, percentiles)}
      empty="No requests yet."
      {...(props.selected === undefined ? {} : { selected: props.selected })}
      {...(props.onSelect === undefined ? {} : { onSelect: props.onSelect })}
      tools={props.tools}
    />
  );
}

/** The columns, wide enough for counts of so many characters: a count that is cut off would be another one. */
export function widened<T>(columns: Column<T>[], characters: Readonly<Record<string, number>>): Column<T>[] {
  return columns.map((column) => {
    const needed = (characters[column.key] ?? 0) * 0.62 + 1.3;
    return needed > (column.width ?? 13) ? { ...column, width: needed } : column;
  });
}

/** Method and name of a request, as all tables show them. */
export const requestName = ({ method, name }: { readonly method: string; readonly name: string }) => (
  <>
    {method !== "" && <span class="method">{method}</span>}
    {name}
  </>
);

function requestColumns(
  percentiles: readonly number[],
  shown: readonly number[],
  live: "now" | "over" | undefined,
): Column<Row>[] {
  const rate = live === undefined ? "over the whole run" : "now";
  const numeric = { numeric: true, width: 5.3 } as const;
  return [
    {
      key: "name",
      title: "Name",
      value: (row) => row.name,
      cell: requestName,
    },
    ...(live === undefined ? [] : [sparkColumn(live === "over")]),
    {
      key: "requests",
      title: "Requests",
      numeric: true,
      width: 6.2,
      value: (row) => row.requests,
      cell: (row) => count(row.requests),
    },
    {
      key: "failures",
      title: "Failures",
      ...numeric,
      value: (row) => row.failures,
      cell: (row) => <span class={row.failures > 0 ? "bad" : undefined}>{count(row.failures)}</span>,
    },
    {
      key: "share",
      title: "Failed",
      hint: "Failures per request",
      ...numeric,
      value: (row) => failedShare(row),
      cell: (row) => <span class={row.failures > 0 ? "bad" : undefined}>{percent(failedShare(row))}</span>,
    },
    {
      key: "rps",
      title: "RPS",
      hint: `Requests per second, ${rate}`,
      ...numeric,
      value: (row) => row.rps,
      cell: (row) => figure(row.rps),
    },
    {
      key: "fps",
      title: "Failures/s",
      hint: `Failures per second, ${rate}`,
      optional: true,
      ...numeric,
      value: (row) => row.failuresPerSecond,
      cell: (row) => figure(row.failuresPerSecond),
    },
    { key: "mean", title: "Mean ms", ...numeric, value: (row) => row.meanMs, cell: (row) => ms(row.meanMs) },
    { key: "min", title: "Min ms", ...numeric, value: (row) => row.minMs, cell: (row) => ms(row.minMs) },
    ...percentiles.map(
      (share, at): Column<Row> => ({
        key: `p${share}`,
        title: `${percentileName(share)} ms`,
        hint: `${percent(share)} of the responses took no longer`,
        optional: !shown.includes(share),
        ...numeric,
        value: (row) => row.percentiles[at] ?? null,
        cell: (row) => ms(row.percentiles[at]),
      }),
    ),
    { key: "max", title: "Max ms", ...numeric, value: (row) => row.maxMs, cell: (row) => ms(row.maxMs) },
    {
      key: "bytes",
      title: "Mean size",
      numeric: true,
      width: 6.2,
      value: (row) => row.meanBytes,
      cell: (row) => bytes(row.meanBytes),
    },
  ];
}

function sparkColumn(over: boolean): Column<Row> {
  return {
    key: "spark",
    title: over ? "The run" : "Last minute",
    hint: `Requests per second, ${over ? "over the whole run" : "in the last minute"}`,
    width: 6.8,
    value: (row) => row.rps,
    cell: (row) => {
      const values = row.spark?.() ?? [];
      return <Sparkline values={values} slots={over ? values.length : 60} />;
    },
  };
}

const failedShare = (row: Row): number => (row.requests > 0 ? row.failures / row.requests : row.failures > 0 ? 1 : 0);

/** Sums, extremes and weighted means of a group; percentiles where the histograms are known. */
function groupCell(column: Column<Row>, { rows }: Group<Row>, percentiles: readonly number[]): ComponentChildren {
  const sum = (value: (row: Row) => number) => rows.reduce((all, row) => all + value(row), 0);
  const mean = (value: (row: Row) => number | null) => {
    const requests = sum((row) => row.requests);
    return requests > 0 ? sum((row) => (value(row) ?? 0) * row.requests) / requests : null;
  };
  switch (column.key) {
    case "requests":
      return count(sum((row) => row.requests));
    case "failures":
      return count(sum((row) => row.failures));
    case "share":
      return percent(
        sum((row) => row.failures) /
          Math.max(
            1,
            sum((row) => row.requests),
          ),
      );
    case "rps":
      return figure(sum((row) => row.rps));
    case "fps":
      return figure(sum((row) => row.failuresPerSecond));
    case "mean":
      return ms(mean((row) => row.meanMs));
    case "bytes":
      return bytes(mean((row) => row.meanBytes));
    case "min":
      return ms(rows.reduce<number | null>((least, row) => smaller(least, row.minMs), null));
    case "max":
      return ms(rows.reduce<number | null>((most, row) => larger(most, row.maxMs), null));
    default: {
      const share = percentiles.find((each) => column.key === `p${each}`);
      if (share === undefined || rows.some((row) => row.buckets === undefined)) return null;
      return ms(percentile(merge(rows.map((row) => row.buckets ?? [])), share));
    }
  }
}

const smaller = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);
const larger = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.max(a, b);
