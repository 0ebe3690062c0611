/** Silences that hold, each with what ends it. */

import { useState } from "preact/hooks";
import { alerts } from "../alerting";
import * as api from "../api";
import { brief } from "../format";
import { usePoll } from "../live";
import { Failure } from "../parts";
import { end, myName, type Silence, signed, silences } from "./said";

/** How often all silences are asked for (ms): each time the server reads them from Kafka. */
const PAUSE = 10_000;

export function Holding({ found, changed }: { found: Silence[]; changed: () => void }) {
  const [ended, setEnded] = useState<string[]>([]);
  const [error, setError] = useState<api.ApiError | { message: string } | null>(null);
  const stop = async (one: Silence) => {
    setError(null);
    try {
      await end(one, signed(myName()));
      setEnded([...ended, one.id]);
      changed();
    } catch (failed) {
      setError(failed instanceof api.ApiError ? failed : { message: "The server is out of reach: it goes on." });
    }
  };
  return (
    <>
      <ul class="silences" aria-label="Silences">
        {found
          .filter((one) => !ended.includes(one.id))
          .map((one) => (
            <li key={one.id}>
              <span>
                <b>{meaning(one)}</b> until {brief(one.until / 1000)}, by {one.by}
                {one.comment && `: ${one.comment}`}
              </span>
              <button type="button" aria-label={`End the silence of ${meaning(one)}`} onClick={() => stop(one)}>
                End
              </button>
            </li>
          ))}
      </ul>
      {error && <Failure error={error} />}
    </>
  );
}

/** Those of all alerts, folded until somebody opens them. */
export function Silences() {
  const [open, setOpen] = useState(false);
  return (
    <details class="logged all-silences" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Silences</summary>
      {open && <All />}
    </details>
  );
}

function All() {
  const [turn, setTurn] = useState(0);
  const { value, error } = usePoll(silences, () => PAUSE, String(turn)).value;
  if (error && !value) return <Failure error={error} />;
  if (!value) return <p class="waiting">Loading…</p>;
  if (value.length === 0) return <p class="quiet">Nothing is silenced.</p>;
  return <Holding found={value} changed={() => setTurn(turn + 1)} />;
}

/** What a silence means; an alert by its title, too, if it is known here. */
function meaning({ match }: Silence): string {
  const title = alerts.value.value?.find((alert) => alert.id === match.alert)?.title;
  return Object.entries(match)
    .map(([about, glob]) => `${about} ${glob}${about === "alert" && title ? ` (${title})` : ""}`)
    .join(", ");
}
