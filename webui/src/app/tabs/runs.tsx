// Runs of this project that the server keeps: open the report, compare two, delete. Not shown where the server keeps none.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table_rows.ts";
import { clock, count, dateTime, figure, ms, percent } from "../../model/format.ts";
import { get, remove } from "../api.ts";
import { args } from "../arguments.ts";
import { phase, readOnly, tell } from "../state.ts";

export interface StoredRun {
  readonly id: string | number;
  readonly started?: number | null;
  readonly ended?: number | null;
  readonly host?: string | null;
  readonly profile?: string | null;
  readonly locustfile?: string | null;
  readonly requests?: number | null;
  readonly failures?: number | null;
  readonly rps?: number | null;
  readonly p95_ms?: number | null;
  readonly users?: number | null;
}

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
    width: 12,
    value: (run) => run.started ?? null,
    cell: (run) => dateTime(run.started),
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

const failedShare = (run: StoredRun): number | null => (run.requests ? (run.failures ?? 0) / run.requests : null);

export function Runs(): JSX.Element {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const state = phase.value;
  useEffect(() => {
    void loadRuns();
  }, [state]);
  const toggle = (run: StoredRun) => {
    const next = new Set(chosen);
    if (!next.delete(String(run.id))) next.add(String(run.id));
    setChosen(next);
  };
  const ids = [...chosen];
  const erase = async () => {
    const answers = await Promise.all(ids.map((id) => remove(`runs/${encodeURIComponent(id)}`)));
    const refused = answers.find((answer) => !answer.ok);
    if (refused !== undefined) tell(refused.message || "Not all of them could be deleted.", true);
    setChosen(new Set());
    await loadRuns();
  };
  return (
    <div class="stack">
      <div class="row">
        <span class="muted">Choose one run to open or delete it, two to compare them.</span>
        <span class="grow" />
        <LinkButton
          title="Open the report"
          href={ids.length === 1 ? `runs/${encodeURIComponent(ids[0] ?? "")}/report` : null}
        />
        <LinkButton
          title="Compare two"
          href={
            ids.length === 2
              ? `runs/compare?a=${encodeURIComponent(ids[0] ?? "")}&b=${encodeURIComponent(ids[1] ?? "")}`
              : null
          }
        />
        <button
          type="button"
          class="button danger"
          disabled={ids.length === 0 || readOnly.value}
          onClick={() => void erase()}
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
        text={(run) => `${run.host} ${run.profile} ${run.locustfile}`}
        filterId="filter-runs"
        selected={chosen}
        onSelect={toggle}
        empty="No run is kept yet."
      />
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
