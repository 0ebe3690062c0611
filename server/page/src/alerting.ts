/** The alerts, asked for once for the whole page. */

import { computed, signal } from "@preact/signals";
import { counts } from "./alert/words";
import type { Alert } from "./api";
import * as api from "./api";
import type { Flag } from "./chart/chart";
import { type Polled, poll } from "./live";
import { written } from "./place";

export const alerts = signal<Polled<Alert[]>>({ value: null, error: null });

/** What is wrong now. */
export const firing = computed(() => (alerts.value.value ?? []).filter(counts));

export function watchAlerts(): void {
  poll(api.alerts, () => 2000, alerts);
}

/** The alerts of a run, those that happened first at the front. */
export function alertsOf(run: string): Alert[] {
  return (alerts.value.value ?? [])
    .filter((alert) => alert.run === run)
    .sort((a, b) => api.time(a.fired_at) - api.time(b.fired_at));
}

/** What the chart of a metric shows of a run's alerts: its own, and those that are of no metric. */
export function flagsOf(run: string, metric: string): Flag[] {
  return alertsOf(run).flatMap(({ metric: about, step, severity, title }) =>
    step !== null && (about === metric || about === "") ? [{ step, severity, title }] : [],
  );
}

/** So many steps around the one that an alert is about. */
const BEFORE = 200;
const AFTER = 50;

/** Where an alert is seen: its run's page, at the step that it is about. */
export function link({ run, metric, step }: Alert): string {
  const query = new URLSearchParams();
  if (metric) query.set("m", metric);
  if (step !== null) {
    query.set("lo", String(Math.max(step - BEFORE, Math.min(step, 0))));
    query.set("hi", String(step + AFTER));
  }
  return `/r/${encodeURIComponent(run)}${written(query)}`;
}
