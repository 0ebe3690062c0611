/** The HTTP API as the page uses it; `/api/docs` is its whole description. */

import { signal } from "@preact/signals";
import type { Query } from "./chart/board";
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
  ranks: number[];
  points: number;
  first_step: number;
  last_step: number;
  last: Num;
  nonfinite: number;
  first_nonfinite_step: number | null;
  /** What the run said of it; `hidden`: not drawn unless it is looked for. */
  definition: { hidden?: boolean };
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

export interface Alert {
  id: string;
  episode: number;
  rule: string;
  severity: string;
  state: "firing" | "resolved";
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
  fired_at: Time;
  resolved_at: Time | null;
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

const part = encodeURIComponent;

/** The page shows no more runs than these, the last that started, and says so. */
export const RUNS_MAX = 5000;

export const runs = (signal?: AbortSignal) =>
  get<{ runs: Run[] }>(`/api/runs?limit=${RUNS_MAX}`, signal).then((body) => body.runs);

export const run = (id: string, signal?: AbortSignal) => get<Run>(`/api/runs/${part(id)}`, signal);

/** Ask a run to stop. Once it has answered, its `stop` holds the `asked_at` that this returns. */
export async function stop(id: string, reason: string): Promise<number> {
  const response = await request(`/api/runs/${part(id)}/stop`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ reason, by: "the page" }),
  });
  return (await response.json()).asked_at;
}

export const metrics = (id: string, signal?: AbortSignal) =>
  get<{ metrics: Metric[] }>(`/api/runs/${part(id)}/metrics`, signal).then((body) => body.metrics);

export const tables = (id: string, signal?: AbortSignal) =>
  get<{ tables: LoggedTable[] }>(`/api/runs/${part(id)}/tables`, signal).then((body) => body.tables);

export const cells = (id: string, table: LoggedTable, offset: number, limit: number, signal?: AbortSignal) => {
  const { name, rank, step } = table;
  const asked = { name, rank, step, offset, limit };
  const query = Object.entries(asked).map(([key, value]) => `${key}=${part(value)}`);
  return get<{ cells: unknown[][] }>(`/api/runs/${part(id)}/table?${query.join("&")}`, signal).then(
    (body) => body.cells,
  );
};

export const alerts = (signal?: AbortSignal) =>
  get<{ alerts: Alert[] }>("/api/alerts", signal).then((body) => body.alerts);

export async function series(query: Query, signal: AbortSignal): Promise<Series[]> {
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
