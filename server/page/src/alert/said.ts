/** What people say of alerts: that they see to one, and that nobody is to be told of some for a while. */

import type { Alert } from "../api";
import * as api from "../api";

/** Nobody is told of what fits all its globs; times are microseconds since the epoch. */
export interface Silence {
  id: string;
  match: Record<string, string>;
  at: number;
  until: number;
  by: string;
  comment: string;
}

export interface Said {
  acknowledged: { by: string; at: number; comment: string } | null;
  silences: Silence[];
}

/** Who speaks, and why. */
export interface Words {
  by: string;
  comment: string;
}

export const said = (id: string, signal?: AbortSignal) =>
  api.json<Said>(`/api/alerts/${encodeURIComponent(id)}/said`, signal);

export const silences = (signal?: AbortSignal) =>
  api.json<{ silences: Silence[] }>("/api/silences", signal).then((body) => body.silences);

/** See to an alert; refused if it has fired anew since it was shown. */
export const acknowledge = ({ id, episode }: Alert, words: Words) =>
  api.post(`/api/alerts/${encodeURIComponent(id)}/ack`, { episode, ...words });

export const silence = (match: Record<string, string>, seconds: number, words: Words) =>
  api.post<Silence>("/api/silences", { match, seconds, ...words });

export const end = ({ id, match, comment }: Silence, by: string) =>
  api.post<Silence>("/api/silences", { id, match, seconds: 0, by, comment });

/** What can be silenced where an alert is shown: a label, and which alerts that means. */
export function scopes({ id, rule, run, host }: Alert): [label: string, match: Record<string, string>][] {
  return [
    ["this alert", { alert: id }],
    [`${rule} in this run`, { rule, run }],
    ["all of this run", { run }],
    [`${rule} in all runs`, { rule }],
    ...(host ? [[`all on ${host}`, { host: literal(host) }] as [string, Record<string, string>]] : []),
  ];
}

/** A text as the glob that fits nothing else. */
export function literal(text: string): string {
  return text.replace(/[[*?]/g, "[$&]");
}

const NAME = "name";

/** Who looks, as they last called themselves here: there are no users. */
export const myName = () => localStorage.getItem(NAME) ?? "";

export function callMe(name: string): void {
  if (name) localStorage.setItem(NAME, name);
  else localStorage.removeItem(NAME);
}

/** By whom something is said where nobody gives a name. */
export const signed = (name: string) => name.trim() || "the page";
