// The smaller parts of page and report: verdict, phases, failures, exceptions, ratios, facts, sparkline. Every text of a
// run goes into the page as text, never as markup.
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { count, dateTime, duration, percent, plural, time } from "../model/format.ts";
import { anyActual } from "../model/ratios.ts";
import type {
  FactGroup,
  Failure,
  Judgement,
  Numbers,
  PhaseTimes,
  Ratio,
  Row,
  Sample,
  TaskException,
  Verdict,
} from "../model/run.ts";

export function Badge({ judgement, words }: { readonly judgement: Judgement | "warn"; readonly words: string }) {
  const sign = { pass: "✓ ", fail: "✗ ", warn: "! ", none: "" }[judgement];
  return (
    <span class={`badge ${judgement}`}>
      {sign}
      {words}
    </span>
  );
}

export function VerdictPanel({ verdict }: { readonly verdict: Verdict }): JSX.Element {
  const { generator } = verdict;
  return (
    <section class={`panel verdict ${verdict.judgement}`} aria-label="Verdict">
      <div class="heading">
        <Badge
          judgement={verdict.judgement}
          words={{ pass: "Passed", fail: "Failed", none: "No verdict" }[verdict.judgement]}
        />
        <h2>{verdict.headline}</h2>
      </div>
      {verdict.reasons.length > 0 && (
        <ul>
          {verdict.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      {verdict.thresholds.length > 0 && <Thresholds thresholds={verdict.thresholds} />}
      {generator !== null && (
        <p class={generator.limit ? "notice warn" : "muted"}>
          {generator.limit && <strong>The generator was the limit. </strong>}
          {generator.words}
        </p>
      )}
    </section>
  );
}

export function Thresholds({ thresholds }: { readonly thresholds: Verdict["thresholds"] }) {
  return (
    <ul class="thresholds" aria-label="Thresholds">
      {thresholds.map((threshold) => (
        <li key={threshold.text} class="row">
          <Badge
            judgement={threshold.judgement}
            words={{ pass: "held", fail: "broken", none: "open" }[threshold.judgement]}
          />
          <code>{threshold.text}</code>
          <span class="muted">{threshold.actual}</span>
        </li>
      ))}
    </ul>
  );
}

const PHASE_NAMES: Record<string, string> = {
  blocked: "Waiting in the generator",
  dns: "Name look-up",
  connect: "Connecting",
  tls: "TLS",
  send: "Sending",
  wait: "Waiting for the server",
  receive: "Receiving",
};
export const phaseName = (phase: string): string => PHASE_NAMES[phase] ?? phase;

const PHASE_COLOURS: Record<string, string> = {
  blocked: "c8",
  dns: "c7",
  connect: "c2",
  tls: "c3",
  send: "c6",
  wait: "c1",
  receive: "c4",
};
const phaseColour = (name: string): string => PHASE_COLOURS[name] ?? "c5";

const MOST_PHASE_ROWS = 20;

/** Where the time goes: for each name a bar, as long as its mean time and cut into phases. */
export function Phases({ rows, total }: { readonly rows: readonly Row[]; readonly total: Row }): JSX.Element {
  const [shares, setShares] = useState(false);
  const measured = rows.filter((row) => row.phases !== undefined && row.phases.count > 0);
  if (measured.length === 0) return <p class="empty">No phases were measured.</p>;
  const slowest = [...measured].sort((a, b) => meanOf(b.phases) - meanOf(a.phases)).slice(0, MOST_PHASE_ROWS);
  const longest = Math.max(...slowest.map((row) => meanOf(row.phases)), meanOf(total.phases), 1e-6);
  const names = [...new Set(measured.flatMap((row) => row.phases?.phases.map((phase) => phase.name) ?? []))];
  return (
    <div class="stack">
      <div class="legend">
        {names.map((name) => (
          <span key={name} class="key">
            <span class="swatch block" style={{ "--swatch": `var(--${phaseColour(name)})` }} />
            {phaseName(name)}
          </span>
        ))}
        <span class="grow" />
        <label class="check small no-print">
          <input type="checkbox" checked={shares} onChange={(event) => setShares(event.currentTarget.checked)} />
          Only shares: each bar in full
        </label>
      </div>
      <div class="bars">
        {total.phases !== undefined && total.phases.count > 0 && (
          <PhaseBar
            label="All requests"
            method=""
            phases={total.phases}
            longest={shares ? meanOf(total.phases) : longest}
          />
        )}
        {slowest.map((row) => (
          <PhaseBar
            key={row.key}
            label={row.name}
            method={row.method}
            phases={row.phases as PhaseTimes}
            longest={shares ? meanOf(row.phases) : longest}
          />
        ))}
      </div>
      {measured.length > slowest.length && (
        <p class="muted small">
          The {slowest.length} slowest of {plural(measured.length, "name")}.
        </p>
      )}
    </div>
  );
}

const meanOf = (phases: PhaseTimes | undefined): number =>
  phases?.phases.reduce((sum, phase) => sum + phase.meanMs, 0) ?? 0;

interface PhaseBarProps {
  readonly label: string;
  readonly method: string;
  readonly phases: PhaseTimes;
  readonly longest: number;
}

function PhaseBar({ label, method, phases, longest }: PhaseBarProps) {
  const words = phases.phases.map((phase) => `${phaseName(phase.name)} ${duration(phase.meanMs)}`);
  const reused = phases.count > 0 ? phases.reused / phases.count : 0;
  const versions = Object.entries(phases.versions).map(([version, count]) => `HTTP/${version}: ${count} responses`);
  const title = [...words, `${percent(reused)} over connections that were open`, ...versions].join("\n");
  return (
    <div class="bar-row" title={title}>
      <span>
        {method !== "" && <span class="method">{method}</span>}
        {label}
      </span>
      <span class="bar" role="img" aria-label={`${method} ${label}: ${words.join(", ")}`}>
        {phases.phases.map((phase) => (
          <span
            key={phase.name}
            style={{
              width: `${(100 * phase.meanMs) / Math.max(longest, 1e-6)}%`,
              "--swatch": `var(--${phaseColour(phase.name)})`,
            }}
          />
        ))}
      </span>
      <span class="number">{duration(meanOf(phases))}</span>
    </div>
  );
}

const MOST_FAILURES = 100;

/** The most frequent first, so many of them until one asks for all. */
export function Failures({
  failures,
  rows,
}: {
  readonly failures: readonly Failure[];
  /** Of what each is a share. */
  readonly rows: readonly Row[];
}): JSX.Element {
  const [all, setAll] = useState(false);
  const requests = useMemo(() => new Map(rows.map((row) => [`${row.method}\u0000${row.name}`, row.requests])), [rows]);
  if (failures.length === 0) return <p class="empty">No request failed.</p>;
  const shown = all ? failures : failures.slice(0, MOST_FAILURES);
  return (
    <div class="list">
      {shown.map((failure) => (
        <details key={failure.key} class="fold">
          <summary>
            <b class="number bad-text">{count(failure.occurrences)}×</b>
            <span class="fold-text">
              <span class="method">{failure.method}</span>
              <span>{failure.name}</span>
              <br />
              <code>{failure.error}</code>
            </span>
            <span class="muted small number fold-note">
              {shareWords(failure, requests.get(`${failure.method}\u0000${failure.name}`))}
              <br /> {failure.firstSeen === null ? "–" : time(failure.firstSeen)} to{" "}
              {failure.lastSeen === null ? "–" : time(failure.lastSeen)}
            </span>
          </summary>
          <div class="fold-body">
            <p class="muted small">
              First seen {dateTime(failure.firstSeen)}, last {dateTime(failure.lastSeen)}
            </p>
            {failure.samples.map((sample, at) => (
              <SampleView key={`${at} ${sample.at}`} sample={sample} open={at === 0} />
            ))}
            {failure.samples.length === 0 && <p class="muted small">No exchange of it was kept.</p>}
          </div>
        </details>
      ))}
      {shown.length < failures.length && (
        <div class="row no-print">
          <button type="button" class="button" onClick={() => setAll(true)}>
            Show all {count(failures.length)} kinds
          </button>
        </div>
      )}
    </div>
  );
}

const shareWords = ({ occurrences }: Failure, requests: number | undefined): string =>
  requests === undefined || requests < occurrences ? "" : `${percent(occurrences / requests)} of its requests`;

interface SampleProps {
  readonly sample: Sample;
  readonly open?: boolean;
}

export function SampleView({ sample, open = true }: SampleProps) {
  return (
    <details class="sample" open={open}>
      <summary>
        <b>{sample.title}</b>{" "}
        <span class="muted small">
          {sample.at === undefined ? "" : dateTime(sample.at)}
          {sample.elapsedMs == null ? "" : `, ${duration(sample.elapsedMs)}`}
        </span>
      </summary>
      {sample.note && <p class="muted small">{sample.note}</p>}
      {sample.parts.map((part) => (
        <div key={part.title}>
          <div class="muted small">{part.title}</div>
          <pre>{part.text}</pre>
          {part.cut && <div class="muted small">Cut here.</div>}
        </div>
      ))}
    </details>
  );
}

export function Exceptions({ exceptions }: { readonly exceptions: readonly TaskException[] }): JSX.Element {
  if (exceptions.length === 0) return <p class="empty">No task raised an exception.</p>;
  return (
    <div class="list">
      {exceptions.map((exception) => (
        <details key={exception.key} class="fold" open={exceptions.length === 1}>
          <summary>
            <b class="number bad-text">{count(exception.count)}×</b>
            <span class="fold-text">{exception.message || "(no message)"}</span>
            <span class="muted small">{exception.nodes}</span>
          </summary>
          <div class="fold-body">
            <pre>{exception.traceback}</pre>
          </div>
        </details>
      ))}
    </div>
  );
}

export function RatioTree({ ratios }: { readonly ratios: readonly Ratio[] }): JSX.Element {
  if (ratios.length === 0) return <p class="empty">No user classes.</p>;
  const known = anyActual(ratios);
  return (
    <div class={known ? undefined : "planned-only"}>
      <div class="ratio-line muted small">
        <span>Name</span>
        <span class="bar-place" />
        <span class="number">Planned</span>
        <span class="number">{known ? "Actual" : ""}</span>
      </div>
      <RatioList ratios={ratios} />
    </div>
  );
}

function RatioList({ ratios }: { readonly ratios: readonly Ratio[] }) {
  return (
    <ul class="ratio">
      {ratios.map((ratio) => (
        <li key={ratio.name}>
          <div class="ratio-line">
            <span>{ratio.name}</span>
            <span class="bar" aria-hidden="true">
              <span
                style={{ width: `${100 * Math.min(1, ratio.actual ?? ratio.planned)}%`, "--swatch": "var(--c1)" }}
              />
              {ratio.actual != null && <i style={{ left: `${100 * Math.min(1, ratio.planned)}%` }} />}
            </span>
            <span class="number">{percent(ratio.planned)}</span>
            <span class="number">{ratio.actual == null ? "" : percent(ratio.actual)}</span>
          </div>
          {ratio.children.length > 0 && <RatioList ratios={ratio.children} />}
        </li>
      ))}
    </ul>
  );
}

export function Facts({ groups }: { readonly groups: readonly FactGroup[] }): JSX.Element {
  return (
    <div class="facts">
      {groups.map((group) => (
        <section key={group.title}>
          <h3>{group.title}</h3>
          <dl>
            {group.facts.map((fact) => [
              <dt key={`${fact.label}t`}>{fact.label}</dt>,
              <dd key={`${fact.label}d`}>{fact.value}</dd>,
            ])}
          </dl>
        </section>
      ))}
    </div>
  );
}

/** A line as long as its values fill the slots, the newest on the right. */
export function Sparkline({ values, slots }: { readonly values: Numbers; readonly slots: number }) {
  const known = values.map((value) => value ?? 0);
  const most = Math.max(...known, 1e-9);
  const step = 80 / Math.max(1, slots - 1);
  const x = (at: number) => (80 - (known.length - 1 - at) * step).toFixed(1);
  const path = known
    .map((value, at) => `${at === 0 ? "M" : "L"}${x(at)} ${(20 - (18 * value) / most).toFixed(1)}`)
    .join("");
  return (
    <svg class="spark" viewBox="0 0 80 22" preserveAspectRatio="none" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

export interface TileProps {
  readonly label: string;
  readonly value: string;
  readonly note?: string | undefined;
  readonly bad?: boolean;
}

export function Tiles({ tiles, short = false }: { readonly tiles: readonly TileProps[]; readonly short?: boolean }) {
  return (
    <div class={short ? "tiles short" : "tiles"}>
      {tiles.map((tile) => (
        <dl key={tile.label} class={tile.bad ? "tile fail" : "tile"}>
          <dt>{tile.label}</dt>
          <dd title={tile.value}>
            {tile.value} {tile.note !== undefined && <small>{tile.note}</small>}
          </dd>
        </dl>
      ))}
    </div>
  );
}
