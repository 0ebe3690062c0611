/** How alerts are told. */

import type { Alert } from "../api";

/**
 * Whether somebody is to be told that it fires. A message that a run sends itself (`run.alert`) is shown, but has no
 * end, and is not counted; nor is what is part of another alert's incident, or only observed.
 */
export function counts({ state, rule, part_of, details }: Alert): boolean {
  return state === "firing" && rule !== "user" && !part_of && details.mode !== "observe";
}

/** An alert's title where it is plain which run it is of. */
export function bare({ title, name }: Alert): string {
  const rest = title.startsWith(name) ? title.slice(name.length).replace(/^:? /, "") : title;
  return rest || title;
}
