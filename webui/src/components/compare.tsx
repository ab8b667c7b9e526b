// Two runs side by side as the engine compares them: each figure before and after, the difference with its interval, drawn on
// one scale, and whether that is more than chance.
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Compared, ComparedRun, Comparison } from "../generated/comparison.ts";
import {
  type ComparedRow,
  differenceWords,
  intervalOf,
  intervalWords,
  isChange,
  judged,
  measureName,
  rowsOf,
  scaleOf,
  told,
  valueWords,
  verdictWords,
} from "../model/compare.ts";
import { clock, count, dateTime, percent } from "../model/format.ts";
import { Badge } from "./details.tsx";
import { type Curve, Spectrum } from "./distribution.tsx";
import { requestName } from "./request_table.tsx";
import { Table } from "./table.tsx";
import type { Column } from "./table_rows.ts";

interface Props {
  readonly comparison: Comparison;
  /** The distributions of both, if they are known. */
  readonly curves: readonly Curve[];
  /** What both runs were called, before and after. */
  readonly titles: readonly [string, string];
}

export function CompareView({ comparison, curves, titles }: Props): JSX.Element {
  const { a, b, warnings, total, names, confidence } = comparison;
  const level = percent(confidence);
  return (
    <div class="stack">
      <section class="panel" aria-label="What changed">
        <h2>{verdictWords(comparison)}</h2>
        <div class="sides">
          <Side title="Before" name={titles[0]} run={a[0]} />
          <Side title="After" name={titles[1]} run={b[0]} />
        </div>
        {warnings.length > 0 && (
          <ul class="notice warn bullets" aria-label="What to bear in mind">
            {warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        )}
      </section>
      <section class="stack" aria-label="All requests">
        <h2>All requests</h2>
        <Table
          label="All requests compared"
          columns={columnsOf(total, level, [MEASURE])}
          rows={total.map((compared) => ({ key: compared.measure, method: "", name: "", compared }))}
          rowKey={(row) => row.key}
          plain
        />
      </section>
      {curves.length === 2 && <Spectrum curves={curves} />}
      <ByName names={names} level={level} />
      <p class="muted small">
        With {level} confidence the true difference lies within its interval, which comes from how the figures move
        within each run. Where it holds zero, these runs cannot tell a difference; longer runs can. How much runs differ
        by themselves is not in it.
      </p>
    </div>
  );
}

function Side({
  title,
  name,
  run,
}: {
  readonly title: string;
  readonly name: string;
  readonly run: ComparedRun | undefined;
}) {
  if (run === undefined) return null;
  return (
    <div>
      <b>{title}</b> {dateTime(run.started_at)}, {clock(run.seconds)}
      <p class="muted small">
        {[name, `${count(run.users_peak)} users`, `${count(run.requests)} requests`, `${count(run.failures)} failed`]
          .filter(Boolean)
          .join(" · ")}
      </p>
    </div>
  );
}

const CHANGED = "changed";

function ByName({ names, level }: { readonly names: Comparison["names"]; readonly level: string }) {
  const rows = useMemo(() => rowsOf(names), [names]);
  const changed = useMemo(() => rows.filter(({ compared }) => isChange(compared)), [rows]);
  const [shown, setShown] = useState(changed.length > 0 ? CHANGED : "p95");
  const measures = [...new Set(rows.map(({ compared }) => compared.measure))];
  const these = useMemo(
    () => (shown === CHANGED ? changed : rows.filter(({ compared }) => compared.measure === shown)),
    [rows, changed, shown],
  );
  const columns = useMemo(
    () =>
      columnsOf(
        these.map(({ compared }) => compared),
        level,
        shown === CHANGED ? [NAME, MEASURE] : [NAME],
      ),
    [these, level, shown],
  );
  return (
    <section class="stack" aria-label="By name">
      <h2>By name</h2>
      <Table
        label="Names compared"
        columns={columns}
        rows={these}
        rowKey={(row) => row.key}
        sort={{ key: "verdict", down: true }}
        text={(row) => `${row.method} ${row.name}`}
        filterId="filter-compared"
        noun={shown === CHANGED ? "difference" : "name"}
        empty={shown === CHANGED ? "No difference can be shown for any name." : "No names."}
        tools={
          <select
            class="field"
            aria-label="What is compared"
            onChange={(event) => setShown(event.currentTarget.value)}
            value={shown}
          >
            <option value={CHANGED}>All that changed</option>
            {measures.map((measure) => (
              <option key={measure} value={measure}>
                {measureName(measure)}
              </option>
            ))}
          </select>
        }
      />
    </section>
  );
}

const NAME: Column<ComparedRow> = {
  key: "name",
  title: "Name",
  value: (row) => row.name,
  cell: requestName,
};
const MEASURE: Column<ComparedRow> = {
  key: "measure",
  title: "Measure",
  width: 6,
  value: ({ compared }) => measureName(compared.measure),
};

function columnsOf(
  all: readonly Compared[],
  level: string,
  first: readonly Column<ComparedRow>[],
): Column<ComparedRow>[] {
  const scales = [scaleOf(all, false), scaleOf(all, true)] as const;
  const side = (key: "a" | "b", title: string): Column<ComparedRow> => ({
    key,
    title,
    numeric: true,
    width: 6.5,
    value: ({ compared }) => compared[key]?.value ?? null,
    cell: ({ compared }) => valueWords(compared.measure, compared[key]),
  });
  return [
    ...first,
    side("a", "Before"),
    side("b", "After"),
    {
      key: "difference",
      title: "Difference",
      numeric: true,
      width: 7.5,
      value: ({ compared }) => told(compared)[0]?.value ?? null,
      cell: ({ compared }) => {
        const [, look] = judged(compared);
        return <span class={LOOKS[look]}>{differenceWords(compared)}</span>;
      },
    },
    {
      key: "interval",
      title: `${level} interval`,
      hint: "Between these the true difference lies with so much confidence",
      numeric: true,
      width: 12.5,
      value: ({ compared }) => intervalOf(compared)?.[0] ?? null,
      cell: ({ compared }) => <span class="muted">{intervalWords(compared)}</span>,
    },
    {
      key: "drawn",
      title: "Drawn",
      hint: "The interval around no difference; less on the left, more on the right",
      width: 11,
      value: ({ compared }) => told(compared)[0]?.value ?? null,
      cell: ({ compared }) => (
        <Interval compared={compared} scale={scales[compared.measure === "fail_ratio" ? 1 : 0]} />
      ),
    },
    {
      key: "verdict",
      title: "Verdict",
      width: 14,
      value: ({ compared }) => weight(compared),
      cell: ({ compared }) => {
        const [words, look] = judged(compared);
        return look === "none" ? (
          <span class="muted">{words}</span>
        ) : (
          <Badge judgement={look === "worse" ? "fail" : "pass"} words={words} />
        );
      },
    },
  ];
}

const LOOKS = { worse: "bad", better: "good", none: undefined } as const;

/** What is worse comes before what is better, and much before little. */
function weight(compared: Compared): number {
  const size = Math.min(0.999, Math.abs(told(compared)[0]?.value ?? 0) / 1000);
  const [, look] = judged(compared);
  return (look === "worse" ? 3 : look === "better" ? 2 : compared.change === "unknown" ? 0 : 1) + size;
}

const HALF = 100;

/** The interval as a line about zero, with the difference as a stroke. */
function Interval({ compared, scale }: { readonly compared: Compared; readonly scale: number }) {
  const [estimate] = told(compared);
  const interval = intervalOf(compared);
  if (estimate === null || interval === null || scale <= 0) return null;
  const x = (value: number) => (HALF + 0.95 * HALF * Math.max(-1, Math.min(1, value / scale))).toFixed(1);
  const [, look] = judged(compared);
  return (
    <svg class={`interval ${look}`} viewBox="0 0 200 18" preserveAspectRatio="none" aria-hidden="true">
      <line class="zero" x1={HALF} x2={HALF} y1="0" y2="18" />
      <line class="range" x1={x(interval[0])} x2={x(interval[1])} y1="9" y2="9" />
      <line class="at" x1={x(estimate.value)} x2={x(estimate.value)} y1="3" y2="15" />
    </svg>
  );
}
