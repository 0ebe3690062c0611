/** What stands along the x axis of charts, and how it is called. */

import { clock, duration, integer } from "./format";

export interface Axis {
  /** As the server says it of a metric. */
  name: "step" | "time";
  /** The parameters of the address that hold the view. */
  lo: string;
  hi: string;
  show(x: number): string;
  /** One place on the axis, in a sentence. */
  at(x: number): string;
  /** A stretch of it. */
  span(lo: string, hi: string, between: string): string;
  /** How much of it a column of 2^level is. */
  width(level: number): string;
}

/** The run's own steps. */
export const STEPS: Axis = {
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
  name: "time",
  lo: "from",
  hi: "till",
  show: clock,
  at: clock,
  span: (lo, hi, between) => `${lo} ${between} ${hi}`,
  width: (level) => duration(2 ** level / 1000),
};
