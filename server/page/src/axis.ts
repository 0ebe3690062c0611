/** What stands along the x axis of charts, and how it is called. */

import type { Metric } from "./api";
import { clock, duration, integer, number } from "./format";

export interface Axis {
  /** The run's steps, the time, or the values of a metric. */
  kind: "step" | "time" | "metric";
  /** What it is called: "step", "time", or the metric. */
  name: string;
  /** The parameters of the address that hold the view. */
  lo: string;
  hi: string;
  show(x: number): string;
  /** One place on the axis, in a sentence. */
  at(x: number): string;
  /** A stretch of it. */
  span(lo: string, hi: string, between: string): string;
  /** How much a column of 2^level is. */
  width(level: number): string;
}

/** The run's own steps. */
export const STEPS: Axis = {
  kind: "step",
  name: "step",
  lo: "lo",
  hi: "hi",
  show: integer,
  at: (x) => `step ${integer(x)}`,
  span: (lo, hi, between) => `steps ${lo} ${between} ${hi}`,
  width: (level) => `${integer(2 ** level)} steps`,
};

/** What was measured beside the run: milliseconds since the epoch. */
export const TIME: Axis = {
  kind: "time",
  name: "time",
  lo: "from",
  hi: "till",
  show: clock,
  at: clock,
  span: (lo, hi, between) => `${lo} ${between} ${hi}`,
  width: (level) => duration(2 ** level / 1000),
};

const metrics = new Map<string, Axis>();

/** The values of a metric; always the same axis for the same one. */
function over(name: string): Axis {
  const known = metrics.get(name);
  if (known) return known;
  const axis: Axis = {
    kind: "metric",
    name,
    lo: `lo:${name}`,
    hi: `hi:${name}`,
    show: number,
    at: (x) => `${name} ${number(x)}`,
    span: (lo, hi, between) => `${name} ${lo} ${between} ${hi}`,
    width: STEPS.width,
  };
  metrics.set(name, axis);
  return axis;
}

/** What a run said that a metric is drawn over, if it has logged that. */
function stepMetric(metric: Metric, all: Metric[]): string | null {
  const name = metric.definition.step_metric;
  if (!name || name === metric.metric || metric.axis !== "step") return null;
  return all.some((item) => item.metric === name && item.axis === "step") ? name : null;
}

/** Those of a run's metrics that are drawn over an axis. */
export function along(axis: Axis, all: Metric[]): Metric[] {
  return all.filter((metric) => {
    const name = stepMetric(metric, all);
    return axis.kind === "metric" ? name === axis.name : name === null && metric.axis === axis.kind;
  });
}

/** The metrics that others of some runs are drawn over, as axes. */
export function stepMetrics(runs: Metric[][]): Axis[] {
  const names = runs.flatMap((all) => all.flatMap((metric) => stepMetric(metric, all) ?? []));
  return [...new Set(names)].sort().map(over);
}
