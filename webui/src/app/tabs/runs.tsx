// Runs of this project that the server keeps: open the report, compare two, delete. Not shown where the server keeps none.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { CompareView } from "../../components/compare.tsx";
import { Badge } from "../../components/details.tsx";
import { Dialog } from "../../components/dialog.tsx";
import type { Curve } from "../../components/distribution.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table_rows.ts";
import type { Comparison } from "../../generated/comparison.ts";
import type { ResultFile } from "../../generated/result.ts";
import type { StoredRun } from "../../generated/stream.ts";
import { clock, count, dateTime, figure, ms, percent, plural } from "../../model/format.ts";
import { fromResult } from "../../model/from_result.ts";
import { theme } from "../../model/theme.ts";
import { get, remove } from "../api.ts";
import { args } from "../arguments.ts";
import { phase, readOnly, status, tell } from "../state.ts";

export const hasRuns = signal(false);
const runs = signal<readonly StoredRun[]>([]);

export async function loadRuns(): Promise<void> {
  if (args.keeps_runs !== true) return;
  const found = await get<{ readonly runs?: readonly StoredRun[] }>("runs");
  hasRuns.value = Array.isArray(found?.runs);
  runs.value = found?.runs ?? [];
}

const COLUMNS: Column<StoredRun>[] = [
  {
    key: "started",
    title: "Started",
    width: 14.5,
    value: (run) => run.started ?? null,
    cell: (run) => <Started run={run} />,
  },
  {
    key: "verdict",
    title: "Verdict",
    width: 8,
    value: (run) => verdictOf(run)[0],
    cell: (run) => <Verdict run={run} />,
  },
  { key: "host", title: "Host", value: (run) => run.host ?? "" },
  { key: "profile", title: "Profile", width: 9, value: (run) => run.profile ?? "" },
  {
    key: "duration",
    title: "Took",
    numeric: true,
    width: 7,
    value: (run) => (run.ended ?? 0) - (run.started ?? 0),
    cell: (run) => (run.ended && run.started ? clock(run.ended - run.started) : "–"),
  },
  {
    key: "users",
    title: "Users",
    numeric: true,
    width: 6,
    value: (run) => run.users ?? null,
    cell: (run) => count(run.users),
  },
  {
    key: "requests",
    title: "Requests",
    numeric: true,
    width: 7,
    value: (run) => run.requests ?? null,
    cell: (run) => count(run.requests),
  },
  {
    key: "failed",
    title: "Failed",
    numeric: true,
    width: 6,
    value: (run) => failedShare(run),
    cell: (run) => <span class={run.failures ? "bad" : undefined}>{percent(failedShare(run))}</span>,
  },
  {
    key: "rps",
    title: "RPS",
    numeric: true,
    width: 6,
    value: (run) => run.rps ?? null,
    cell: (run) => figure(run.rps),
  },
  {
    key: "p95",
    title: "p95 ms",
    numeric: true,
    width: 6,
    value: (run) => run.p95_ms ?? null,
    cell: (run) => ms(run.p95_ms),
  },
];

/** Ticked if it is chosen: the row's button has no other look. */
function Started({ run }: { readonly run: StoredRun }) {
  return (
    <span class="tick">
      <span aria-hidden="true" />
      {dateTime(run.started)}
    </span>
  );
}

/** Words, and how they look. Without an exit code nobody has judged the run. */
function verdictOf(run: StoredRun): ["Passed" | "Failed" | "Interrupted" | "Finished", "pass" | "fail" | "none"] {
  if (run.state === "interrupted") return ["Interrupted", "none"];
  if ((run.failed_thresholds ?? 0) > 0 || (run.exit_code ?? 0) !== 0) return ["Failed", "fail"];
  return run.exit_code === 0 ? ["Passed", "pass"] : ["Finished", "none"];
}

function Verdict({ run }: { readonly run: StoredRun }) {
  const [words, judgement] = verdictOf(run);
  return <Badge words={words} judgement={judgement} />;
}

const failedShare = (run: StoredRun): number | null => (run.requests ? (run.failures ?? 0) / run.requests : null);

/** The distribution of all requests of a run. */
async function curve(label: string, id: string): Promise<Curve[]> {
  const file = await get<ResultFile>(`runs/${encodeURIComponent(id)}`);
  const buckets = file === null ? undefined : fromResult(file).total.buckets;
  return buckets === undefined ? [] : [{ label, buckets }];
}

const titleOf = (run: StoredRun): string => [run.profile, run.host, run.locustfile].filter(Boolean).join(" · ");

