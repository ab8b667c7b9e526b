// The charts, live, for all requests and for chosen names.
import { useEffect, useMemo, useState } from "preact/hooks";
import { NameChips } from "../../components/name_chips.tsx";
import { matcher } from "../../components/table_rows.ts";
import { TimeCharts } from "../../components/time_charts.tsx";
import { withPast } from "../../model/past.ts";
import { mark } from "../actions.ts";
import { useDetails } from "../result.ts";
import { choose, chosen, live, phase, readOnly, version } from "../state.ts";
import { toggleName } from "./statistics.tsx";

const label = (key: string): string => key.replace("\u0000", " ").trim();

function useChosenNames() {
  const signature = [...chosen.value].join("\u0001");
  return useMemo(
    () => (signature === "" ? [] : signature.split("\u0001")).map((key) => ({ key, label: label(key) })),
    [signature],
  );
}

export function ChosenNames() {
  const names = useChosenNames();
  return <NameChips chosen={names} onRemove={toggleName} onClear={() => choose(new Set())} />;
}

/** As high as fits: two rows of charts on a usual screen, more of each on a large one. */
function useChartHeight(): number {
  const [height, setHeight] = useState(innerHeight);
  useEffect(() => {
    const look = () => setHeight(innerHeight);
    addEventListener("resize", look);
    return () => removeEventListener("resize", look);
  }, []);
  return Math.round(Math.min(460, Math.max(200, 0.27 * height)));
}

export function Charts() {
  version.value;
  const height = useChartHeight();
  const names = useChosenNames();
  const details = useDetails(names.length > 0);
  const { history } = live;
  const drawn = useMemo(() => withPast(history, details?.history ?? null), [history, details]);
  return (
    <div class="stack">
      <div class="row">
        <NamePicker />
        <ChosenNames />
        <span class="grow" />
        {phase.value === "running" && !readOnly.value && <MarkField />}
      </div>
      {live.history.times.length === 0 ? (
        <p class="empty">The first points come a second after the start.</p>
      ) : (
        <TimeCharts history={drawn} chosen={names} group="live" height={height} />
      )}
      <p class="muted small">
        Drag over a chart to zoom in, double-click to see all of it. Click a line’s name to hide it.
      </p>
    </div>
  );
}

const MOST_OFFERED = 12;

function NamePicker() {
  version.value;
  const [query, setQuery] = useState("");
  const fits = matcher(query);
  const offered =
    query.trim() === "" ? [] : live.rows.filter((row) => fits(`${row.method} ${row.name}`)).slice(0, MOST_OFFERED);
  return (
    <div class="menu">
      <input
        type="search"
        class="field filter"
        id="filter-charts"
        placeholder="Add a name to the charts"
        aria-label="Add a name to the charts"
        value={query}
        onInput={(event) => setQuery(event.currentTarget.value)}
      />
      {offered.length > 0 && (
        <div class="menu-body left">
          {offered.map((row) => (
            <button
              key={row.key}
              type="button"
              class="button plain choice"
              onClick={() => {
                toggleName(row);
                setQuery("");
              }}
            >
              <span class="method">{row.method}</span>
              {row.name}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function MarkField() {
  const [text, setText] = useState("");
  return (
    <form
      class="row small-gap"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() !== "") void mark(text.trim()).then((done) => done && setText(""));
      }}
    >
      <input
        id="mark"
        class="field"
        aria-label="A note for the charts"
        placeholder="Note, such as “deployed 1.4”"
        maxLength={80}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" class="button" disabled={text.trim() === ""}>
        Mark
      </button>
    </form>
  );
}
