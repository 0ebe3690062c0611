import { describe, expect, test } from "vitest";
import { bins, span } from "./scale";

describe("an axis", () => {
  test("holds all values and has round numbers on it", () => {
    const { low, high, ticks } = span([0.12, 0.95, Number.NaN]);
    expect(low).toBeLessThan(0.12);
    expect(high).toBeGreaterThan(0.95);
    expect(ticks.map((tick) => Number(tick.toFixed(9)))).toEqual([0.2, 0.4, 0.6, 0.8]);
  });

  test("has room also around one value, and around none", () => {
    for (const values of [[5], [0, 0], [], [Number.POSITIVE_INFINITY]]) {
      const { low, high, ticks } = span(values);
      expect(high).toBeGreaterThan(low);
      expect(ticks.length).toBeGreaterThan(1);
    }
  });
});

describe("bins", () => {
  test("count each finite value once, the greatest in the last", () => {
    const { edges, counts } = bins([0, 0.1, 1, 2, 4, 4, Number.NaN], 4);
    expect(edges).toEqual([0, 1, 2, 3, 4]);
    expect(counts).toEqual([2, 1, 1, 2]);
  });
});
