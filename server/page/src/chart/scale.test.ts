import { expect, test } from "vitest";
import { columns } from "./make";
import { extent, linear, logarithmic, padded } from "./scale";

test("the range is that of the columns in view, values that are not finite left out", () => {
  const series = columns(
    [
      [0, 100],
      [10, 1],
      [11, Number.NaN],
      [12, 3],
      [13, Number.NEGATIVE_INFINITY],
    ],
    0,
  );
  expect(extent([series], 0, 20, false)).toEqual([1, 100]);
  expect(extent([series], 5, 20, false)).toEqual([1, 3]);
  expect(extent([series], 11, 11, false)).toBeNull();
});

test("a logarithmic range begins at the least value above zero", () => {
  const series = columns(
    [
      [0, -1],
      [1, 0.01],
      [2, 10],
    ],
    0,
  );
  expect(extent([series], 0, 2, true)).toEqual([0.01, 10]);
});

test("an axis has a length that can be divided, whatever the values", () => {
  for (const range of [
    [0, 0],
    [7, 7],
    [-1.7976931348623157e308, 1.7976931348623157e308],
    [5e-324, 5e-324],
  ] as [number, number][]) {
    const [min, max] = padded(range);
    expect(max).toBeGreaterThan(min);
    expect(Number.isFinite(max - min)).toBe(true);
  }
});

test("scales put the ends of their range at the ends of the pixels", () => {
  const flat = linear(10, 20, 0, 100);
  expect([flat(10), flat(20), flat(15)]).toEqual([0, 100, 50]);
  const steep = logarithmic(0.1, 1000, 100, 0);
  expect([steep(0.1), steep(10), steep(1000)]).toEqual([100, 50, 0]);
  expect(steep(0)).toBeNaN();
  expect(steep(-1)).toBeNaN();
});
