// The page of a finished run, from top to bottom: verdict, figures, charts, names, distribution, phases, failures, settings.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import {
  Exceptions,
  Facts,
  Failures,
  Phases,
  RatioTree,
  SampleView,
  type TileProps,
  Tiles,
  VerdictPanel,
} from "../components/details.tsx";
import { type Curve, Histogram, Spectrum } from "../components/distribution.tsx";
import { HeatMap } from "../components/heat.tsx";
import { Icon } from "../components/icons.tsx";
import { NameChips, useChosen } from "../components/name_chips.tsx";
import { RequestTable } from "../components/request_table.tsx";
import { TimeCharts } from "../components/time_charts.tsx";
import type { ResultFile } from "../generated/result.ts";
import { count, dateTime, duration, figure, percent, plural } from "../model/format.ts";
import { fromResult, heatOf, slowest } from "../model/from_result.ts";
import type { Run } from "../model/run.ts";
import { theme, toggleTheme } from "../model/theme.ts";

const SHOWN = [0.5, 0.95, 0.99, 0.999, 0.9999];

export function Report({ result }: { readonly result: ResultFile }): JSX.Element {
  const run = useMemo(() => fromResult(result), [result]);
  const heat = useMemo(() => heatOf(result), [result]);
  const slow = useMemo(() => slowest(result), [result]);
  const { chosen, keys, toggle, clear } = useChosen(run.rows);
  useEffect(() => {
    document.title = `${run.title}${run.host ? ` · ${run.host}` : ""} · ${dateTime(run.start)}`;
  }, [run]);

  const curves = useMemo<Curve[]>(() => distribution(run, keys), [run, keys]);
  return (
    <>
      <Top run={run} />
      <main class="report stack">
        <VerdictPanel verdict={run.verdict} />
        <Tiles tiles={tiles(run)} />
        <Section id="charts" title="Over time" tools={<NameChips chosen={chosen} onRemove={toggle} onClear={clear} />}>
          {run.history.times.length === 0 ? (
            <p class="empty">The run was too short for charts.</p>
          ) : (
            <TimeCharts history={run.history} chosen={chosen} group="report">
              {heat !== null && <HeatMap heat={heat} />}
            </TimeCharts>
          )}
        </Section>
        <Section id="names" title="Requests by name" note="Choose a name to draw it in the charts.">
          <RequestTable
            rows={run.rows}
            total={run.total}
            percentiles={run.percentiles}
            shown={SHOWN}
            selected={keys}
            onSelect={toggle}
          />
          {run.otherNames > 0 && (
            <p class="notice warn">
              There were too many different names: {plural(run.otherNames, "request")} are counted as “(other names)”.
              Give the requests fewer names with <code>name=</code>.
            </p>
          )}
        </Section>
        {curves.length > 0 && (
          <Section id="distribution" title="Distribution of response times">
            <div class="charts">
              <Spectrum curves={curves} />
              {curves[0] !== undefined && <Histogram curve={curves.at(-1) ?? curves[0]} />}
            </div>
          </Section>
        )}
        <Section id="phases" title="Where the time goes">
          <Phases rows={run.rows} total={run.total} />
        </Section>
        <Section id="failures" title="Failures">
          <Failures failures={run.failures} rows={run.rows} />
        </Section>
        {slow.length > 0 && (
          <Section id="slowest" title="Slowest exchanges">
            {slow.map((sample) => (
              <details key={`${sample.title} ${sample.at}`} class="fold">
                <summary>
                  <b class="number">{duration(sample.elapsedMs)}</b>
                  <span class="fold-text">{sample.title}</span>
                </summary>
                <div class="fold-body">
                  <SampleView sample={sample} />
                </div>
              </details>
            ))}
          </Section>
        )}
        <Section id="exceptions" title="Exceptions in tasks">
          <Exceptions exceptions={run.exceptions} />
        </Section>
        <Section id="ratios" title="Users and tasks">
          <div class="charts">
            <div class="panel">
              <h3>Share within its class</h3>
              <RatioTree ratios={run.ratios.perClass} />
            </div>
            <div class="panel">
              <h3>Share of everything</h3>
              <RatioTree ratios={run.ratios.total} />
            </div>
          </div>
        </Section>
        <Section id="settings" title="Settings and environment">
          <div class="panel">
            <Facts groups={run.facts} />
          </div>
        </Section>
      </main>
    </>
  );
}

const LINKS = [
  ["charts", "Charts"],
  ["names", "Requests"],
  ["distribution", "Distribution"],
  ["phases", "Phases"],
  ["failures", "Failures"],
  ["exceptions", "Exceptions"],
  ["ratios", "Ratios"],
  ["settings", "Settings"],
] as const;

function Top({ run }: { readonly run: Run }) {
  return (
    <header class="report-top">
      <div class="row">
        <div class="grow report-title">
          <h1>
            {run.title}
            {run.host && <span class="muted"> {run.host}</span>}
          </h1>
          <p class="muted small">
            {dateTime(run.start)} to {dateTime(run.end)} ({duration((run.end - run.start) * 1000)}) · {run.locustfile}
          </p>
        </div>
        <button type="button" class="button no-print" onClick={() => print()}>
          Print
        </button>
        <button
          type="button"
          class="button icon no-print"
          aria-label={theme.value === "dark" ? "Light" : "Dark"}
          title="Light or dark"
          onClick={toggleTheme}
        >
          <Icon name={theme.value === "dark" ? "sun" : "moon"} />
        </button>
      </div>
      <nav class="report-links no-print" aria-label="Sections">
        {LINKS.map(([id, title]) => (
          <a key={id} href={`#${id}`}>
            {title}
          </a>
        ))}
      </nav>
    </header>
  );
}

interface SectionProps {
  readonly id: string;
  readonly title: string;
  readonly note?: string;
  readonly tools?: ComponentChildren;
  readonly children: ComponentChildren;
}

function Section({ id, title, note, tools, children }: SectionProps) {
  return (
    <section id={id} class="stack section" aria-labelledby={`${id}-title`}>
      <div class="heading">
        <h2 id={`${id}-title`}>{title}</h2>
        {note !== undefined && <span class="muted small no-print">{note}</span>}
        {tools}
      </div>
      {children}
    </section>
  );
}

function tiles(run: Run): TileProps[] {
  const { total } = run;
  const at = (share: number) => {
    const place = run.percentiles.indexOf(share);
    return place < 0 ? null : total.percentiles[place];
  };
  const share = total.requests > 0 ? total.failures / total.requests : 0;
  return [
    { label: "Requests", value: count(total.requests) },
    { label: "Failed", value: percent(share), note: count(total.failures), bad: total.failures > 0 },
    { label: "Per second", value: figure(total.rps) },
    { label: "Most users", value: count(run.peakUsers) },
    { label: "Median", value: duration(at(0.5)) },
    { label: "p95", value: duration(at(0.95)) },
    { label: "p99", value: duration(at(0.99)) },
    { label: "Slowest", value: duration(total.maxMs) },
  ];
}

/** The total's curve, then those of the chosen names whose histograms are here. */
function distribution(run: Run, keys: ReadonlySet<string>): Curve[] {
  const named = run.rows.filter((row) => keys.has(row.key) && row.buckets !== undefined);
  const total = run.total.buckets === undefined ? [] : [{ label: "All requests", buckets: run.total.buckets }];
  return [...total, ...named.map((row) => ({ label: `${row.method} ${row.name}`, buckets: row.buckets ?? [] }))];
}
