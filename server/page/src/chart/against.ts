/** A series along the values of another metric, instead of its steps. */

import type { Planes, Series } from "./series";

/**
 * Each point of `own` at the value that `x` had at its step; both have the same columns of steps.
 *
 * Where a column is one step that is so to the bit; in a wider one x is taken to go evenly from its first value to its
 * last. Columns in which x has no value are left out, and they go by rising x.
 */
export function placed(own: Series, x: Series): Series {
  const where = new Map<number, number>();
  for (let j = 0; j < x.n; j++) if (Number.isFinite(x.planes.last[j])) where.set(x.planes.column[j], j);
  const at = (j: number, step: number) => {
    const { first, first_step, last, last_step } = x.planes;
    const part = (step - first_step[j]) / (last_step[j] - first_step[j]);
    return Number.isNaN(part) || part >= 1 ? last[j] : first[j] + (last[j] - first[j]) * Math.max(part, 0);
  };
  const steps = 2 ** own.level;
  const kept = [...own.planes.column.keys()].flatMap((i) => {
    const j = where.get(own.planes.column[i]);
    if (j === undefined) return [];
    const step = own.planes.last_step[i];
    return [{ i, j, x: at(j, Number.isNaN(step) ? own.planes.column[i] * steps : step) }];
  });
  kept.sort((a, b) => a.x - b.x);
  const plane = (name: keyof Planes) =>
    Float64Array.from(kept, ({ i, j, x }) => {
      if (name === "column") return x;
      return name.endsWith("_step") ? at(j, own.planes[name][i]) : own.planes[name][i];
    });
  const planes = Object.fromEntries((Object.keys(own.planes) as (keyof Planes)[]).map((name) => [name, plane(name)]));
  const bad = own.first_nonfinite;
  const column = bad && where.get(Math.floor(bad.step / steps));
  return {
    ...own,
    n: kept.length,
    width: 1,
    last_step: kept.length ? kept[kept.length - 1].x : null,
    first_nonfinite: bad && column !== null && column !== undefined ? { ...bad, step: at(column, bad.step) } : null,
    exact: own.exact && x.exact,
    planes: planes as unknown as Planes,
  };
}
