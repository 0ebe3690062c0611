import { expect, test } from "vitest";
import { read } from "./plotly";

test("lines, points and bars are taken, whichever way their numbers are written", () => {
  const bytes = btoa(String.fromCharCode(...new Uint8Array(new Float64Array([1.5, -2]).buffer)));
  const { lines, points, bars, left } = read({
    data: [
      { type: "scatter", mode: "lines", name: "loss", y: { dtype: "f8", bdata: bytes } },
      { mode: "markers", x: [1, 2], y: [3, null] },
      { type: "bar", x: ["cat", "dog"], y: [5, 6] },
      { type: "surface" },
    ],
  });
  expect(lines).toEqual([{ name: "loss", x: [0, 1], y: [1.5, -2] }]);
  expect(points).toEqual([{ name: "trace 1", x: [1, 2], y: [3, Number.NaN] }]);
  expect(bars[0]?.map((bar) => [bar.label, bar.size])).toEqual([
    ["cat", 5],
    ["dog", 6],
  ]);
  expect(left).toBe(1);
});

test("what is no figure is nothing to draw", () => {
  expect(read({})).toEqual({ lines: [], points: [], bars: [], left: 0 });
});
