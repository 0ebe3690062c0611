/** An alert in full: what it says, what happened to it, and what can be done about it. */

import { useEffect, useState } from "preact/hooks";
import { alerts } from "../alerting";
import type { Alert } from "../api";
import * as api from "../api";
import { moment, stamp } from "../format";
import { Failure, State } from "../parts";
import { param, set } from "../place";
import { history, next } from "./history";
import { type Said, said } from "./said";
import { SeeTo } from "./see-to";
import { Holding } from "./silences";

/** What an alert's episode is called in addresses and in the page. */
export const nameOf = ({ id, episode }: Alert) => `${id}-${episode}`;

/** The alert that is open, as the address has it, and what opens or folds one. */
export function useOpened(): [string, (name: string) => void] {
  const opened = param("open");
  return [opened, (name) => set({ open: name === opened ? "" : name }, { replace: true })];
}

/** What opens an alert in place; `id` is that of what is opened. */
export function Fold({ alert, id, children }: { alert: Alert; id: string; children?: preact.ComponentChildren }) {
  const [opened, open] = useOpened();
  const name = nameOf(alert);
  return (
    <button
      type="button"
      class="fold"
      aria-expanded={opened === name}
      aria-controls={id}
      aria-label={children ? undefined : `Details of ${alert.title}`}
      onClick={() => open(name)}
    >
      <span class="turn" aria-hidden="true" />
      {children}
    </button>
  );
}

export function Detail({ alert, id }: { alert: Alert; id: string }) {
  const stands = alert.state !== "resolved";
  const { acknowledged_at, silenced_until } = alert.details;
  const [told, setTold] = useState<{ said: Said | null; error: api.ApiError | null }>({ said: null, error: null });
  const [turn, setTurn] = useState(0);
  const asks = stands || !!acknowledged_at;
  useEffect(() => {
    if (!asks) return;
    const stop = new AbortController();
    said(alert.id, stop.signal).then(
      (found) => setTold({ said: found, error: null }),
      (error) => error instanceof api.ApiError && setTold({ said: null, error }),
    );
    return () => stop.abort();
  }, [alert.id, asks, acknowledged_at, silenced_until, turn]);
  const changed = () => setTurn(turn + 1);
  const earlier = (alerts.value.value ?? []).filter((one) => one.id === alert.id && one.episode < alert.episode);
  const latest = !(alerts.value.value ?? []).some((one) => one.id === alert.id && one.episode > alert.episode);
  const coming = next(alert);
  return (
    <div class="detail" id={id}>
      <div>
        {alert.text && <p class="text">{alert.text}</p>}
        {alert.part_of && (
          <p>
            It follows from <a href={`/alerts?q=${encodeURIComponent(alert.part_of)}`}>another alert</a>, by which it is
            told.
          </p>
        )}
        {alert.details.mode === "observe" && <p>Its rule only observes: nobody is told.</p>}
        {/^\d+$/.test(alert.ranks) || !alert.ranks || <p>Ranks {alert.ranks}, this one first.</p>}
        <ol class="history" aria-label="History">
          {history(alert, latest ? told.said : null).map(({ at, what, words }) => (
            <li key={`${what}${at}`}>
              <When at={at} />
              <span>
                {what}
                {words && <q>{words}</q>}
              </span>
            </li>
          ))}
          {coming && (
            <li class="quiet">
              <When at={coming.at} />
              <span>{coming.what}</span>
            </li>
          )}
        </ol>
        {earlier.length > 0 && (
          <ol class="history" aria-label="Earlier episodes">
            {earlier.map((one) => (
              <li key={one.episode}>
                <When at={api.time(one.fired_at)} />
                <span>
                  fired before, <State state={one.state} />
                  {one.details.acknowledged_by && `, acknowledged by ${one.details.acknowledged_by}`}
                </span>
              </li>
            ))}
          </ol>
        )}
      </div>
      {stands && (
        <div>
          <SeeTo alert={alert} changed={changed} />
          {told.said && <Holding found={told.said.silences} changed={changed} />}
          {told.error && <Failure error={told.error} />}
        </div>
      )}
    </div>
  );
}

function When({ at }: { at: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={moment(at)}>
      {stamp(at)}
    </time>
  );
}
