// Response times over time as a heat map: time to the right, response time upward on a logarithmic scale, the more
// requests the stronger the colour. Shows what percentiles hide: two peaks, a stall, a slow start.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { duration, time } from "../model/format.ts";
import { colour, theme } from "../model/theme.ts";

export interface Heat {
  readonly times: readonly number[];
  /** Seconds that the last column lasts. */
  readonly step: number;
  /** For each time the cells: lower and upper bound in ms, and how many requests. */
  readonly cells: readonly (readonly (readonly [number, number, number])[])[];
}

const LEFT = 64;
const BOTTOM = 20;

export function HeatMap({ heat }: { readonly heat: Heat }): JSX.Element {
  const holder = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const canvas = holder.current;
    if (canvas === null) return;
    const paint = () => draw(canvas, heat);
    const observer = new ResizeObserver(paint);
    observer.observe(canvas);
    paint();
    return () => observer.disconnect();
  }, [heat, theme.value]);
  return (
    <figure class="chart heat">
      <figcaption class="heading">
        <h3>Response times over time</h3>
        <span class="muted small">the more requests, the stronger</span>
      </figcaption>
      <canvas ref={holder} role="img" aria-label="Heat map of response times over time" />
    </figure>
  );
}

function draw(canvas: HTMLCanvasElement, heat: Heat): void {
  const pen = canvas.getContext("2d");
  if (pen === null || canvas.clientWidth === 0) return;
  const ratio = devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  pen.scale(ratio, ratio);
  const [width, height] = [canvas.clientWidth - LEFT, canvas.clientHeight - BOTTOM];
  const all = heat.cells.flat();
  const begin = heat.times[0];
  const end = (heat.times.at(-1) ?? 0) + heat.step;
  if (all.length === 0 || begin === undefined) return;
  const low = Math.log(Math.max(0.016, Math.min(...all.map((cell) => cell[0]))));
  const high = Math.max(low + 0.7, Math.log(Math.max(...all.map((cell) => cell[1]))));
  const most = Math.log(1 + Math.max(...all.map((cell) => cell[2])));
  const y = (value: number) => height - (height * (Math.log(Math.max(0.016, value)) - low)) / (high - low);
  const x = (at: number) => LEFT + (width * (at - begin)) / Math.max(1, end - begin);
  pen.fillStyle = colour("c1");
  for (const [index, cells] of heat.cells.entries()) {
    const at = heat.times[index] ?? begin;
    const from = x(at);
    const wide = Math.max(1, x(heat.times[index + 1] ?? end) - from);
    for (const [bottom, top, amount] of cells) {
      pen.globalAlpha = 0.12 + (0.88 * Math.log(1 + amount)) / most;
      pen.fillRect(from, y(top), wide + 0.5, Math.max(1, y(bottom) - y(top) + 0.5));
    }
  }
  pen.globalAlpha = 1;
  pen.fillStyle = colour("muted");
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (let label = 0; label <= 4; label += 1) {
    const value = Math.exp(low + ((high - low) * label) / 4);
    pen.fillText(duration(value), LEFT - 8, Math.min(height - 6, Math.max(7, y(value))));
  }
  pen.textBaseline = "alphabetic";
  for (let label = 0; label <= 3; label += 1) {
    const at = begin + ((end - begin) * label) / 3;
    pen.textAlign = label === 0 ? "left" : label === 3 ? "right" : "center";
    pen.fillText(time(at), x(at), height + 15);
  }
}
