import { expect, test } from "vitest";
import { anyActual, ratios, withActual, withActualOfClass } from "../src/model/ratios.ts";

const PLANNED = ratios({
  Visitor: { ratio: 0.75, tasks: { look: { ratio: 0.5 }, Inner: { ratio: 0.25, tasks: { deep: { ratio: 0.25 } } } } },
  Buyer: { ratio: 0.25, tasks: { pay: { ratio: 0.25 } } },
});
const ACTUAL = {
  Visitor: {
    ratio: 0.6,
    count: 6,
    tasks: {
      look: { ratio: 0.3, count: 30 },
      Inner: { ratio: 0.1, count: 10, tasks: { deep: { ratio: 0.1, count: 10 } } },
    },
  },
  Buyer: { ratio: null, count: 0, tasks: { pay: { ratio: null, count: 0 } } },
};

test("what came about stands beside what was planned, task by task", () => {
  const [visitor, buyer] = withActual(PLANNED, ACTUAL);
  expect([visitor?.planned, visitor?.actual]).toEqual([0.75, 0.6]);
  expect(visitor?.children.map((each) => each.actual)).toEqual([0.3, 0.1]);
  expect(visitor?.children[1]?.children[0]?.actual).toBe(0.1);
  expect([buyer?.actual, buyer?.children[0]?.actual]).toEqual([null, null]);
});

test("within a class the tasks that its users began make up the whole", () => {
  const [visitor, buyer] = withActualOfClass(PLANNED, ACTUAL);
  expect(visitor?.actual).toBeUndefined();
  expect(visitor?.children.map((each) => each.actual)).toEqual([0.75, 0.25]);
  expect(visitor?.children[1]?.children[0]?.actual).toBe(0.25);
  expect(buyer?.children[0]?.actual).toBeNull();
});

test("without any of it there are the plans alone", () => {
  expect(anyActual(withActual(PLANNED, null))).toBe(false);
  expect(anyActual(withActualOfClass(PLANNED, undefined))).toBe(false);
  expect(anyActual(withActualOfClass(PLANNED, ACTUAL))).toBe(true);
  expect(ratios("nonsense")).toEqual([]);
});
