// A chart over time: uPlot for the drawing, our own legend (buttons that say the value under the cursor), zoom by dragging,
// one cursor for all charts of a group, marks where runs begin. New data never undo a zoom.
import { signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { time as clockTime, dateTime } from "../model/format.ts";
import { labelPlaces } from "../model/label_places.ts";
import type { Mark, Numbers } from "../model/run.ts";
import { colour, theme } from "../model/theme.ts";
import { Icon } from "./icons.tsx";

export interface Line {
  readonly label: string;
  /** A custom property of the style sheet, without the dashes. */
  readonly colour: string;
  readonly values: Numbers;
  readonly fill?: boolean;
  readonly dashed?: boolean;
}

export interface ChartProps {
  readonly title: string;
  readonly unit: string;
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number | null) => string;
  /** Nothing between whole numbers can be. */
  readonly whole?: boolean;
  readonly marks?: readonly Mark[];
  readonly group?: string;
  readonly height?: number;
  readonly note?: string | undefined;
}

/** Where the cursor of a group of charts is: an index into the times, or null. */
const cursors = new Map<string, ReturnType<typeof signal<number | null>>>();
function cursorOf(group: string) {
  const known = cursors.get(group);
  if (known !== undefined) return known;
  const made = signal<number | null>(null);
  cursors.set(group, made);
  return made;
}

export function Chart(props: ChartProps): JSX.Element {
  const { title, times, lines, group = title, height = 220 } = props;
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const marks = useRef<readonly Mark[]>([]);
  marks.current = props.marks ?? [];
  const hidden = useSignal<ReadonlySet<string>>(new Set());
  const cursor = cursorOf(group);
  const zoomed = useSignal(false);
  const shape = lines.map((line) => `${line.label}\u0000${line.colour}\u0000${line.dashed}`).join("\u0001");
  const data = useMemo<uPlot.AlignedData>(
    () => [times as number[], ...lines.map((line) => line.values)] as uPlot.AlignedData,
    [times, lines],
  );

  useEffect(() => {
    if (holder.current === null) return;
    const options = plotOptions(props, holder.current.clientWidth, height, group, marks, cursor, zoomed);
    const made = new uPlot(options, data, holder.current);
    plot.current = made;
    for (const [index, line] of lines.entries())
      if (hidden.value.has(line.label)) made.setSeries(index + 1, { show: false });
    const observer = new ResizeObserver(() => {
      const width = holder.current?.clientWidth ?? 0;
      if (width > 0 && width !== made.width) made.setSize({ width, height });
    });
    observer.observe(holder.current);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, theme.value, height, group]);

  useEffect(() => {
    const made = plot.current;
    if (made === null || made.data === data) return;
    made.setData(data, !isZoomed(made));
  }, [data]);

  const toggle = (label: string, index: number) => {
    const next = new Set(hidden.value);
    const show = next.delete(label);
    if (!show) next.add(label);
    hidden.value = next;
    plot.current?.setSeries(index + 1, { show });
  };
  const at = cursor.value ?? times.length - 1;
  const when = times[at];
  return (
    <figure class="chart" data-zoomed={zoomed.value || undefined}>
      <figcaption class="heading">
        <h3>{title}</h3>
        <span class="muted small">{props.unit}</span>
        <span class="grow" />
        <span class="muted small number">{cursor.value === null || when === undefined ? "" : dateTime(when)}</span>
        {zoomed.value && (
          <button type="button" class="button plain small" onClick={() => resetZoom(group)}>
            Whole run
          </button>
        )}
        <button
          type="button"
          class="button plain icon"
          title="Save as a picture (PNG)"
          aria-label={`Save ${title} as a picture`}
          onClick={() => plot.current && savePng(plot.current, title)}
        >
          <Icon name="save" />
        </button>
      </figcaption>
      <div ref={holder} class="plot" style={{ minHeight: `${height}px` }} role="img" aria-label={spoken(props, at)} />
      <div class="legend">
        {lines.map((line, index) => (
          <button
            key={line.label}
            type="button"
            class="key"
            aria-pressed={!hidden.value.has(line.label)}
            title={`Show or hide ${line.label}`}
            onClick={() => toggle(line.label, index)}
          >
            <span class={line.dashed ? "swatch dashed" : "swatch"} style={{ "--swatch": `var(--${line.colour})` }} />
            <span class="key-name">{line.label}</span>
            <b class="number">{props.format(line.values[at] ?? null)}</b>
          </button>
        ))}
      </div>
      {props.note !== undefined && <p class="muted small">{props.note}</p>}
    </figure>
  );
}

