// The bar at the top: what is tested, in what state, how it goes, and the buttons that steer it; below it one line on
// whether the generator itself keeps up.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Badge, Thresholds } from "../components/details.tsx";
import { Icon } from "../components/icons.tsx";
import favicon from "../favicon.svg";
import { besideBadge, bytes, clock, count, duration, figure, percent, percentileName } from "../model/format.ts";
import { theme, toggleTheme } from "../model/theme.ts";
import { canEdit, reset, stop, togglePause } from "./actions.ts";
import { args } from "./arguments.ts";
import {
  busy,
  connection,
  dialog,
  live,
  notice,
  pausable,
  phase,
  readOnly,
  silentSeconds,
  status,
  tell,
  version,
} from "./state.ts";

const WORDS: Record<string, string> = {
  ready: "Ready",
  spawning: "Starting users",
  running: "Running",
  cleanup: "Clearing up",
  stopping: "Stopping",
  stopped: "Stopped",
  missing: "No runner",
};

export function Header(): JSX.Element {
  version.value;
  return (
    <header class="top">
      <div class="row top-row">
        <a class="brand" href="./" aria-label="Gregaria, start page">
          <img src={favicon} alt="" width="26" height="26" />
          <b>Gregaria</b>
        </a>
        <StatePill />
        <span class="host" title={status.value.host || args.host}>
          {status.value.host || args.host}
        </span>
        <span class="grow" />
        <Buttons />
        <span class="row small-gap tools">
          <button
            type="button"
            class="button plain icon"
            title="Keyboard shortcuts (?)"
            aria-label="Help"
            onClick={() => (dialog.value = "help")}
          >
            <Icon name="help" />
          </button>
          <button
            type="button"
            class="button plain icon"
            title="Light or dark (T)"
            aria-label={theme.value === "dark" ? "Light" : "Dark"}
            onClick={toggleTheme}
          >
            <Icon name={theme.value === "dark" ? "sun" : "moon"} />
          </button>
        </span>
      </div>
      {phase.value !== "ready" && <Figures />}
      <Health />
      <Messages />
    </header>
  );
}

function StatePill() {
  const { state, paused } = status.value;
  const word = paused ? "Paused" : (WORDS[state || args.state || "ready"] ?? state);
  const look = paused ? "warn" : phase.value === "running" ? "live" : "none";
  return (
    <span class={`badge ${look}`} role="status" id="state">
      {look === "live" && <span class="pulse" aria-hidden="true" />}
      {word}
    </span>
  );
}

function Buttons() {
  if (readOnly.value) return <span class="badge">Looking only</span>;
  const working = busy.value !== "";
  const { paused } = status.value;
  switch (phase.value) {
    case "ready":
      return null;
    case "stopped":
      return (
        <div class="row small-gap steer">
          <button type="button" class="button primary" onClick={() => (dialog.value = "start")}>
            New
          </button>
          <button type="button" class="button" disabled={working} onClick={() => void reset()}>
            Reset
          </button>
        </div>
      );
    default:
      return (
        <div class="row small-gap steer">
          <button
            type="button"
            class="button"
            disabled={working || !canEdit()}
            title={status.value.shape ? "A load shape leads this test" : "Users and ramp (E)"}
            onClick={() => (dialog.value = "edit")}
          >
            Edit
          </button>
          {pausable.value && (
            <button
              type="button"
              class="button"
              disabled={working}
              title="Users stay and begin no further task (P)"
              onClick={() => void togglePause()}
            >
              {paused ? "Resume" : "Pause"}
            </button>
          )}
          <button
            type="button"
            class="button danger"
            disabled={working || status.value.state === "stopping"}
            title="Shift+S"
            onClick={() => void stop()}
          >
            {busy.value === "stop" || status.value.state === "stopping" ? "Stopping…" : "Stop"}
          </button>
          <button
            type="button"
            class="button"
            disabled={working}
            title="Clear the statistics (Shift+R)"
            onClick={() => void reset()}
          >
            Reset
          </button>
        </div>
      );
  }
}

