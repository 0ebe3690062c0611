/** What happened to an alert, in the order of time. */

import type { Alert } from "../api";
import * as api from "../api";
import type { Said } from "./said";

export interface Happening {
  /** ms since the epoch */
  at: number;
  what: string;
  /** What somebody said with it. */
  words?: string;
}

/**
 * Of one episode. A record holds when each state was entered, and the silences that hold now are known besides; of
 * those that are over nothing is left.
 */
export function history(alert: Alert, said: Said | null): Happening[] {
  const { details, state } = alert;
  const [began, fired] = [api.time(alert.caused_at), api.time(alert.fired_at)];
  const found: Happening[] = [];
  const add = (at: number | null | undefined, what: string, words?: string) => {
    if (at) found.push({ at: at / 1000, what, words });
  };
  if (began < fired) add(began * 1000, "began");
  add(fired * 1000, state === "pending" ? "pending" : "fired");
  if (state !== "resolved") add(details.told_at, "told");
  const seen = said?.acknowledged;
  add(details.acknowledged_at, `acknowledged by ${details.acknowledged_by || "somebody"}`, seen?.comment);
  for (const one of said?.silences ?? []) add(one.at, `silenced by ${one.by}`, one.comment);
  add(details.stop_asked_at, "its run was asked to stop");
  add(details.stop_heard_at, "the run knows of it");
  add(details.stop_obeyed_at, "the run stopped");
  for (const one of details.cascade ?? []) {
    const run = one.run === alert.run ? "" : ` of ${one.run}`;
    const ranks = /^\d+$/.test(one.ranks) ? `rank ${one.ranks}` : `ranks ${one.ranks}`;
    add(one.caused_at, `${one.rule}${run}, ${ranks}, is part of it`);
  }
  if (alert.resolved_at)
    add(api.time(alert.resolved_at) * 1000, details.told_at ? "resolved, and told so" : "resolved");
  return found.sort((a, b) => a.at - b.at);
}

/** What is to come of it, if it stays as it is. */
export function next({ details, state }: Alert): Happening | null {
  const at = (time: number | null | undefined, what: string) => (time ? { at: time / 1000, what } : null);
  if (state === "pending") return at(details.held_until, "fires if it still holds");
  if (state === "resolved") return null;
  return at(details.kept_until, "resolved, unless it comes back") ?? at(details.silenced_until, "silent until then");
}
