/** What a series says at a step. */

import type { Series } from "./series";

export interface Reading {
  /** Where on the line the reading stands: the last finite point of the column. */
  step: number;
  value: number;
  min: number;
  max: number;
  count: number;
  nan: number;
  pos_inf: number;
  neg_inf: number;
}

/** The column whose steps are nearest to `step`; null where the series has not begun, or has ended, by `reach` steps. */
export function reading({ n, level, width: along, planes }: Series, step: number, reach: number): Reading | null {
  if (n === 0) return null;
  const width = along ?? 2 ** level;
  let low = 0;
  let high = n - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (planes.column[middle] * width <= step) low = middle;
    else high = middle - 1;
  }
  const end = planes.column[low] * width + width - 1;
  if (low + 1 < n && step > end && planes.column[low + 1] * width - step < step - end) low += 1;
  const outside = Math.max(planes.column[0] * width - step, step - (planes.column[n - 1] * width + width - 1));
  if (outside > reach) return null;
  const empty = Number.isNaN(planes.last[low]);
  return {
    step: empty ? planes.column[low] * width : planes.last_step[low],
    value: planes.last[low],
    min: planes.min[low],
    max: planes.max[low],
    count: planes.count[low],
    nan: planes.nan[low],
    pos_inf: planes.pos_inf[low],
    neg_inf: planes.neg_inf[low],
  };
}
