import { expect, test } from "vitest";
import { placed } from "./against";
import type { Planes, Series } from "./series";

const NAMES = ["column", "count", "nan", "pos_inf", "neg_inf", "first", "first_step", "last", "last_step"];
const MORE = ["min", "min_step", "max", "max_step", "sum"];

/** A series of columns, each [column, first step, first, last step, last]. */
function series(level: number, columns: [number, number, number, number, number][]): Series {
  const planes = Object.fromEntries([...NAMES, ...MORE].map((name) => [name, new Float64Array(columns.length)]));
  columns.forEach(([column, first_step, first, last_step, last], i) => {
    const its = { column, count: 1, first, first_step, last, last_step, min: first, min_step: first_step };
    for (const [name, value] of Object.entries({ ...its, max: last, max_step: last_step })) planes[name][i] = value;
  });
  const about = { run: "r", metric: "m", rank: 0, points: columns.length, last_step: 9, first_nonfinite: null };
  return { ...about, level, n: columns.length, exact: true, planes: planes as unknown as Planes };
}

const alone = (step: number, value: number): [number, number, number, number, number] => [
  step,
  step,
  value,
  step,
  value,
];

test("a single step stands at the very value that the other metric had there, and one without such is left out", () => {
  const own = series(0, [alone(10, 0.5), alone(20, 0.25), alone(25, 7), alone(30, 0.125)]);
  const x = series(0, [alone(10, 0.1), alone(20, 1 / 3), alone(30, 2)]);
  const found = placed(own, x);
  expect([...found.planes.column]).toEqual([0.1, 1 / 3, 2]);
  expect([...found.planes.first_step]).toEqual([0.1, 1 / 3, 2]);
  expect([...found.planes.last]).toEqual([0.5, 0.25, 0.125]);
  expect([found.n, found.last_step, found.width]).toEqual([3, 2, 1]);
});

test("within a wider column points stand between the other metric's first and last value", () => {
  const found = placed(series(3, [[1, 8, 5, 14, 6]]), series(3, [[1, 8, 1, 15, 8]]));
  expect([found.planes.first_step[0], found.planes.last_step[0], found.planes.column[0]]).toEqual([1, 7, 7]);
});

test("points go by the other metric's values, also where these go back", () => {
  const found = placed(series(0, [alone(1, 10), alone(2, 20)]), series(0, [alone(1, 5), alone(2, 3)]));
  expect([...found.planes.last]).toEqual([20, 10]);
});

test("the first value that is not finite stands at the other metric's value, too", () => {
  const own = { ...series(0, [alone(4, Number.NaN)]), first_nonfinite: { step: 4, kind: "nan" as const } };
  own.planes.last_step[0] = Number.NaN;
  expect(placed(own, series(0, [alone(4, 0.5)])).first_nonfinite).toEqual({ step: 0.5, kind: "nan" });
});
