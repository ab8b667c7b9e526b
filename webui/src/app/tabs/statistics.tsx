// The table of names, live.
import { useMemo } from "preact/hooks";
import { RequestTable } from "../../components/request_table.tsx";
import type { Row } from "../../model/run.ts";
import { usePast } from "../result.ts";
import { choose, chosen, live, phase, version } from "../state.ts";
import { ChosenNames } from "./charts.tsx";

export function toggleName({ key }: { readonly key: string }): void {
  const next = new Set(chosen.value);
  if (!next.delete(key)) next.add(key);
  const [oldest] = next;
  if (next.size > 7 && oldest !== undefined) next.delete(oldest);
  choose(next);
}

export function Statistics() {
  version.value;
  usePast();
  const shares = useMemo(() => live.nameShares(), [live.settings]);
  return (
    <div class="stack">
      <ChosenNames />
      <RequestTable
        live={phase.value === "stopped" ? "over" : "now"}
        rows={live.rows}
        total={live.total}
        percentiles={shares}
        shown={shares}
        selected={chosen.value}
        onSelect={(row: Row) => toggleName(row)}
      />
    </div>
  );
}
