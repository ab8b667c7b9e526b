import { expect, test } from "vitest";
import { bars, merge, percentile, spectrum, spectrumShares, total } from "../src/model/histogram.ts";
import { bucketValueUs, heatBoundsUs } from "../src/model/result_buckets.ts";
import type { Bucket } from "../src/model/run.ts";

const hundred: Bucket[] = Array.from({ length: 100 }, (_, index) => [index + 1, 1]);

test("a percentile is the value that the share did not exceed", () => {
  expect([0, 0.5, 0.95, 1].map((share) => percentile(hundred, share))).toEqual([1, 50, 95, 100]);
  expect(percentile([], 0.5)).toBeNull();
});

test("merged histograms have the samples of both", () => {
  const both = merge([hundred, [[50, 9]], [[0.5, 1]]]);
  expect(total(both)).toBe(110);
  expect(both[0]).toEqual([0.5, 1]);
});

test("a spectrum goes as far as the samples support and never falls", () => {
  const shares = spectrumShares(100_000);
  const values = spectrum(hundred, shares);
  const known = values.filter((value) => value !== null);
  expect(known).toEqual([...known].sort((a, b) => a - b));
  expect(known.at(-1)).toBe(100);
  expect(values.at(-1)).toBeNull();
});

test("bars lose no sample", () => {
  for (const buckets of [
    hundred,
    [[3, 7]] as Bucket[],
    [
      [0, 2],
      [1e6, 1],
    ] as Bucket[],
  ]) {
    expect(bars(buckets).counts.reduce((sum, amount) => sum + amount, 0)).toBe(total(buckets));
  }
  expect(bars([]).counts).toEqual([]);
});

test("buckets of result files stand for the values they hold", () => {
  // As in crates/stats: exact below 2,048 us, then 1,024 buckets to a power of two.
  expect([0, 2047, 2975, 3425].map(bucketValueUs)).toEqual([0, 2047, 3903, 5510]);
  expect(heatBoundsUs(3)).toEqual([48, 64]);
  expect(heatBoundsUs(55)).toEqual([15 << 9, 16 << 9]);
});
