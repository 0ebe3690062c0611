/** What the processes of a run printed: folded until somebody opens it, then at its end, which it follows. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import * as api from "./api";
import { integer } from "./format";
import { usePoll } from "./live";
import { Failure } from "./parts";

/** So many lines are shown at first, and come with each look further back; and so many are kept of what follows. */
const LINES = 1000;
const LINES_MAX = 20_000;
/** So near to the end (pixels) somebody who reads wants to see what comes. */
const NEAR = 30;

export function Console({ run, running }: { run: string; running: boolean }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="logged" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Console</summary>
      {open && <Printed run={run} running={running} />}
    </details>
  );
}

function Printed({ run, running }: { run: string; running: boolean }) {
  const [rank, setRank] = useState<number | null>(null);
  const [search, setSearch] = useState("");
  const [ranks, setRanks] = useState<number[]>([]);
  return (
    <>
      <div class="console-head">
        {ranks.length > 1 && (
          <select
            aria-label="Rank that printed"
            value={rank ?? ranks[0]}
            onChange={(event) => setRank(Number(event.currentTarget.value))}
          >
            {ranks.map((one) => (
              <option key={one} value={one}>
                rank {one}
              </option>
            ))}
          </select>
        )}
        <input
          type="search"
          aria-label="Lines that hold"
          placeholder="search"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      </div>
      <Lines key={`${rank} ${search}`} run={run} running={running} rank={rank} search={search} onRanks={setRanks} />
    </>
  );
}

interface Shown {
  lines: api.PrintedLine[];
  rank: number | null;
  last: string;
}

interface LinesOf {
  run: string;
  running: boolean;
  rank: number | null;
  search: string;
  onRanks: (ranks: number[]) => void;
}

function Lines({ run, running, rank, search, onRanks }: LinesOf) {
  const shown = useRef<Shown | null>(null);
  const [first, setFirst] = useState<string | null>(null);
  const [, setEarlier] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const polled = usePoll(
    async (signal) => {
      const before = shown.current;
      const found =
        before?.rank == null
          ? await api.printed(run, { rank, search, limit: LINES }, signal)
          : await api.printed(run, { rank: before.rank, search, after: before.last }, signal);
      if (found.ranks) onRanks(found.ranks);
      if (before?.rank == null) setFirst(found.lines.length === LINES ? found.first : null);
      // What is shown now: earlier lines may have come meanwhile.
      const lines = merged(shown.current?.lines ?? [], found.lines);
      shown.current = { lines: lines.slice(-LINES_MAX), rank: found.rank, last: found.last };
      return found.lines.length;
    },
    () => (running ? 1000 : 10_000),
    run,
  ).value;
  useEffect(() => {
    const element = box.current;
    const look = () => {
      if (element) follows.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
    };
    element?.addEventListener("scroll", look, { passive: true });
    return () => element?.removeEventListener("scroll", look);
  }, [polled.value === null]);
  useLayoutEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  if (polled.error && !polled.value) return <Failure error={polled.error} />;
  const { lines } = shown.current ?? { lines: null };
  if (!lines) return <p class="waiting">Loading…</p>;
  if (lines.length === 0) return <p class="waiting">{search ? "No such line" : "Nothing was printed"}</p>;
  const earlier = async () => {
    const now = shown.current;
    if (!now || first === null) return;
    follows.current = false;
    const found = await api.printed(run, { rank: now.rank, search, before: first, limit: LINES });
    shown.current = { ...(shown.current ?? now), lines: merged(found.lines, shown.current?.lines ?? []) };
    setFirst(found.lines.length === LINES ? found.first : null);
    setEarlier((count) => count + 1);
  };
  return (
    <div class="console" ref={box} role="log" aria-label="Console output">
      {first !== null && (
        <button type="button" onClick={earlier}>
          Earlier
        </button>
      )}
      {lines.map((line, index) => {
        const before = lines[index - 1];
        const left = before && before.attempt === line.attempt && !search ? line.n - before.n - 1 : 0;
        return (
          <div key={place(line)}>
            {before && before.attempt !== line.attempt && <hr />}
            {left > 0 && <i>… {integer(left)} lines left out</i>}
            <code class={line.stream}>{line.text}</code>
          </div>
        );
      })}
    </div>
  );
}

/** All lines in their order; of one that comes again the later holds. */
function merged(before: api.PrintedLine[], after: api.PrintedLine[]): api.PrintedLine[] {
  if (after.length === 0) return before;
  const all = new Map([...before, ...after].map((line) => [place(line), line]));
  return [...all.values()].sort((a, b) => a.attempt - b.attempt || a.n - b.n);
}

function place(line: api.PrintedLine): string {
  return `${line.attempt}/${line.n}`;
}
