// The tabs that only show what there is: failures, exceptions, ratios, phases, downloads, and those that others add.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Exceptions, Failures, Phases, RatioTree } from "../../components/details.tsx";
import { Table } from "../../components/table.tsx";
import { matcher } from "../../components/table_rows.ts";
import { count, plural } from "../../model/format.ts";
import { theme } from "../../model/theme.ts";
import { get } from "../api.ts";
import { args } from "../arguments.ts";
import { useDetails, withSamples } from "../result.ts";
import { live, version } from "../state.ts";

export function FailuresTab(): JSX.Element {
  version.value;
  const [query, setQuery] = useState("");
  const fits = matcher(query);
  const details = useDetails(live.failures.length > 0);
  const found = withSamples(live.failures, details).filter((failure) =>
    fits(`${failure.method} ${failure.name} ${failure.error}`),
  );
  return (
    <div class="stack">
      <div class="row">
        <input
          type="search"
          class="field filter"
          id="filter-failures"
          placeholder="Filter: words, -without"
          aria-label="Filter failures"
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
        <span class="muted small">
          {found.length === live.failures.length ? "" : `${count(found.length)} of `}
          {plural(live.failures.length, "kind")}
        </span>
      </div>
      <Failures failures={found} rows={live.rows} />
    </div>
  );
}

export function ExceptionsTab(): JSX.Element {
  version.value;
  return <Exceptions exceptions={live.exceptions} />;
}

export function RatiosTab(): JSX.Element {
  version.value;
  return (
    <div class="charts">
      <section class="panel">
        <h2>Share within its class</h2>
        <RatioTree ratios={live.ratios.perClass} />
      </section>
      <section class="panel">
        <h2>Share of everything</h2>
        <RatioTree ratios={live.ratios.total} />
      </section>
    </div>
  );
}

export function PhasesTab(): JSX.Element {
  const details = useDetails();
  if (details === null) return <p class="empty">No phases were measured yet.</p>;
  return (
    <section class="panel stack" aria-label="Phases">
      <h2>Where the time goes</h2>
      <p class="muted small">Mean times, the slowest names first; an answer that waits for Python is not among them.</p>
      <Phases rows={details.rows} total={details.total} />
    </section>
  );
}

export function Download(): JSX.Element {
  const files = [
    ["stats/requests/csv", "Requests (CSV)"],
    ["stats/failures/csv", "Failures (CSV)"],
    ["exceptions/csv", "Exceptions (CSV)"],
    ...(args.stats_history_enabled ? [["stats/requests_full_history/csv", "History of all names (CSV)"]] : []),
    ...(args.extended_csv_files ?? []).map(({ href, title }) => [href, title]),
  ] as [string, string][];
  return (
    <div class="charts">
      <section class="panel stack">
        <h2>Report</h2>
        <p>One file with charts, tables and settings; it opens anywhere, without a network.</p>
        <div class="row">
          <a class="button primary" href={`stats/report?theme=${theme.value}`} target="_blank" rel="noreferrer">
            Open the report
          </a>
          <a class="button" href={`stats/report?download=1&theme=${theme.value}`} download>
            Save the report
          </a>
        </div>
      </section>
      <section class="panel stack">
        <h2>Tables</h2>
        <ul class="plain-list">
          {files.map(([href, title]) => (
            <li key={href}>
              <a href={href} download>
                {title}
              </a>
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}

interface Extended {
  readonly extended_stats?: readonly { readonly key: string; readonly data: readonly Record<string, unknown>[] }[];
}

const EXTENDED_EVERY_MS = 2_000;

/** A tab that the locustfile's own code adds: its tables come with /stats/requests, as under Locust. */
export function ExtendedTab({ name }: { readonly name: string }): JSX.Element {
  const [data, setData] = useState<Extended>({});
  useEffect(() => {
    let here = true;
    const load = async () => {
      const got = await get<Extended>("stats/requests");
      if (here && got !== null) setData(got);
    };
    void load();
    const timer = setInterval(() => void load(), EXTENDED_EVERY_MS);
    return () => {
      here = false;
      clearInterval(timer);
    };
  }, []);
  const table = args.extended_tables?.find((each) => each.key === name);
  const rows = data.extended_stats?.find((each) => each.key === name)?.data ?? [];
  if (table === undefined) return <p class="empty">This tab has no table.</p>;
  return (
    <Table
      label={name}
      columns={table.structure.map((column) => ({
        key: column.key,
        title: column.title,
        value: (row: Record<string, unknown>) => {
          const value = row[column.key];
          return typeof value === "number" || typeof value === "string"
            ? value
            : value == null
              ? null
              : JSON.stringify(value);
        },
      }))}
      rows={rows}
      rowKey={(row) => JSON.stringify(row)}
    />
  );
}
