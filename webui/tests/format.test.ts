import { expect, test } from "vitest";
import {
  besideBadge,
  bytes,
  clock,
  count,
  duration,
  figure,
  percent,
  percentileName,
  plural,
  withoutVerdict,
} from "../src/model/format.ts";

test("counts are set apart in thousands, and nothing is a dash", () => {
  expect(count(1_234_567)).toBe("1\u202f234\u202f567");
  expect(count(999)).toBe("999");
  for (const nothing of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) expect(count(nothing)).toBe("–");
});

test("figures have three digits and no exponents", () => {
  expect([0, 0.0412, 1.254, 12.54, 125.4, 0.001].map(figure)).toEqual(["0", "0.04", "1.25", "12.5", "125", "0.001"]);
});

test("durations say their unit", () => {
  expect([0, 0.25, 12.5, 999, 3200, 125_000, 10_920_000].map(duration)).toEqual([
    "0 ms",
    "250 µs",
    "12.5 ms",
    "999 ms",
    "3.2 s",
    "2 min 5 s",
    "3 h 2 min",
  ]);
  expect(clock(0)).toBe("0 s");
  expect(clock(2 * 86_400 + 4 * 3600)).toBe("2 d 4 h");
});

test("a share that is small or nearly whole does not vanish", () => {
  expect([0, 0.00001, 0.0033, 0.5, 0.99999, 1].map(percent)).toEqual([
    "0 %",
    "<0.01 %",
    "0.33 %",
    "50 %",
    ">99.99 %",
    "100 %",
  ]);
});

test("sizes, percentiles and plurals", () => {
  expect([512, 2048, 5 * 1024 ** 3].map(bytes)).toEqual(["512 B", "2 KiB", "5 GiB"]);
  expect([0.5, 0.999, 0.9999, 1].map(percentileName)).toEqual(["p50", "p99.9", "p99.99", "max"]);
  expect([plural(1, "user"), plural(2, "user")]).toEqual(["1 user", "2 users"]);
});

test("the generator's line loses what a badge says already", () => {
  expect(withoutVerdict("Generator: kept up (answers waited 1 ms)")).toBe("Generator: kept up (answers waited 1 ms)");
  expect(withoutVerdict("Generator: WAS THE LIMIT: answers waited 9 ms")).toBe("Answers waited 9 ms");
  expect(withoutVerdict("")).toBe("");
});

test("beside the badge in the header the line says the rest", () => {
  expect(besideBadge("Generator: kept up (answers waited 1 ms)")).toBe("Answers waited 1 ms");
  expect(besideBadge("Generator: WAS THE LIMIT: answers waited 9 ms")).toBe("Answers waited 9 ms");
  expect(besideBadge("The generator keeps up: answers wait 1 ms")).toBe("Answers wait 1 ms");
  expect(besideBadge("The generator is the limit: answers wait 90 ms")).toBe(
    "The generator is the limit: answers wait 90 ms",
  );
});
