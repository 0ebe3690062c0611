/** The tables that a run logged: each folded until somebody opens it. */

import { useEffect, useState } from "preact/hooks";
import * as api from "./api";
import { integer } from "./format";
import { usePoll } from "./live";
import { Failure, Value } from "./parts";

/** So many rows are shown at once. */
const ROWS = 50;

export function Tables({ run, running }: { run: string; running: boolean }) {
  const polled = usePoll(
    (signal) => api.tables(run, signal),
    () => (running ? 3000 : 15000),
    run,
  ).value;
  const names = new Map<string, api.LoggedTable[]>();
  for (const table of polled.value ?? []) names.set(table.name, [...(names.get(table.name) ?? []), table]);
  return (
    <>
      {[...names].map(([name, logged]) => (
        <Logged key={name} run={run} logged={logged} />
      ))}
    </>
  );
}

/** One name: the last step's table of the lowest rank, unless another is chosen. */
function Logged({ run, logged }: { run: string; logged: api.LoggedTable[] }) {
  const [open, setOpen] = useState(false);
  const [chosen, choose] = useState("");
  const table = logged.find((one) => place(one) === chosen) ?? (logged[0] as api.LoggedTable);
  return (
    <details class="logged" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {table.name}{" "}
        <span class="quiet">
          {integer(table.rows)} rows, {integer(table.columns.length)} columns
        </span>
      </summary>
      {open && (
        <>
          {logged.length > 1 && (
            <select
              aria-label={`Step and rank of ${table.name}`}
              value={place(table)}
              onChange={(event) => choose(event.currentTarget.value)}
            >
              {logged.map((one) => (
                <option key={place(one)} value={place(one)}>
                  step {integer(one.step)}, rank {one.rank}
                </option>
              ))}
            </select>
          )}
          <Rows key={`${place(table)} ${table.ts}`} run={run} table={table} />
        </>
      )}
    </details>
  );
}

function Rows({ run, table }: { run: string; table: api.LoggedTable }) {
  const [offset, setOffset] = useState(0);
  const [cells, setCells] = useState<unknown[][] | null>(null);
  const [error, setError] = useState<api.ApiError | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    api.cells(run, table, offset, ROWS, stop.signal).then(
      (found) => {
        setCells(found);
        setError(null);
      },
      (reason) => !stop.signal.aborted && reason instanceof api.ApiError && setError(reason),
    );
    return () => stop.abort();
  }, [offset]);
  if (error) return <Failure error={error} />;
  if (!cells) return <p class="waiting">Loading…</p>;
  const end = offset + cells.length;
  return (
    <>
      <div class="cells">
        <table>
          <thead>
            <tr>
              {table.columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {cells.map((row, index) => (
              <tr key={offset + index}>
                {row.map((cell, column) => (
                  <td key={table.columns[column]}>{cell === null ? "" : <Value value={cell} />}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {table.rows > ROWS && (
        <nav class="pager" aria-label={`Rows of ${table.name}`}>
          <button type="button" disabled={offset === 0} onClick={() => setOffset(Math.max(offset - ROWS, 0))}>
            Earlier
          </button>
          <span>
            {integer(offset + 1)} to {integer(end)} of {integer(table.rows)}
          </span>
          <button type="button" disabled={end >= table.rows} onClick={() => setOffset(offset + ROWS)}>
            Later
          </button>
        </nav>
      )}
    </>
  );
}

function place(table: api.LoggedTable): string {
  return `${table.step}/${table.rank}`;
}
