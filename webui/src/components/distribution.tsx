// How response times are distributed: the percentile spectrum (tail drawn out) and a histogram. Both from buckets.
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import { count, duration, percentileName } from "../model/format.ts";
import { bars, spectrum, spectrumShares, total } from "../model/histogram.ts";
import type { Bucket } from "../model/run.ts";
import { colour, lineColour, theme } from "../model/theme.ts";

export interface Curve {
  readonly label: string;
  readonly buckets: readonly Bucket[];
}

/** The tail drawn out: every nine of the share takes the same width. */
export function Spectrum({ curves }: { readonly curves: readonly Curve[] }): JSX.Element {
  const holder = useRef<HTMLDivElement>(null);
  const most = Math.max(10, ...curves.map((curve) => total(curve.buckets)));
  const data = useMemo(() => {
    const shares = spectrumShares(most);
    return [shares.map((share) => 1 / (1 - share)), ...curves.map((curve) => spectrum(curve.buckets, shares))];
  }, [curves, most]);
  usePlot(holder, data as uPlot.AlignedData, () => spectrumOptions(curves));
  const words = curves.map((curve) => `${curve.label}: ${count(total(curve.buckets))} responses`).join("; ");
  return (
    <figure class="chart">
      <figcaption class="heading">
        <h3>Percentile spectrum</h3>
        <span class="muted small">response time by share of requests, every nine as wide</span>
      </figcaption>
      <div
        ref={holder}
        class="plot"
        style={{ minHeight: `${HEIGHT}px` }}
        role="img"
        aria-label={`Percentile spectrum. ${words}`}
      />
      <div class="legend">
        {curves.map((curve, index) => (
          <span key={curve.label} class="key">
            <span class="swatch" style={{ "--swatch": `var(--${lineColour(index)})` }} />
            <span class="key-name">{curve.label}</span>
          </span>
        ))}
      </div>
    </figure>
  );
}

export function Histogram({ curve }: { readonly curve: Curve }): JSX.Element {
  const holder = useRef<HTMLDivElement>(null);
  const drawn = useMemo(() => bars(curve.buckets), [curve.buckets]);
  usePlot(holder, [drawn.middles, drawn.counts], () => histogramOptions());
  return (
    <figure class="chart">
      <figcaption class="heading">
        <h3>Response times</h3>
        <span class="muted small">how many requests took how long: {curve.label}</span>
      </figcaption>
      <div
        ref={holder}
        class="plot"
        style={{ minHeight: `${HEIGHT}px` }}
        role="img"
        aria-label={`Histogram of ${count(total(curve.buckets))} response times of ${curve.label}`}
      />
    </figure>
  );
}

const HEIGHT = 240;

function usePlot(
  holder: { current: HTMLDivElement | null },
  data: uPlot.AlignedData,
  options: () => Partial<uPlot.Options>,
) {
  useEffect(() => {
    const element = holder.current;
    if (element === null || data[0].length === 0) return;
    const plot = new uPlot(
      { width: Math.max(element.clientWidth, 50), height: HEIGHT, series: [], ...options() },
      data,
      element,
    );
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== plot.width) {
        plot.setSize({ width: element.clientWidth, height: HEIGHT });
      }
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [data, theme.value]);
}

function axis(): uPlot.Axis {
  return { stroke: colour("muted"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false } };
}

/** On a logarithmic scale only the full powers are labelled. */
const powers = (splits: readonly number[], label: (value: number) => string): string[] =>
  splits.map((value) => (Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9 ? label(value) : ""));

function spectrumOptions(curves: readonly Curve[]): Partial<uPlot.Options> {
  return {
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    padding: [8, 28, 0, 0],
    scales: { x: { time: false, distr: 3 }, y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      {
        ...axis(),
        size: 28,
        values: (_plot, splits) =>
          powers(splits, (value) => (value <= 1 ? "p0" : percentileName(Math.min(1 - 1 / value, 0.9999999)))),
      },
      { ...axis(), size: 64, values: (_plot, splits) => splits.map((value) => duration(value)) },
    ],
    series: [
      {},
      ...curves.map(
        (curve, index): uPlot.Series => ({
          label: curve.label,
          stroke: colour(lineColour(index)),
          width: 2,
          points: { show: false },
        }),
      ),
    ],
  };
}

/** Between 4 and 9 round values from low to high on a logarithmic scale. */
function steps(low: number, high: number): number[] {
  const decades = Math.log10(high / low);
  const digits = decades > 4 ? [1] : decades > 1.5 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8];
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const digit of digits) all.push(Number((digit * 10 ** power).toPrecision(3)));
  }
  return all.filter((value) => value >= low && value <= high);
}

function histogramOptions(): Partial<uPlot.Options> {
  const stroke = colour("c1");
  return {
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    padding: [8, 28, 0, 0],
    scales: { x: { time: false, distr: 3 }, y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      {
        ...axis(),
        size: 28,
        splits: (plot) => steps(plot.scales.x?.min ?? 1, plot.scales.x?.max ?? 10),
        values: (_plot, splits) => splits.map((value) => duration(value)),
        filter: (_plot, splits) => splits,
      },
      { ...axis(), size: 64, values: (_plot, splits) => splits.map((value) => count(value)) },
    ],
    series: [
      {},
      {
        label: "Requests",
        stroke,
        fill: `${stroke}66`,
        width: 1,
        points: { show: false },
        paths: (plot, series, first, last) => BAR_PATHS?.(plot, series, first, last) ?? null,
      },
    ],
  };
}

const BAR_PATHS = uPlot.paths.bars?.({ size: [0.92, 60] });
