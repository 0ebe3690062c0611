/** Where a series has values that no line can show, gathered so that marks do not cover each other. */

import type { Scale } from "./scale";
import type { Series } from "./series";

export type Kind = "nan" | "pos_inf" | "neg_inf";

export interface Mark {
  kind: Kind;
  /** Pixels, from the first such column to the last. */
  from: number;
  to: number;
  count: number;
  /** The first step of the first column; the very step where the series' header tells it. */
  step: number;
}

export const KINDS: Kind[] = ["nan", "pos_inf", "neg_inf"];

const NAMES = { nan: "nan", "+inf": "pos_inf", "-inf": "neg_inf" } as const;

/** Marks of one series, those of a kind that are nearer than `gap` pixels made one. */
export function marks({ n, level, width: along, planes, first_nonfinite }: Series, x: Scale, gap: number): Mark[] {
  const found: Mark[] = [];
  const width = along ?? 2 ** level;
  for (const kind of KINDS) {
    let open: Mark | null = null;
    for (let i = 0; i < n; i++) {
      const count = planes[kind][i];
      if (count === 0) continue;
      let step = planes.column[i] * width;
      const first = first_nonfinite;
      if (first && NAMES[first.kind] === kind && first.step >= step && first.step < step + width) step = first.step;
      const left = x(step);
      if (open && left - open.to < gap) {
        open.to = left;
        open.count += count;
      } else {
        open = { kind, from: left, to: left, count, step };
        found.push(open);
      }
    }
  }
  return found;
}

/** What the columns that touch [lo, hi] stand for: how many points, and how many of them are not finite. */
export function tally(all: Series[], lo: number, hi: number): Record<Kind | "count", number> {
  const total = { count: 0, nan: 0, pos_inf: 0, neg_inf: 0 };
  for (const { n, level, width: along, planes } of all) {
    const width = along ?? 2 ** level;
    for (let i = 0; i < n; i++) {
      const start = planes.column[i] * width;
      if (start + width <= lo || start > hi) continue;
      total.count += planes.count[i];
      for (const kind of KINDS) total[kind] += planes[kind][i];
    }
  }
  return total;
}
