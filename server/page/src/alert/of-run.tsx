/** The alerts of a run on its page. */

import { alertsOf } from "../alerting";
import { integer } from "../format";
import { Ago, State } from "../parts";
import { Detail, Fold, nameOf, useOpened } from "./detail";
import { bare } from "./words";

/** So many are listed; `/alerts` has all. */
const MOST = 10;

export function AlertsOfRun({ run }: { run: string }) {
  const all = alertsOf(run);
  const [opened] = useOpened();
  if (all.length === 0) return null;
  const stand = all.filter((alert) => alert.state !== "resolved");
  const over = all.filter((alert) => alert.state === "resolved");
  const listed = new Set([...stand, ...over.reverse()].slice(0, MOST));
  const shown = all.filter((alert) => listed.has(alert) || nameOf(alert) === opened);
  return (
    <section class="logged of-run" aria-label="Alerts">
      <h2>
        Alerts <span class="quiet">{integer(all.length)}</span>
      </h2>
      <ul>
        {shown.map((alert) => {
          const name = nameOf(alert);
          return (
            <li key={name}>
              <Fold alert={alert} id={`${name}-detail`}>
                <State state={alert.state} />
                <span class="title">{bare(alert)}</span>
                <span class="quiet">
                  <Ago at={alert.fired_at} />
                </span>
              </Fold>
              {name === opened && <Detail alert={alert} id={`${name}-detail`} />}
            </li>
          );
        })}
      </ul>
      {all.length > shown.length && (
        <a href={`/alerts?q=${encodeURIComponent(run)}`}>and {integer(all.length - shown.length)} more</a>
      )}
    </section>
  );
}
