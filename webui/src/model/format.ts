// Numbers and times as people read them. Pure; no locale surprises: the same text on every machine, other than dates.

const NONE = "–";

/** Thousands set apart by thin spaces, so that a column of counts can be compared by eye. */
export function count(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** Three significant digits, never in exponents: 0.04, 1.25, 12.5, 125, 1 250. */
export function figure(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size >= 100) return count(value);
  if (size === 0) return "0";
  const digits = size >= 10 ? 1 : size >= 0.01 ? 2 : 3;
  return trim(value.toFixed(digits));
}

const trim = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** Milliseconds without the unit, for columns that say it in their title. */
export function ms(value: number | null | undefined): string {
  return figure(value);
}

/** A duration with its unit: 250 µs, 12.5 ms, 3.2 s, 2 min 5 s, 3 h 2 min. */
export function duration(milliseconds: number | null | undefined): string {
  if (milliseconds == null || !Number.isFinite(milliseconds)) return NONE;
  if (milliseconds === 0) return "0 ms";
  if (milliseconds < 1) return `${figure(milliseconds * 1000)} µs`;
  if (milliseconds < 1000) return `${figure(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${figure(seconds)} s`;
  return clock(Math.round(seconds));
}

/** Whole seconds as a span: 45 s, 2 min 5 s, 3 h 2 min, 2 d 4 h. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const units: [number, string][] = [
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const first = units.findIndex(([size]) => whole >= size);
  if (first < 0) return "0 s";
  let rest = whole;
  const words: string[] = [];
  for (const [size, unit] of units.slice(first, first + 2)) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount > 0) words.push(`${amount} ${unit}`);
  }
  return words.join(" ");
}

export function bytes(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${figure(size)} ${units[unit]}`;
}

/** A share of 0 to 1 as percent; small ones do not vanish. */
export function percent(share: number | null | undefined): string {
  if (share == null || !Number.isFinite(share)) return NONE;
  if (share > 0 && share < 0.0001) return "<0.01 %";
  if (share < 1 && share > 0.9999) return ">99.99 %";
  return `${trim((share * 100).toFixed(share < 0.1 ? 2 : 1))} %`;
}

/** The name of a percentile: 0.5 is p50, 0.999 is p99.9, 1 is the maximum. */
export function percentileName(share: number): string {
  if (share >= 1) return "max";
  return `p${trim((share * 100).toFixed(6))}`;
}

export function dateTime(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return NONE;
  const date = new Date(seconds * 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time(seconds)}`;
}

export function time(seconds: number): string {
  const date = new Date(seconds * 1000);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** One or many: `plural(1, "user")` is "1 user". */
export function plural(amount: number, noun: string, nouns = `${noun}s`): string {
  return `${count(amount)} ${amount === 1 ? noun : nouns}`;
}

/** The console's line on the generator, without the words that a badge says already. */
export function withoutVerdict(line: string): string {
  return line.replace(/^Generator: WAS THE LIMIT: (.)/, (_, first: string) => first.toUpperCase());
}

/** The same beside a badge that says whether it keeps up, of console or server. */
export function besideBadge(line: string): string {
  const text = line.replace(/^Generator: (WAS THE LIMIT: )?|^The generator keeps up(: |, but )/, "");
  const bare = /^kept up \((.*)\)$/.exec(text)?.[1] ?? text;
  return bare.charAt(0).toUpperCase() + bare.slice(1);
}
