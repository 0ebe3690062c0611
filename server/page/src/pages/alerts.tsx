/** The alerts: what fires, what fired, and the way to the step that it is about. */

import { useRef, useState } from "preact/hooks";
import { Detail, Fold, nameOf, useOpened } from "../alert/detail";
import { Silences } from "../alert/silences";
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
  const [opened, open] = useOpened();
  const held = useRef({ name: "", rank: 0 });
  // One that is open stays where it was opened, whatever becomes of it.
  const place = (alert: Alert) => (nameOf(alert) === held.current.name ? held.current.rank : rank(alert));
  const opens = value?.find((alert) => nameOf(alert) === opened);
  if (opens && held.current.name !== opened) held.current = { name: opened, rank: rank(opens) };
  const shown = (value ?? [])
    .filter((alert) => !only || alert.state === only || alert === opens)
    .filter((alert) => words.every((word) => text(alert).includes(word)))
    .sort((a, b) => place(a) - place(b) || api.time(b.fired_at) - api.time(a.fired_at));
  const move = (by: number) => {
    const index = shown.findIndex((alert) => nameOf(alert) === at);
    const next = shown[Math.min(shown.length - 1, Math.max(0, index + by))];
    if (!next) return;
    setAt(nameOf(next));
    document.getElementById(nameOf(next))?.scrollIntoView({ block: "nearest" });
  };
  useKeys({
    "/": focusFilter,
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => {
      const alert = shown.find((item) => nameOf(item) === at);
      if (alert) go(link(alert));
    },
    o: () => {
      if (at === null) return;
      open(at);
      document.getElementById(at)?.querySelector("button")?.focus();
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
          {value.length === api.ALERTS_MAX && "the last "}
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
                <th class="number aside">Rank</th>
                <th class="aside">Metric</th>
                <th class="number aside">Step</th>
                <th class="number aside">Value</th>
                <th class="aside">Before</th>
                <th class="number">When</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((alert) => (
                <Row key={nameOf(alert)} alert={alert} at={nameOf(alert) === at} open={alert === opens} />
              ))}
            </tbody>
          </table>
        </section>
      )}
      <Silences />
    </>
  );
}

function Row({ alert, at, open }: { alert: Alert; at: boolean; open: boolean }) {
  const name = nameOf(alert);
  const detail = `${name}-detail`;
  return (
    <>
      <tr id={name} class={at ? "at" : undefined}>
        <td>
          <Fold alert={alert} id={detail} />
          <State state={alert.state} />
        </td>
        <td class="what">
          <a href={link(alert)}>{alert.title}</a>
          <span class="quiet">
            {alert.rule} · {alert.severity}
            {alert.part_of && " · part of another"}
            {alert.details.mode === "observe" && " · observed"}
          </span>
          {alert.text && alert.before.length === 0 && !open && <p>{alert.text}</p>}
        </td>
        <td class="of">
          <a href={`/r/${encodeURIComponent(alert.run)}`}>{alert.name || alert.run}</a>
        </td>
        <td class="number aside">{alert.rank ?? <span class="none">–</span>}</td>
        <td class="mono aside">{alert.metric || <span class="none">–</span>}</td>
        <td class="number aside">{alert.step === null ? <span class="none">–</span> : integer(alert.step)}</td>
        <td class="number aside">
          <Value value={alert.value} />
        </td>
        <td class="before aside">{before(alert)}</td>
        <td class="number">
          <Ago at={alert.fired_at} />
        </td>
      </tr>
      {open && (
        <tr class="opened">
          <td colSpan={9}>
            <Detail alert={alert} id={detail} />
          </td>
        </tr>
      )}
    </>
  );
}

/** What stands comes first; that somebody sees to it moves no row. */
const rank = (alert: Alert) => (alert.state === "resolved" ? 1 : 0);

const text = (alert: Alert) =>
  [alert.id, alert.run, alert.name, alert.project, alert.rule, alert.severity, alert.metric, alert.title, alert.text]
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
