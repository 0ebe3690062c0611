import { expect, test } from "vitest";
import { reading } from "./hover";
import { columns, type Point } from "./make";

const points: Point[] = [
  [0, 1],
  [1, 5],
  [2, 3],
  [40, 7],
  [60, Number.NaN],
];

test("a reading is that of the column under the pointer, or of the nearer one", () => {
  const series = columns(points, 2);
  expect(reading(series, 1.4, 0)).toMatchObject({ step: 2, value: 3, min: 1, max: 5, count: 3 });
  expect(reading(series, 12, 0)?.step).toBe(2);
  expect(reading(series, 30, 0)?.step).toBe(40);
  expect(reading(series, 61, 0)).toMatchObject({ step: 60, value: Number.NaN, nan: 1 });
});

test("beyond its ends a series says nothing", () => {
  const series = columns(points, 0);
  expect(reading(series, 66, 5)).toBeNull();
  expect(reading(series, 65, 5)?.step).toBe(60);
  expect(reading(series, -6, 5)).toBeNull();
  expect(reading(columns([], 0), 3, 100)).toBeNull();
});
