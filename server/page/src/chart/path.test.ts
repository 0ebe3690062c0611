import { expect, test } from "vitest";
import { columns, type Point } from "./make";
import { trace } from "./path";
import { linear, logarithmic } from "./scale";
import type { Series } from "./series";

const WIDTH = 200;
const HEIGHT = 1000;

/** What a line covers: in each column of pixels, from the least to the greatest height. */
function picture(draw: (pen: { moveTo: Pen; lineTo: Pen }) => void): [number, number][] {
  const covered = Array.from({ length: WIDTH }, (): [number, number] => [Infinity, -Infinity]);
  let [x, y] = [0, 0];
  const cover = (left: number, top: number) => {
    const pixel = covered[Math.floor(left)];
    if (!pixel) return;
    pixel[0] = Math.min(pixel[0], top);
    pixel[1] = Math.max(pixel[1], top);
  };
  draw({
    moveTo: (left, top) => {
      [x, y] = [left, top];
      cover(x, y);
    },
    lineTo: (left, top) => {
      // The edges of pixels that the segment crosses on its way.
      for (let edge = Math.floor(x) + 1; edge <= left; edge++) {
        const height = y + ((top - y) * (edge - x)) / (left - x);
        cover(edge, height);
        cover(edge - 1, height);
      }
      [x, y] = [left, top];
      cover(x, y);
    },
  });
  return covered;
}

type Pen = (x: number, y: number) => void;

/** A generator of numbers in [0, 1) that is the same each time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function series(seed: number, count: number): Point[] {
  const next = random(seed);
  let step = Math.floor(next() * 1000) - 500;
  return Array.from({ length: count }, (): Point => {
    step += next() < 0.05 ? 1 + Math.floor(next() * 40) : 1;
    return [step, next() < 0.01 ? next() * 1000 : next() * 10];
  });
}

test("columns of at most a pixel give the picture that all the points would give", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const points = series(seed, 100 + seed * 60);
    const [lo, hi] = [points[0][0], points[points.length - 1][0] + 1];
    // A power of two steps to a pixel, so that both pictures have the same pixels.
    const level = Math.ceil(Math.log2((hi - lo + 1) / WIDTH));
    const start = Math.floor(lo / 2 ** level) * 2 ** level;
    const x = linear(start, start + WIDTH * 2 ** level, 0, WIDTH);
    const y = linear(0, 1000, HEIGHT, 0);
    const whole = picture((pen) => {
      for (const [i, [step, value]] of points.entries()) pen[i ? "lineTo" : "moveTo"](x(step), y(value));
    });
    for (const finer of [0, 1, 2]) {
      if (level < finer) continue;
      const drawn = picture((pen) => void trace(columns(points, level - finer), x, y, pen));
      // Crossings of a pixel's edge are computed from other end points, hence rounded otherwise.
      drawn.forEach((pixel, i) => {
        expect(pixel[0]).toBeCloseTo(whole[i][0], 6);
        expect(pixel[1]).toBeCloseTo(whole[i][1], 6);
      });
    }
  }
});

test("every vertex is a point that was logged, in the order of steps", () => {
  const points = series(7, 5000);
  const logged = new Map(points);
  let before = -Infinity;
  const same = (step: number) => step;
  const check = (step: number, value: number) => {
    expect(logged.get(step)).toBe(value);
    expect(step).toBeGreaterThan(before);
    before = step;
  };
  trace(columns(points, 6), same, same, { moveTo: check, lineTo: check });
});

function strokes(drawn: Series, y = (value: number) => value) {
  const lines: number[][] = [];
  const alone = trace(drawn, (step) => step, y, {
    moveTo: (step) => lines.push([step]),
    lineTo: (step) => lines[lines.length - 1].push(step),
  });
  return { lines, alone };
}

test("a line ends at a value that is not finite and begins anew behind it; a point between two stands alone", () => {
  const points: Point[] = [
    [0, 1],
    [1, 2],
    [2, Number.NaN],
    [3, 7],
    [4, Number.POSITIVE_INFINITY],
    [5, 3],
    [9, 4],
  ];
  const { lines, alone } = strokes(columns(points, 0));
  expect(lines).toEqual([[0, 1], [3], [5, 9]]);
  expect(alone).toEqual([[3, 7]]);
});

test("a lone point is drawn as one", () => {
  expect(strokes(columns([[4, 2]], 3)).alone).toEqual([[4, 2]]);
});

test("a logarithmic axis leaves out what has no place on it, and no more", () => {
  const points: Point[] = [
    [0, 1],
    [1, 0],
    [2, 10],
    [3, 100],
    [4, -5],
  ];
  const { lines } = strokes(columns(points, 0), logarithmic(1, 100, 0, 2));
  expect(lines).toEqual([[0], [2, 3]]);
});
