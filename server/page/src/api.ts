/** The HTTP API as the page uses it; `/api/docs` is its whole description. */

import { signal } from "@preact/signals";
import { placed } from "./chart/against";
import { COLUMNS_MAX, type Query } from "./chart/board";
import { decode, type Series } from "./chart/series";
import type { Num } from "./format";

/** ISO 8601. */
export type Time = string;

export interface Run {
  id: string;
  name: string;
  project: string;
  entity: string;
  group: string;
  job_type: string;
  notes: string;
  commit: string;
  state: string;
  config: Record<string, unknown>;
  summary: Record<string, unknown>;
  tags: string[];
  started_at: Time;
  ended_at: Time | null;
  seen_at: Time;
  host: string;
  ranks: number;
  last_step: number | null;
  exit_code: number | null;
  dropped_rows: number;
  exception: { kind?: string; message?: string; traceback?: string } | null;
  /** Why it stops or was stopped, or was asked to: then also by whom, and when (microseconds since the epoch). */
  stop: { reason?: string; by?: string; asked_at?: number } | null;
  /** When its job's time is over, if that is known. */
  time_limit_at: Time | null;
}

export interface Metric {
  metric: string;
  /** What its steps are: the run's, or milliseconds since the epoch. */
  axis: "step" | "time";
  ranks: number[];
  points: number;
  first_step: number;
  last_step: number;
  last: Num;
  min: number | null;
  max: number | null;
  nonfinite: number;
  first_nonfinite_step: number | null;
  /** What the run said of it; `hidden`: not drawn unless it is looked for; `step_metric`: what it is drawn over. */
  definition: { hidden?: boolean; step_metric?: string };
}

/** A table that a run logged. */
export interface LoggedTable {
  name: string;
  rank: number;
  step: number;
  ts: Time;
  rows: number;
  columns: string[];
}

/** A version of an artifact that a run has logged or used. */
export interface ArtifactOfRun {
  action: "logged" | "used";
  rank: number;
  seq: number;
  project: string;
  name: string;
  version: number;
  type: string;
  files: number;
  size: number;
}

/** A name under which a rank logged media: the steps, rising. */
export interface MediaName {
  name: string;
  rank: number;
  kind: string;
  steps: number[];
}

/** One of the media that were logged together; what `data` holds goes by kind. */
export interface Shown {
  place: number;
  step: number;
  ts: Time;
  kind: string;
  format: string;
  digest: string;
  size: number;
  caption: string;
  data: Record<string, unknown>;
}

/** A line that a process printed; `n` counts in each attempt. */
export interface PrintedLine {
  attempt: number;
  n: number;
  stream: "stdout" | "stderr" | "both";
  ts: Time;
  text: string;
}

export interface Printed {
  ranks: number[] | null;
  rank: number | null;
  lines: PrintedLine[];
  first: string | null;
  last: string;
}

export interface Alert {
  id: string;
  episode: number;
  rule: string;
  severity: string;
  state: "pending" | "firing" | "acknowledged" | "silenced" | "resolved";
  run: string;
  name: string;
  project: string;
  rank: number | null;
  metric: string;
  step: number | null;
  value: Num | null;
  before: [number, Num][];
  title: string;
  text: string;
  host: string;
  caused_at: Time;
  fired_at: Time;
  resolved_at: Time | null;
  /** To which the same happened, as `0-511,513`. */
  ranks: string;
  /** The id of the alert that explains it. */
  part_of: string;
  /** What else is known of it; empty of one that an older program recorded. */
  details: Partial<AlertDetails>;
}

/** Times are microseconds since the epoch. */
export interface AlertDetails {
  mode: "notify" | "observe";
  cascade: { id: string; rule: string; run: string; ranks: string; caused_at: number | null }[];
  held_until: number | null;
  kept_until: number | null;
  silenced_until: number | null;
  acknowledged_at: number | null;
  acknowledged_by: string;
  told_at: number | null;
  stop_asked_at: number | null;
  stop_heard_at: number | null;
  stop_obeyed_at: number | null;
}

/** What the server answered instead of what was asked for. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string | null,
    readonly status: number,
  ) {
    super(message);
  }
}

/** Since when the server has been out of reach (ms since the epoch); null while it answers. */
export const unreachable = signal<number | null>(null);

async function request(path: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (!init?.signal?.aborted) unreachable.value ??= Date.now();
    throw error;
  }
  unreachable.value = null;
  if (response.ok) return response;
  const error = await response.json().then(
    (body) => body?.error,
    () => null,
  );
  throw new ApiError(
    error?.code ?? "unknown",
    error?.message ?? `The server answered ${response.status} to ${path}.`,
    error?.hint ?? null,
    response.status,
  );
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, { signal })).json();
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return (await request(path, init)).json();
}

