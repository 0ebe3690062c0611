/** From values to pixels. A scale answers NaN for what has no place on it: a number <= 0 on a logarithmic one. */

import type { Series } from "./series";

export type Scale = (value: number) => number;

/** An axis reaches no further than this, so that its length is a number that can be divided. */
const LIMIT = 8e307;

export function linear(min: number, max: number, from: number, to: number): Scale {
  const factor = (to - from) / (max - min);
  return (value) => from + (value - min) * factor;
}

export function logarithmic(min: number, max: number, from: number, to: number): Scale {
  const start = Math.log10(min);
  const factor = (to - from) / (Math.log10(max) - start);
  return (value) => (value > 0 ? from + (Math.log10(value) - start) * factor : Number.NaN);
}

/** The least and greatest finite value among the columns that touch [lo, hi]; null if there is none. */
export function extent(all: Series[], lo: number, hi: number, log: boolean): [number, number] | null {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const { n, level, width: along, planes } of all) {
    const width = along ?? 2 ** level;
    for (let i = 0; i < n; i++) {
      const start = planes.column[i] * width;
      if (start + width <= lo || start > hi) continue;
      // Where a column's least is not above zero, its greatest still may be: the one is a mark, the other is drawn.
      for (const value of [planes.min[i], planes.max[i]]) {
        if (log && !(value > 0)) continue;
        if (value < least) least = value;
        if (value > most) most = value;
      }
    }
  }
  return least <= most ? [least, most] : null;
}

/** Give a linear axis some air above and below. */
export function padded([min, max]: [number, number]): [number, number] {
  const air = max > min ? (max / 2 - min / 2) * 0.12 : Math.abs(max) * 0.1 || 1;
  return [Math.max(min - air, -LIMIT), Math.min(max + air, LIMIT)];
}
