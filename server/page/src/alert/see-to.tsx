/** Acknowledging and silencing an alert, where it is shown. */

import { useState } from "preact/hooks";
import type { Alert } from "../api";
import * as api from "../api";
import { brief } from "../format";
import { Failure } from "../parts";
import { acknowledge, callMe, myName, scopes, signed, silence } from "./said";

const SPANS: [label: string, seconds: number][] = [
  ["1 h", 3600],
  ["4 h", 4 * 3600],
  ["1 day", 86400],
];

/** What was sent, and by what one sees that alerting has taken note. */
interface Sent {
  done: (alert: Alert) => boolean;
  words: string;
}

export function SeeTo({ alert, changed }: { alert: Alert; changed: () => void }) {
  const [name, setName] = useState(myName);
  const [comment, setComment] = useState("");
  const [scope, setScope] = useState(0);
  const [until, setUntil] = useState("");
  const [sent, setSent] = useState<Sent | null>(null);
  const [error, setError] = useState<{ message: string; hint?: string | null } | null>(null);
  const acknowledged = !!alert.details.acknowledged_at;
  const choices = scopes(alert);
  const [what, match] = choices[scope] ?? (choices[0] as (typeof choices)[number]);

  const send = async (ask: () => Promise<Sent>) => {
    setError(null);
    setSent(null);
    callMe(name.trim());
    try {
      setSent(await ask());
      setComment("");
      changed();
    } catch (failed) {
      setError(failed instanceof api.ApiError ? failed : { message: "The server is out of reach: nothing was sent." });
    }
  };
  const words = { by: signed(name), comment };
  const see = () =>
    send(async () => {
      await acknowledge(alert, words);
      return { done: (now) => !!now.details.acknowledged_at, words: "Acknowledged: it is not told again." };
    });
  const quiet = (seconds: number) =>
    send(async () => {
      const made = await silence(match, seconds, words);
      return {
        done: (now) => (now.details.silenced_until ?? 0) >= made.until,
        words: `Silenced ${what} until ${brief(made.until / 1000)}.`,
      };
    });
  const quietUntil = () => {
    const seconds = (new Date(until).getTime() - Date.now()) / 1000;
    if (seconds > 0) void quiet(seconds);
    else setError({ message: "That is over: give a time to come." });
  };
  return (
    <form class="see-to" aria-label={`See to ${alert.title}`} onSubmit={(event) => event.preventDefault()}>
      <label>
        Your name
        <input
          value={name}
          maxLength={200}
          autocomplete="nickname"
          placeholder="optional"
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label>
        Note
        <input value={comment} maxLength={500} onInput={(event) => setComment(event.currentTarget.value)} />
      </label>
      <button type="button" class="main" aria-disabled={acknowledged} onClick={() => acknowledged || see()}>
        {acknowledged ? "Acknowledged" : "Acknowledge"}
      </button>
      <fieldset>
        <legend>Silence</legend>
        <select
          aria-label="What to silence"
          value={String(scope)}
          onChange={(event) => setScope(Number(event.currentTarget.value))}
        >
          {choices.map(([label], index) => (
            <option key={label} value={String(index)}>
              {label}
            </option>
          ))}
        </select>
        <span class="spans">
          {SPANS.map(([label, seconds]) => (
            <button key={label} type="button" aria-label={`Silence for ${label}`} onClick={() => quiet(seconds)}>
              {label}
            </button>
          ))}
        </span>
        <span class="until">
          <input
            type="datetime-local"
            aria-label="Silence until"
            value={until}
            onInput={(event) => setUntil(event.currentTarget.value)}
          />
          <button
            type="button"
            aria-label="Silence until then"
            aria-disabled={!until}
            onClick={() => until && quietUntil()}
          >
            Until
          </button>
        </span>
      </fieldset>
      <p class="quiet" role="status">
        {sent && (sent.done(alert) ? sent.words : "Sent: alerting takes it over within seconds.")}
      </p>
      {error && <Failure error={error} />}
    </form>
  );
}
