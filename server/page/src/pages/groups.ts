/** Runs under the value of something that they share, and what their numbers come to. */

import type { Run } from "../api";
import { isNonFinite, type Num, toNumber } from "../format";

export interface Group {
  /** The value that these runs share, as text; empty for those that have none. */
  value: string;
  runs: Run[];
}

/** Finite numbers of some runs, and how many there were that are not finite. */
export interface Spread {
  count: number;
  mean: number;
  min: number;
  max: number;
  nonfinite: number;
}

const MEMBERS = ["group", "job_type", "project", "state", "host"] as const;

/** What these runs may be grouped by: what some of them say, and the config that differs. */
export function groupings(runs: Run[], config: string[]): string[] {
  return [...MEMBERS.filter((name) => runs.some((run) => run[name])), ...config.map((key) => `config.${key}`)];
}

/** The runs by value, each group where the first of its runs stands. */
export function grouped(runs: Run[], by: string): Group[] {
  const groups = new Map<string, Group>();
  for (const run of runs) {
    const value = text(run, by);
    const group = groups.get(value) ?? { value, runs: [] };
    group.runs.push(run);
    groups.set(value, group);
  }
  return [...groups.values()];
}

/** What numbers come to; null where there is none among them. */
export function spread(values: unknown[]): Spread | null {
  const numbers = values.filter((value): value is Num => typeof value === "number" || isNonFinite(value)).map(toNumber);
  const finite = numbers.filter(Number.isFinite);
  if (numbers.length === 0) return null;
  return {
    count: finite.length,
    mean: finite.reduce((sum, value) => sum + value / finite.length, 0),
    min: Math.min(...finite),
    max: Math.max(...finite),
    nonfinite: numbers.length - finite.length,
  };
}

function text(run: Run, by: string): string {
  const value = by.startsWith("config.") ? run.config[by.slice(7)] : run[by as (typeof MEMBERS)[number]];
  return value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
}
