import { expect, test } from "vitest";
import { columns, type Point } from "./make";
import { marks, tally } from "./marks";

const points: Point[] = [
  [0, 1],
  [5, Number.NaN],
  [6, Number.NaN],
  [40, Number.NaN],
  [41, 2],
  [50, Number.POSITIVE_INFINITY],
];

test("each kind is marked where it is; near ones share a mark that counts them", () => {
  const found = marks(columns(points, 0), (step) => step, 10);
  expect(found).toEqual([
    { kind: "nan", from: 5, to: 6, count: 2, step: 5 },
    { kind: "nan", from: 40, to: 40, count: 1, step: 40 },
    { kind: "pos_inf", from: 50, to: 50, count: 1, step: 50 },
  ]);
});

test("the first mark stands at the very step, however wide the columns", () => {
  const [first] = marks(columns(points, 5), (step) => step, 1);
  expect(first.step).toBe(5);
});

test("what is counted is what the columns in view stand for", () => {
  const all = [columns(points, 0), columns(points, 4)];
  expect(tally(all, 0, 100)).toEqual({ count: 12, nan: 6, pos_inf: 2, neg_inf: 0 });
  expect(tally(all.slice(0, 1), 6, 40)).toEqual({ count: 2, nan: 2, pos_inf: 0, neg_inf: 0 });
});
