/** Asking a run to stop: a button that asks back first, and what became of it. */

import { useRef, useState } from "preact/hooks";
import type { Run } from "./api";
import * as api from "./api";
import { Failure } from "./parts";

export function Stop({ run }: { run: Run }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState("");
  const [asked, setAsked] = useState<number | null>(null);
  const [error, setError] = useState<{ message: string; hint?: string | null } | null>(null);
  const ask = async () => {
    setError(null);
    try {
      setAsked(await api.stop(run.id, reason));
    } catch (failed) {
      setError(failed instanceof api.ApiError ? failed : { message: "The server is out of reach." });
    }
  };
  return (
    <>
      <button type="button" class="stop" onClick={() => dialog.current?.showModal()}>
        Stop…
      </button>
      {asked !== null && (
        <span class="quiet" role="status">
          {run.stop?.asked_at === asked ? " It has answered, and is stopping." : " It was asked to stop."}
        </span>
      )}
      {error && <Failure error={error} />}
      <dialog ref={dialog} aria-label="Stop">
        <form method="dialog" onSubmit={ask}>
          <h2>Ask {run.name} to stop?</h2>
          <p>All of its processes are asked. They stop by themselves where the training looks for it.</p>
          <label>
            Why
            <input value={reason} maxLength={500} onInput={(event) => setReason(event.currentTarget.value)} />
          </label>
          <div class="choice">
            <button type="button" onClick={() => dialog.current?.close()}>
              Leave it running
            </button>
            <button type="submit" class="main">
              Ask it to stop
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}

/** Why a run stops or was stopped; by whom, if it was asked to. */
export function reasonOf({ by, reason }: NonNullable<Run["stop"]>): string {
  return by ? `${by}: ${reason || "no reason given"}` : reason || "no reason given";
}
