/** The alerts: what fires, what fired, and the way to the step that it is about. */

import { useState } from "preact/hooks";
import { alerts, firing, link } from "../alerting";
import type { Alert } from "../api";
import * as api from "../api";
import { integer, number, plural, toNumber } from "../format";
import { focusFilter, useKeys } from "../keys";
import { Ago, Empty, Failure, Search, State, Value } from "../parts";
import { go, param, set } from "../place";

export function Alerts() {
  const { value, error } = alerts.value;
  const [at, setAt] = useState<string | null>(null);
  const query = param("q");
  const only = param("state");
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = (value ?? [])
    .filter((alert) => !only || alert.state === only)
    .filter((alert) => words.every((word) => text(alert).includes(word)))
    .sort((a, b) => rank(a) - rank(b) || api.time(b.fired_at) - api.time(a.fired_at));
  const name = (alert: Alert) => `${alert.id}-${alert.episode ?? 0}`;
  const move = (by: number) => {
    const index = shown.findIndex((alert) => name(alert) === at);
    const next = shown[Math.min(shown.length - 1, Math.max(0, index + by))];
    if (!next) return;
    setAt(name(next));
    document.getElementById(name(next))?.scrollIntoView({ block: "nearest" });
  };
  useKeys({
    "/": focusFilter,
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => {
      const alert = shown.find((item) => name(item) === at);
      if (alert) go(link(alert));
    },
    u: () => go("/"),
  });
  if (error && !value) return <Failure error={error} />;
  if (!value) return <p class="waiting">Loading…</p>;
  if (value.length === 0) {
    return (
      <Empty title="No alerts">
        <p>Nothing is wrong with any run. To see one caught:</p>
        <pre>runwire demo</pre>
      </Empty>
    );
  }
  return (
    <>
      <div class="bar">
        <h1>Alerts</h1>
        <Search label="Filter by run, rule, metric, text" value={query} change={(q) => set({ q }, { replace: true })} />
        <fieldset class="switch">
          <legend class="hidden">State</legend>
          {["", "firing", "acknowledged", "silenced", "resolved"].map((state) => (
            <button key={state} type="button" aria-pressed={only === state} onClick={() => set({ state })}>
              {state || "all"}
            </button>
          ))}
        </fieldset>
        <span class="quiet" role="status">
          {firing.value.length ? `${integer(firing.value.length)} firing of ` : ""}
          {plural(value.length, "alert")}
        </span>
      </div>
      {shown.length === 0 ? (
        <Empty title="No alert matches">
          <button type="button" onClick={() => set({ q: "", state: "" })}>
            Clear the filter
          </button>
        </Empty>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
        <section class="scroll" tabIndex={0} aria-label="Table of alerts">
          <table class="rows alerts">
            <thead>
              <tr>
                <th>State</th>
                <th>What</th>
                <th>Run</th>
                <th class="number">Rank</th>
                <th>Metric</th>
                <th class="number">Step</th>
                <th class="number">Value</th>
                <th>Before</th>
                <th class="number">When</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((alert) => (
                <tr key={name(alert)} id={name(alert)} class={name(alert) === at ? "at" : undefined}>
                  <td>
                    <State state={alert.state} />
                  </td>
                  <td class="what">
                    <a href={link(alert)}>{alert.title}</a>
                    <span class="quiet">
                      {alert.rule} · {alert.severity}
                    </span>
                    {alert.text && alert.before.length === 0 && <p>{alert.text}</p>}
                  </td>
                  <td>
                    <a href={`/r/${encodeURIComponent(alert.run)}`}>{alert.name || alert.run}</a>
                  </td>
                  <td class="number">{alert.rank ?? <span class="none">–</span>}</td>
                  <td class="mono">{alert.metric || <span class="none">–</span>}</td>
                  <td class="number">{alert.step === null ? <span class="none">–</span> : integer(alert.step)}</td>
                  <td class="number">
                    <Value value={alert.value} />
                  </td>
                  <td class="before">{before(alert)}</td>
                  <td class="number">
                    <Ago at={alert.fired_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </>
  );
}

const rank = (alert: Alert) => (alert.state === "firing" ? 0 : 1);

const text = (alert: Alert) =>
  [alert.run, alert.name, alert.project, alert.rule, alert.severity, alert.metric, alert.title, alert.text]
    .join(" ")
    .toLowerCase();

/** The last values before it, oldest first. */
function before({ before: pairs }: Alert) {
  if (pairs.length === 0) return <span class="none">–</span>;
  const all = pairs.map(([step, value]) => `${integer(step)}: ${number(toNumber(value))}`).join("\n");
  return (
    <span title={all}>
      {pairs
        .slice(-4)
        .map(([, value]) => number(toNumber(value), 3))
        .join(" → ")}
    </span>
  );
}