/** While it runs the figures of this moment; afterwards those of the whole run, and they say so. */
function Figures() {
  const { user_count: users, target_user_count: target, is_distributed: distributed, workers } = status.value;
  const { total } = live;
  const over = phase.value === "stopped";
  const share = total.requests > 0 ? total.failures / total.requests : 0;
  const shares = live.settings.chart_percentiles;
  const whole = live.nameShares();
  return (
    <dl class="figures">
      {over ? (
        <Value label="Most users" value={count(live.mostUsers)} />
      ) : (
        <Value label="Users" value={count(users)} note={target > users ? `of ${count(target)}` : ""} />
      )}
      <Value label={over ? "RPS, mean" : "RPS"} value={figure(over ? live.meanRps : total.rps)} />
      <Value
        label="Failures"
        value={percent(share)}
        note={total.failures > 0 ? count(total.failures) : ""}
        bad={total.failures > 0}
      />
      {shares.map((each, at) =>
        over && whole.includes(each) ? (
          <Value key={each} label={percentileName(each)} value={duration(total.percentiles[whole.indexOf(each)])} />
        ) : over ? null : (
          <Value key={each} label={`${percentileName(each)} now`} value={duration(live.currentPercentiles[at])} />
        ),
      )}
      <Value label="Requests" value={count(total.requests)} />
      {distributed && <Value label="Workers" value={count(workers.length)} />}
      <Elapsed />
      <ThresholdState />
    </dl>
  );
}

interface ValueProps {
  readonly label: string;
  readonly value: string;
  readonly note?: string;
  readonly bad?: boolean;
}

function Value({ label, value, note, bad }: ValueProps) {
  return (
    <div class={bad ? "value fail" : "value"}>
      <dt>{label}</dt>
      <dd>
        {value} {note && <small>{note}</small>}
      </dd>
    </div>
  );
}

function Elapsed() {
  const { started, ends } = status.value;
  const [, tick] = useState(0);
  const running = phase.value === "running";
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => tick((now) => now + 1), 1000);
    return () => clearInterval(timer);
  }, [running]);
  if (!started) return null;
  const now = running ? Date.now() / 1000 : live.ended;
  const left = ends && running ? `${clock(ends - now)} left` : "";
  return (
    <>
      <Value label="Time" value={clock(now - started)} note={left} />
      {ends && running && (
        <progress class="progress" max={ends - started} value={now - started} aria-label="Progress of the run time" />
      )}
    </>
  );
}

function ThresholdState() {
  const { thresholds } = status.value;
  if (thresholds.length === 0) return null;
  const broken = thresholds.filter((threshold) => threshold.state === "fail").length;
  return (
    <details class="menu value">
      <summary aria-label="Thresholds">
        <span class="small muted">Thresholds</span>
        <Badge
          judgement={broken > 0 ? "fail" : "pass"}
          words={broken > 0 ? `${broken} of ${thresholds.length} broken` : `${thresholds.length} held`}
        />
      </summary>
      <div class="menu-body">
        <Thresholds
          thresholds={thresholds.map(({ text, state, value }) => ({
            text,
            judgement: state === "pass" || state === "fail" ? state : "none",
            actual: value,
          }))}
        />
      </div>
    </details>
  );
}

function Health() {
  const { generator } = status.value;
  if (phase.value === "ready" || generator.verdict === "") return null;
  const over = phase.value === "stopped";
  const level = over ? (generator.overall_limit ? "limit" : "ok") : generator.level;
  const judgement = { limit: "fail", warning: "warn" }[level] ?? "pass";
  const short = { limit: over ? "was the limit" : "is the limit", warning: "is strained" }[level];
  const words = besideBadge(over ? generator.overall : generator.verdict);
  return (
    <details class={`health ${judgement}`} id="health">
      <summary>
        <Badge
          judgement={judgement as "pass" | "fail" | "warn"}
          words={`Generator ${short ?? (over ? "kept up" : "keeps up")}`}
        />
        <span class="health-words">{words}</span>
        {!over && (
          <span class="muted small number health-figures">
            {figure(generator.cpu_percent)} % CPU · {bytes(generator.memory_bytes)} · {count(generator.in_flight)} in
            flight
          </span>
        )}
      </summary>
    </details>
  );
}

function Messages() {
  const lines: JSX.Element[] = [];
  if (connection.value === "lost")
    lines.push(<p class="notice warn">The connection is lost; the figures stand still. Connecting again…</p>);
  if (connection.value === "logged out") {
    lines.push(
      <p class="notice warn">
        The session has ended. <a href="login">Log in again</a>
      </p>,
    );
  }
  if (connection.value === "silent") {
    lines.push(
      <p class="notice warn">The generator has said nothing for {clock(silentSeconds.value)}: it is busy or stuck.</p>,
    );
  }
  if (notice.value !== null) {
    lines.push(
      <p class={notice.value.bad ? "notice fail" : "notice"}>
        <span class="row">
          <span class="grow">{notice.value.text}</span>
          <button type="button" class="button plain small" aria-label="Dismiss" onClick={() => tell("")}>
            <Icon name="close" />
          </button>
        </span>
      </p>,
    );
  }
  return (
    <div class="messages" role="alert">
      {lines}
    </div>
  );
}
