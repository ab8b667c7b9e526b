// Percentiles, spectrum and bars out of the buckets of a histogram. Pure.
import type { Bucket, Numbers } from "./run.ts";

export function total(buckets: readonly Bucket[]): number {
  return buckets.reduce((sum, [, amount]) => sum + amount, 0);
}

/** The value that the given share of responses did not exceed; null where there are none. */
export function percentile(buckets: readonly Bucket[], share: number): number | null {
  const all = total(buckets);
  if (all === 0) return null;
  const wanted = Math.max(1, Math.ceil(share * all - 1e-9));
  let seen = 0;
  for (const [value, amount] of buckets) {
    seen += amount;
    if (seen >= wanted) return value;
  }
  return buckets.at(-1)?.[0] ?? null;
}

/** Histograms of several names as one. */
export function merge(all: readonly (readonly Bucket[])[]): Bucket[] {
  const sums = new Map<number, number>();
  for (const buckets of all) for (const [value, amount] of buckets) sums.set(value, (sums.get(value) ?? 0) + amount);
  return [...sums].sort((a, b) => a[0] - b[0]);
}

/** Shares for a spectrum, close together near 1, as far as so many samples support. */
export function spectrumShares(samples: number): number[] {
  const shares: number[] = [];
  const perDecade = 16;
  const decades = Math.log10(Math.max(10, samples));
  for (let step = 0; step <= decades * perDecade; step += 1) shares.push(1 - 10 ** (-step / perDecade));
  return shares;
}

export function spectrum(buckets: readonly Bucket[], shares: readonly number[]): Numbers {
  const all = total(buckets);
  const values: Numbers = [];
  let at = 0;
  let seen = buckets[0]?.[1] ?? 0;
  for (const share of shares) {
    if (all === 0 || 1 - share < 0.8 / all) {
      values.push(null);
      continue;
    }
    const wanted = Math.max(1, Math.ceil(share * all - 1e-9));
    while (seen < wanted && at < buckets.length - 1) {
      at += 1;
      seen += buckets[at]?.[1] ?? 0;
    }
    values.push(buckets[at]?.[0] ?? null);
  }
  return values;
}

export interface Bars {
  readonly middles: number[];
  readonly counts: number[];
}

/** At most so many bars of equal width on a logarithmic scale. */
export function bars(buckets: readonly Bucket[], most = 48): Bars {
  const filled = buckets.filter(([, amount]) => amount > 0);
  const first = filled[0];
  const last = filled.at(-1);
  if (first === undefined || last === undefined) return { middles: [], counts: [] };
  const low = Math.log10(Math.max(1e-3, first[0]));
  const high = Math.log10(Math.max(1e-3, last[0]));
  const amount = Math.max(1, Math.min(most, filled.length));
  const width = Math.max((high - low) / amount, 1e-2);
  const counts = new Array<number>(amount).fill(0);
  for (const [value, occurrences] of filled) {
    const index = Math.min(amount - 1, Math.floor((Math.log10(Math.max(1e-3, value)) - low) / width));
    counts[index] = (counts[index] ?? 0) + occurrences;
  }
  return { middles: counts.map((_, index) => 10 ** (low + (index + 0.5) * width)), counts };
}