/** The older one is "before". */
async function compared(ids: readonly string[]): Promise<Compared | null> {
  const [before, after] = runs.value
    .filter((run) => ids.includes(String(run.id)))
    .sort((a, b) => (a.started ?? 0) - (b.started ?? 0));
  if (before === undefined || after === undefined) return null;
  const [a, b] = [String(before.id), String(after.id)];
  const address = `runs/compare?${new URLSearchParams({ a, b })}`;
  const [found, ...curves] = await Promise.all([get<Comparison>(address), curve("Before", a), curve("After", b)]);
  if (found === null) return null;
  return { found, curves: curves.flat(), titles: [titleOf(before), titleOf(after)], address };
}

interface Compared {
  readonly found: Comparison;
  readonly curves: readonly Curve[];
  readonly titles: readonly [string, string];
  /** Where the server compares the two; it can do so in other formats. */
  readonly address: string;
}

export function Runs(): JSX.Element {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [comparison, setComparison] = useState<Compared | null>(null);
  const [asked, setAsked] = useState(false);
  const [state, kept] = [phase.value, status.value.kept_runs];
  useEffect(() => {
    void loadRuns();
  }, [state, kept]);
  const toggle = (run: StoredRun) => {
    const next = new Set(chosen);
    if (!next.delete(String(run.id))) next.add(String(run.id));
    setChosen(next);
  };
  const ids = [...chosen];
  const erase = async () => {
    setAsked(false);
    const answers = await Promise.all(ids.map((id) => remove(`runs/${encodeURIComponent(id)}`)));
    const refused = answers.find((answer) => !answer.ok);
    if (refused !== undefined) tell(refused.message || "Not all of them could be deleted.", true);
    await loadRuns();
    setChosen(new Set());
  };
  const compare = async () => {
    const found = await compared(ids);
    if (found === null) tell("One of the runs could not be read; it may have been deleted.", true);
    setComparison(found);
  };
  const back = () => {
    setComparison(null);
    setChosen(new Set());
  };
  if (comparison !== null) {
    return (
      <div class="stack">
        <div class="row">
          <button type="button" class="button" onClick={back}>
            ← Back to the runs
          </button>
          <span class="grow" />
          <LinkButton title="As a page" href={`${comparison.address}&format=html`} />
          <LinkButton title="As Markdown" href={`${comparison.address}&format=markdown`} />
        </div>
        <CompareView comparison={comparison.found} curves={comparison.curves} titles={comparison.titles} />
      </div>
    );
  }
  const [only] = ids.length === 1 ? ids : [];
  return (
    <div class="stack">
      <div class="row">
        <span class="muted">
          {ids.length === 0 ? "Choose one run to open it, two to compare them." : `${plural(ids.length, "run")} chosen`}
        </span>
        <span class="grow" />
        <LinkButton
          title="Open the report"
          href={only === undefined ? null : `runs/${encodeURIComponent(only)}/report?theme=${theme.value}`}
        />
        <LinkButton
          title="Save the result"
          href={only === undefined ? null : `runs/${encodeURIComponent(only)}?download=1`}
        />
        <button type="button" class="button" disabled={ids.length !== 2} onClick={() => void compare()}>
          Compare two
        </button>
        <button
          type="button"
          class="button danger"
          disabled={ids.length === 0 || readOnly.value}
          onClick={() => setAsked(true)}
        >
          Delete
        </button>
      </div>
      <Table
        label="Runs"
        columns={COLUMNS}
        rows={runs.value}
        rowKey={(run) => String(run.id)}
        sort={{ key: "started", down: true }}
        noun="run"
        text={(run) => `${run.host} ${run.profile} ${run.locustfile}`}
        filterId="filter-runs"
        selected={chosen}
        onSelect={toggle}
        empty="No run is kept yet: one is when it ends."
      />
      {asked && (
        <Dialog title={`Delete ${plural(ids.length, "run")}?`} onClose={() => setAsked(false)}>
          <p>What was measured is gone then; there is no way back.</p>
          <div class="row">
            <button type="button" class="button danger" onClick={() => void erase()}>
              Delete
            </button>
            <button type="button" class="button" onClick={() => setAsked(false)}>
              Keep
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}

function LinkButton({ title, href }: { readonly title: string; readonly href: string | null }) {
  if (href === null) {
    return (
      <button type="button" class="button" disabled>
        {title}
      </button>
    );
  }
  return (
    <a class="button" href={href} target="_blank" rel="noreferrer">
      {title}
    </a>
  );
}