const part = encodeURIComponent;

/** The page shows no more runs than these, the last that started, and says so. */
export const RUNS_MAX = 5000;

export const runs = (signal?: AbortSignal) =>
  get<{ runs: Run[] }>(`/api/runs?limit=${RUNS_MAX}`, signal).then((body) => body.runs);

export const run = (id: string, signal?: AbortSignal) => get<Run>(`/api/runs/${part(id)}`, signal);

/** Ask a run to stop. Once it has answered, its `stop` holds the `asked_at` that this returns. */
export const stop = (id: string, reason: string) =>
  post<{ asked_at: number }>(`/api/runs/${part(id)}/stop`, { reason, by: "the page" }).then((body) => body.asked_at);

export const metrics = (id: string, signal?: AbortSignal) =>
  get<{ metrics: Metric[] }>(`/api/runs/${part(id)}/metrics`, signal).then((body) => body.metrics);

export const tables = (id: string, signal?: AbortSignal) =>
  get<{ tables: LoggedTable[] }>(`/api/runs/${part(id)}/tables`, signal).then((body) => body.tables);

export const artifacts = (id: string, signal?: AbortSignal) =>
  get<{ artifacts: ArtifactOfRun[] }>(`/api/runs/${part(id)}/artifacts`, signal).then((body) => body.artifacts);

/** A table of a run by its place. */
type Place = Pick<LoggedTable, "name" | "rank" | "step">;

const rows = (id: string, { name, rank, step }: Place, offset: number, limit: number, signal?: AbortSignal) => {
  const query = Object.entries({ name, rank, step, offset, limit }).map(([key, value]) => `${key}=${part(value)}`);
  return get<{ table: LoggedTable; cells: unknown[][] }>(`/api/runs/${part(id)}/table?${query.join("&")}`, signal);
};

export const cells = (id: string, table: LoggedTable, offset: number, limit: number, signal?: AbortSignal) =>
  rows(id, table, offset, limit, signal).then((body) => body.cells);

/** The first so many rows of a table, and what its columns are called. */
export const wholeTable = (id: string, place: Place, limit: number, signal?: AbortSignal) =>
  rows(id, place, 0, limit, signal).then(({ table, cells }) => ({ columns: table.columns, cells }));

export const media = (id: string, signal?: AbortSignal) =>
  get<{ media: MediaName[] }>(`/api/runs/${part(id)}/media`, signal).then((body) => body.media);

export const shown = (id: string, name: string, rank: number, step: number, signal?: AbortSignal) =>
  get<{ items: Shown[] }>(
    `/api/runs/${part(id)}/media/items?name=${part(name)}&rank=${rank}&step=${step}`,
    signal,
  ).then((body) => body.items);

/** Where a file is, to be shown as what its format says. */
export const file = (digest: string, format: string) => `/api/files/${part(digest)}?format=${part(format)}`;

export const json = <T>(address: string, signal?: AbortSignal) => get<T>(address, signal);

export const printed = (id: string, asked: Record<string, string | number | null>, signal?: AbortSignal) => {
  const query = Object.entries(asked).flatMap(([key, value]) => (value === null ? [] : [`${key}=${part(value)}`]));
  return get<Printed>(`/api/runs/${part(id)}/console?${query.join("&")}`, signal);
};

/** The page shows no more alerts than these, the last that fired, and says so. */
export const ALERTS_MAX = 1000;

export const alerts = (signal?: AbortSignal) =>
  get<{ alerts: Alert[] }>(`/api/alerts?limit=${ALERTS_MAX}`, signal).then((body) => body.alerts);

/** Series over their steps. */
export const series = (query: Query, signal: AbortSignal) => columns(query, signal);

/** Series over another metric, whole: which of its values are in view does not tell which steps are. */
export async function against(query: Query, metric: string, signal: AbortSignal): Promise<Series[]> {
  const whole = { ...query, lo: null, hi: null, columns: COLUMNS_MAX, against: metric };
  const found = await columns(whole, signal);
  const half = found.length / 2;
  return found.slice(0, half).map((own, index) => placed(own, found[half + index]));
}

async function columns(query: Query & { against?: string }, signal: AbortSignal): Promise<Series[]> {
  const response = await request("/api/series", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/vnd.runwire.series" },
    body: JSON.stringify(query),
    signal,
  });
  return decode(await response.arrayBuffer());
}

/** Milliseconds since the epoch. */
export function time(value: Time): number {
  return Date.parse(value);
}
