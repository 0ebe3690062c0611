/**
 * The line of a series: in each column first -> least and greatest, in the order of their steps -> last.
 *
 * Every vertex is a point that was logged, at its own step. Where columns are no wider than a pixel the picture is the
 * one that all the points would give: no spike is lost and none is invented.
 */

import type { Scale } from "./scale";
import type { Series } from "./series";

export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
}

/** Draw a series' line; returns x, y of each point that stands alone, for which a line is too short to be seen. */
export function trace({ n, planes }: Series, x: Scale, y: Scale, pen: Pen): [number, number][] {
  const alone: [number, number][] = [];
  let drawn = 0;
  let at = Number.NaN;
  let [left, top] = [0, 0];

  const lift = () => {
    if (drawn === 1) alone.push([left, top]);
    drawn = 0;
  };
  const point = (step: number, value: number) => {
    if (drawn > 0 && step === at) return;
    const height = y(value);
    if (Number.isNaN(height)) return lift();
    left = x(step);
    top = height;
    at = step;
    if (drawn++ === 0) pen.moveTo(left, top);
    else pen.lineTo(left, top);
  };

  for (let i = 0; i < n; i++) {
    if (Number.isNaN(planes.first[i])) {
      lift();
      continue;
    }
    point(planes.first_step[i], planes.first[i]);
    if (planes.min_step[i] <= planes.max_step[i]) {
      point(planes.min_step[i], planes.min[i]);
      point(planes.max_step[i], planes.max[i]);
    } else {
      point(planes.max_step[i], planes.max[i]);
      point(planes.min_step[i], planes.min[i]);
    }
    point(planes.last_step[i], planes.last[i]);
  }
  lift();
  return alone;
}
