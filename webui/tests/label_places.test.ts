import { expect, test } from "vitest";
import { labelPlaces } from "../src/model/label_places.ts";

const rows = (labels: [number, number][]) =>
  labelPlaces(labels, [50, 500], 6).map((place) => place && [place.row, place.leftwards]);

test("labels of marks do not cover each other, and stay within the chart", () => {
  expect(
    rows([
      [60, 40],
      [80, 40],
      [200, 40],
    ]),
  ).toEqual([
    [0, false],
    [1, false],
    [0, false],
  ]);
  expect(rows([[490, 40]])).toEqual([[0, true]]);
  expect(
    rows([
      [10, 40],
      [600, 40],
    ]),
  ).toEqual([null, null]);
  // A mark without words takes no room from the next.
  expect(
    rows([
      [60, 0],
      [61, 40],
    ]),
  ).toEqual([
    [0, false],
    [0, false],
  ]);
});
