import { expect, test } from "vitest";
import { widened } from "../src/components/request_table.tsx";
import { type Column, grouped, inView, matcher, nextSort, sortOrder } from "../src/components/table_rows.ts";

interface Fruit {
  readonly name: string;
  readonly weight: number | null;
}
const fruits: Fruit[] = [
  { name: "fig 10", weight: null },
  { name: "fig 2", weight: 3 },
  { name: "Apple", weight: 20 },
];
const name: Column<Fruit> = { key: "name", title: "Name", value: (fruit) => fruit.name };
const weight: Column<Fruit> = { key: "weight", title: "Weight", numeric: true, value: (fruit) => fruit.weight };
const sorted = (column: Column<Fruit> | undefined, down: boolean, before?: readonly number[]) =>
  sortOrder(fruits, column, down, before).map((place) => fruits[place]?.name);

test("texts are sorted as people do, numbers by size, and nothing comes last both ways", () => {
  expect(sorted(name, false)).toEqual(["Apple", "fig 2", "fig 10"]);
  expect(sorted(weight, false)).toEqual(["fig 2", "Apple", "fig 10"]);
  expect(sorted(weight, true)).toEqual(["Apple", "fig 2", "fig 10"]);
  expect(sorted(undefined, false, [2, 0, 1])).toEqual(["fig 10", "fig 2", "Apple"]);
});

test("equal rows keep the order that they had, new ones come after them, and gone ones are gone", () => {
  const same: Column<Fruit> = { ...name, value: () => "same" };
  expect(sorted(same, false, [2, 1, 0])).toEqual(["Apple", "fig 2", "fig 10"]);
  expect(sorted(same, true, [1, 0])).toEqual(["fig 2", "fig 10", "Apple"]);
  expect(sorted(weight, true, [7, 1, 0, 9])).toEqual(["Apple", "fig 2", "fig 10"]);
});

test("an order that did not change is found with one comparison for each row", () => {
  let asked = 0;
  const cell = (value: number) => ({ toString: () => `${++asked && value}` }) as unknown as string;
  const column: Column<number> = { key: "n", title: "N", value: cell };
  const rows = Array.from({ length: 1000 }, (_, at) => 999 - at);
  const before = sortOrder(rows, { ...column, value: (row) => row }, false);
  expect(sortOrder(rows, column, false, before)).toEqual(before);
  expect(asked).toBeLessThan(2 * rows.length);
});

test("a heading sorts, turns, and lets go", () => {
  const first = nextSort(null, weight);
  expect(first).toEqual({ key: "weight", down: true });
  const second = nextSort(first, weight);
  expect(second).toEqual({ key: "weight", down: false });
  expect(nextSort(second, weight)).toBeNull();
  expect(nextSort(second, name)).toEqual({ key: "name", down: false });
});

test("a filter wants every word and none behind a dash", () => {
  const fits = matcher("  GET -cart ");
  expect([fits("GET /"), fits("GET /Cart"), fits("POST /")]).toEqual([true, false, false]);
  expect(matcher("")("anything")).toBe(true);
  expect(matcher("-")("a-b")).toBe(true);
});

test("groups keep the order of rows and hide those of closed ones", () => {
  const items = grouped(fruits, (fruit) => fruit.name.slice(0, 3).toLowerCase(), new Set(["fig"]));
  expect(
    items.map((item) => ("group" in item ? `${item.group.name} ${item.group.rows.length}` : item.row.name)),
  ).toEqual(["fig 2", "app 1", "Apple"]);
});

test("of ten thousand rows only those in view are drawn", () => {
  expect(inView(10_000, 0, 600, 30)).toEqual({ first: 0, last: 29 });
  expect(inView(10_000, 150_000, 600, 30)).toEqual({ first: 4992, last: 5029 });
  expect(inView(10_000, 1e9, 600, 30)).toEqual({ first: 9972, last: 10_000 });
  expect(inView(5, 400, 600, 30)).toEqual({ first: 0, last: 5 });
});

test("a column of counts is wide enough for the longest", () => {
  const columns = [{ ...weight, width: 6.2 }, name];
  const widths = (characters: number) => widened(columns, { weight: characters }).map((column) => column.width);
  expect(widths(5)).toEqual([6.2, undefined]);
  expect(widths("10 800 000".length)[0]).toBeGreaterThan(7);
});
