/** A run has the same colour wherever it is seen: its id says which. Runs that share one differ by their dashes. */

import { COLOURS, DASHES } from "./chart/ink";

export interface Pen {
  colour: number;
  dash: number;
}

export function colour(run: string): number {
  let hash = 2166136261; // FNV-1a
  for (let i = 0; i < run.length; i++) hash = Math.imul(hash ^ run.charCodeAt(i), 16777619);
  return ((hash ^ (hash >>> 15)) >>> 0) % COLOURS;
}

/** Pens for runs seen together. */
export function pens(runs: string[]): Map<string, Pen> {
  const used = new Array<number>(COLOURS).fill(0);
  return new Map(
    [...runs].sort().map((run) => [run, { colour: colour(run), dash: used[colour(run)]++ % DASHES.length }]),
  );
}

/** Pens for the ranks of one run: rank 0 has the run's colour. */
export function rankPen(run: string, rank: number): Pen {
  return { colour: (colour(run) + rank) % COLOURS, dash: Math.floor(rank / COLOURS) % DASHES.length };
}
