// The newest lines of the log, coloured by level, with a filter; follows the end unless one scrolls up.
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { matcher } from "../../components/table_rows.ts";
import { plural } from "../../model/format.ts";
import { live, logSeen, version } from "../state.ts";

const SHOWN = 600;

export function levelOf(line: string): "" | "warn" | "fail" {
  const level = /\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b/.exec(line)?.[1];
  if (level === "WARNING") return "warn";
  return level === "ERROR" || level === "CRITICAL" ? "fail" : "";
}

/** Whether a warning or worse has come that nobody has looked at. */
export function hasUnseenTrouble(): boolean {
  const fresh = live.logLines - logSeen.value;
  return fresh > 0 && live.logs.slice(-fresh).some((line) => levelOf(line) !== "");
}

export function Logs() {
  version.value;
  const [query, setQuery] = useState("");
  const box = useRef<HTMLElement>(null);
  const follows = useRef(true);
  logSeen.value = live.logLines;
  const { logs } = live;
  const lines = useMemo(() => {
    const fits = matcher(query);
    return logs.filter(fits).slice(-SHOWN);
  }, [logs, query]);
  useLayoutEffect(() => {
    const element = box.current;
    if (element !== null && follows.current) element.scrollTop = element.scrollHeight;
  });
  const scrolled = (event: Event & { readonly currentTarget: HTMLElement }) => {
    const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
    follows.current = scrollHeight - scrollTop - clientHeight < 40;
  };
  return (
    <div class="stack">
      <div class="row">
        <input
          type="search"
          class="field filter"
          id="filter-logs"
          placeholder="Filter: words, -without"
          aria-label="Filter log lines"
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
        <span class="muted small">{plural(lines.length, "line")}</span>
      </div>
      {
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable with the keyboard
        <section class="log log-tall" ref={box} tabIndex={0} aria-label="Log" onScroll={scrolled}>
          {lines.length === 0 && <p class="empty">No lines.</p>}
          {lines.map((line, at) => (
            <pre key={at} class={`log-line ${levelOf(line)}`}>
              {line}
            </pre>
          ))}
        </section>
      }
    </div>
  );
}