function spoken({ title, lines, format, unit }: ChartProps, at: number): string {
  const values = lines.map((line) => `${line.label} ${format(line.values[at] ?? null)}`).join(", ");
  return `${title}, ${unit}: ${values || "no data"}`;
}

export function isZoomed(plot: uPlot): boolean {
  const { min, max } = plot.scales.x ?? {};
  const times = plot.data[0];
  const [first, last] = [times[0], times.at(-1)];
  if (min == null || max == null || first === undefined || last === undefined) return false;
  return min > first || max < last;
}

/** All charts of the group, as they were zoomed together. */
function resetZoom(group: string): void {
  for (const plot of uPlot.sync(group).plots) {
    const times = plot.data[0];
    const [first, last] = [times[0], times.at(-1)];
    if (first !== undefined && last !== undefined) plot.setScale("x", { min: first, max: last });
  }
}

function savePng(plot: uPlot, title: string): void {
  const { canvas } = plot.ctx;
  const copy = document.createElement("canvas");
  copy.width = canvas.width;
  copy.height = canvas.height;
  const pen = copy.getContext("2d");
  if (pen === null) return;
  pen.fillStyle = colour("surface");
  pen.fillRect(0, 0, copy.width, copy.height);
  pen.drawImage(canvas, 0, 0);
  copy.toBlob((blob) => {
    if (blob === null) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.png`;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}

/** The clock under a chart has no fractions of a second. */
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SECONDS = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 7, 14, 28].map((days) => days * DAY),
];
const WHOLE = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

type Cursor = ReturnType<typeof cursorOf>;

function plotOptions(
  { lines, format, whole }: ChartProps,
  width: number,
  height: number,
  group: string,
  marks: { current: readonly Mark[] },
  cursor: Cursor,
  zoomed: { value: boolean },
): uPlot.Options {
  const axis = { stroke: colour("muted"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
  return {
    width: Math.max(width, 50),
    height,
    legend: { show: false },
    cursor: {
      sync: { key: group, scales: ["x", null] },
      drag: { x: true, y: false },
      points: { size: 6 },
      focus: { prox: 24 },
    },
    scales: { x: { time: true }, y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    padding: [8, 28, 0, 0],
    axes: [
      { ...axis, values: (_plot, splits) => splits.map(clockTime), space: 80, size: 24, incrs: SECONDS },
      {
        ...axis,
        size: 58,
        values: (_plot, splits) => splits.map((value) => format(value)),
        ...(whole ? { incrs: WHOLE } : {}),
      },
    ],
    series: [
      {},
      ...lines.map((line): uPlot.Series => {
        const stroke = colour(line.colour);
        return {
          label: line.label,
          stroke,
          width: 1.75,
          points: { show: false },
          spanGaps: false,
          ...(line.fill ? { fill: `${stroke}22` } : {}),
          ...(line.dashed ? { dash: [6, 4] } : {}),
        };
      }),
    ],
    hooks: {
      draw: [(plot) => drawMarks(plot, marks.current)],
      setScale: [
        (plot, key) => {
          if (key === "x") zoomed.value = isZoomed(plot);
        },
      ],
      setCursor: [
        (plot) => {
          cursor.value = plot.cursor.idx ?? null;
        },
      ],
    },
  };
}

function drawMarks(plot: uPlot, marks: readonly Mark[]): void {
  const pen = plot.ctx;
  const { left, top, width, height } = plot.bbox;
  pen.save();
  pen.strokeStyle = colour("muted");
  pen.fillStyle = colour("muted");
  pen.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  pen.lineWidth = devicePixelRatio;
  pen.textBaseline = "top";
  pen.setLineDash([4, 4]);
  const places = labelPlaces(
    marks.map((mark) => [plot.valToPos(mark.time, "x", true), pen.measureText(mark.label).width]),
    [left, left + width],
    6 * devicePixelRatio,
  );
  for (const [at, place] of places.entries()) {
    const mark = marks[at];
    if (place === null || mark === undefined) continue;
    pen.beginPath();
    pen.moveTo(place.x, top);
    pen.lineTo(place.x, top + height);
    pen.stroke();
    pen.textAlign = place.leftwards ? "right" : "left";
    const gap = (place.leftwards ? -4 : 4) * devicePixelRatio;
    pen.fillText(mark.label, place.x + gap, top + (2 + 14 * place.row) * devicePixelRatio);
  }
  pen.restore();
}
