// Two runs side by side: what changed in words, the distributions as curves, and the figures of every name.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import {
  type Comparison,
  change,
  changeWords,
  type Finding,
  failedShare,
  type Pair,
  percentileOf,
} from "../model/compare.ts";
import { count, dateTime, duration, figure, ms, percent } from "../model/format.ts";
import type { Row, Run } from "../model/run.ts";
import { type Curve, Spectrum } from "./distribution.tsx";
import { Table } from "./table.tsx";
import type { Column } from "./table_rows.ts";

const SIGNS: Record<Finding["judgement"], string> = { better: "✓", worse: "!", other: "·" };

interface Props {
  readonly comparison: Comparison;
  /** More on how sure that is. */
  readonly more?: JSX.Element;
}

export function CompareView({ comparison, more }: Props): JSX.Element {
  const { before, after, words, settings } = comparison;
  const columns = useMemo(() => pairColumns(before, after), [before, after]);
  const curves = useMemo<Curve[]>(
    () =>
      [
        { label: "Before", buckets: before.total.buckets ?? [] },
        { label: "After", buckets: after.total.buckets ?? [] },
      ].filter((curve) => curve.buckets.length > 0),
    [before, after],
  );
  return (
    <div class="stack">
      <div class="charts">
        <RunPanel title="Before" run={before} />
        <RunPanel title="After" run={after} />
      </div>
      <section class="panel" aria-label="Differences">
        <h2>What changed</h2>
        <ul class="findings">
          {words.map((finding) => (
            <li key={finding.text} class={finding.judgement}>
              <span aria-hidden="true">{SIGNS[finding.judgement]}</span>
              <span>{finding.text}</span>
            </li>
          ))}
        </ul>
        <p class="muted small">
          Changes of up to 10 % count as about the same: between two runs of the same test they are usual. More runs
          tell more. {more}
        </p>
      </section>
      {curves.length === 2 && <Spectrum curves={curves} />}
      <section class="stack" aria-label="By name">
        <h2>By name</h2>
        <Table
          label="Names compared"
          columns={columns}
          rows={comparison.pairs}
          rowKey={(pair) => pair.key}
          pinned={comparison.total}
          sort={{ key: "name", down: false }}
          text={(pair) => `${pair.method} ${pair.name}`}
        />
      </section>
      {settings.length > 0 && (
        <section class="panel" aria-label="Settings that differ">
          <h2>Settings that differ</h2>
          <dl class="differing">
            {settings.map(([label, first, second]) => [
              <dt key={`${label}t`}>{label}</dt>,
              <dd key={`${label}d`}>
                {first} → {second}
              </dd>,
            ])}
          </dl>
        </section>
      )}
    </div>
  );
}

function RunPanel({ title, run }: { readonly title: string; readonly run: Run }) {
  return (
    <section class="panel" aria-label={title}>
      <h2>{title}</h2>
      <p>
        {dateTime(run.start)}, {duration((run.end - run.start) * 1000)}
      </p>
      <p class="muted small">
        {[run.title, run.host, run.locustfile, `${count(run.peakUsers)} users`, `${count(run.total.requests)} requests`]
          .filter(Boolean)
          .join(" · ")}
      </p>
    </section>
  );
}

interface Figure {
  readonly key: string;
  readonly title: string;
  readonly of: (run: Run, row: Row | null) => number | null;
  readonly show: (value: number | null) => string;
  /** More of it is worse; without it neither is. */
  readonly lessIsBetter?: boolean;
  readonly optional?: boolean;
}

const FIGURES: readonly Figure[] = [
  { key: "requests", title: "Requests", of: (_, row) => row?.requests ?? null, show: count, optional: true },
  { key: "rps", title: "RPS", of: (_, row) => row?.rps ?? null, show: figure },
  { key: "failed", title: "Failed", of: (_, row) => failedShare(row), show: percent, lessIsBetter: true },
  { key: "p50", title: "p50 ms", of: (run, row) => percentileOf(run, row, 0.5), show: ms, lessIsBetter: true },
  { key: "p95", title: "p95 ms", of: (run, row) => percentileOf(run, row, 0.95), show: ms, lessIsBetter: true },
  {
    key: "p99",
    title: "p99 ms",
    of: (run, row) => percentileOf(run, row, 0.99),
    show: ms,
    lessIsBetter: true,
    optional: true,
  },
];

/** Of each figure both values in one cell and the change in the next, by which one can sort. */
function pairColumns(before: Run, after: Run): Column<Pair>[] {
  return [
    {
      key: "name",
      title: "Name",
      value: (pair) => pair.name,
      cell: (pair) => (
        <>
          {pair.method !== "" && <span class="method">{pair.method}</span>}
          {pair.name}
        </>
      ),
    },
    ...FIGURES.flatMap(({ key, title, of, show, lessIsBetter, optional }): Column<Pair>[] => {
      const both = (pair: Pair) => [of(before, pair.before), of(after, pair.after)] as const;
      const relative = (pair: Pair) => (key === "failed" ? points(...both(pair)) : change(...both(pair)));
      return [
        {
          key,
          title,
          hint: `${title}, before and after`,
          numeric: true,
          optional: optional === true,
          width: key === "failed" ? 11 : 9,
          value: (pair) => both(pair)[1],
          cell: (pair) => {
            const [first, second] = both(pair);
            return `${show(first)} → ${show(second)}`;
          },
        },
        {
          key: `${key} change`,
          title: key === "failed" ? "Points" : "Change",
          hint: `How much ${title} changed`,
          numeric: true,
          optional: optional === true,
          width: 6,
          value: relative,
          cell: (pair) => {
            const value = relative(pair);
            const notable = value !== null && Math.abs(value) > (key === "failed" ? 0 : 0.1);
            const look = !notable || lessIsBetter !== true ? undefined : value > 0 ? "bad" : "good";
            return <span class={look}>{changeWords(value)}</span>;
          },
        },
      ];
    }),
  ];
}

const points = (before: number | null, after: number | null): number | null =>
  before === null || after === null ? null : after - before;
