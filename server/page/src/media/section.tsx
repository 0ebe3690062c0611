/** The media that a run logged: by name, the steps on a slider. */

import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { integer, plural } from "../format";
import { usePoll } from "../live";
import { Failure } from "../parts";
import { param, set } from "../place";
import { Picture } from "./picture";
import { Histogram, Plot, Plotly } from "./plot";

/** Media take more room than what most look for, and are folded until somebody opens them. So many names are then. */
const OPEN = 12;
/** So many are shown at once; the others when they are asked for. */
const SHOWN = 48;

export function Media({ run, running }: { run: string; running: boolean }) {
  const polled = usePoll(
    (signal) => api.media(run, signal),
    () => (running ? 3000 : 15000),
    run,
  ).value;
  const names = new Map<string, api.MediaName[]>();
  for (const one of polled.value ?? []) names.set(one.name, [...(names.get(one.name) ?? []), one]);
  const open = param("media") === "open";
  if (names.size === 0) return null;
  return (
    <details
      class="all-media"
      open={open}
      onToggle={(event) => event.currentTarget.open !== open && set({ media: open ? "" : "open" })}
    >
      <summary>
        Media <span class="quiet">{integer(names.size)}</span>
      </summary>
      {open &&
        [...names].map(([name, ranks], index) => <Named key={name} run={run} ranks={ranks} first={index < OPEN} />)}
    </details>
  );
}

/** One name: the last step of the lowest rank, unless another is chosen. */
function Named({ run, ranks, first }: { run: string; ranks: api.MediaName[]; first: boolean }) {
  const [open, setOpen] = useState(first);
  const [rank, chooseRank] = useState<number | null>(null);
  const [chosen, choose] = useState<number | null>(null);
  const of = ranks.find((one) => one.rank === rank) ?? (ranks[0] as api.MediaName);
  const { name, kind, steps } = of;
  const step = chosen !== null && steps.includes(chosen) ? chosen : (steps[steps.length - 1] as number);
  return (
    <details class="logged media" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {name}{" "}
        <span class="quiet">
          {kind}, {plural(steps.length, "step")}
        </span>
      </summary>
      {open && (
        <>
          {(steps.length > 1 || ranks.length > 1) && (
            <div class="bar">
              {steps.length > 1 && (
                <input
                  type="range"
                  aria-label={`Step of ${name}`}
                  aria-valuetext={`step ${step}`}
                  min={0}
                  max={steps.length - 1}
                  value={steps.indexOf(step)}
                  onInput={(event) => {
                    const at = steps[Number(event.currentTarget.value)] as number;
                    choose(at === steps[steps.length - 1] ? null : at); // the last one is followed
                  }}
                />
              )}
              <output>step {integer(step)}</output>
              {ranks.length > 1 && (
                <select
                  aria-label={`Rank of ${name}`}
                  value={of.rank}
                  onChange={(event) => chooseRank(Number(event.currentTarget.value))}
                >
                  {ranks.map((one) => (
                    <option key={one.rank} value={one.rank}>
                      rank {one.rank}
                    </option>
                  ))}
                </select>
              )}
            </div>
          )}
          <Items run={run} name={name} rank={of.rank} step={step} />
        </>
      )}
    </details>
  );
}

function Items({ run, name, rank, step }: { run: string; name: string; rank: number; step: number }) {
  const [items, setItems] = useState<api.Shown[] | null>(null);
  const [error, setError] = useState<api.ApiError | null>(null);
  const [most, setMost] = useState(SHOWN);
  useEffect(() => {
    const stop = new AbortController();
    api.shown(run, name, rank, step, stop.signal).then(
      (found) => {
        setItems(found);
        setError(null);
      },
      (reason) => !stop.signal.aborted && reason instanceof api.ApiError && setError(reason),
    );
    return () => stop.abort();
  }, [run, name, rank, step]);
  if (error) return <Failure error={error} />;
  if (!items) return <p class="waiting">Loading…</p>;
  return (
    <>
      <div class="gallery">
        {items.slice(0, most).map((item) => (
          <figure key={`${item.step} ${item.place} ${item.ts}`} class={WIDE.has(item.kind) ? "wide" : ""}>
            <Item run={run} rank={rank} item={item} />
            {item.caption && <figcaption>{item.caption}</figcaption>}
          </figure>
        ))}
      </div>
      {items.length > most && (
        <button type="button" class="more" onClick={() => setMost(most + SHOWN)}>
          {integer(items.length - most)} more
        </button>
      )}
    </>
  );
}

const WIDE = new Set(["html", "histogram", "plot", "plotly", "video"]);

function Item({ run, rank, item }: { run: string; rank: number; item: api.Shown }) {
  const address = api.file(item.digest, item.format);
  const title = item.caption || `${item.kind} ${item.place}`;
  switch (item.kind) {
    case "image":
      return <Picture item={item} />;
    case "audio":
      // biome-ignore lint/a11y/useMediaCaption: what was logged has none
      return <audio controls preload="none" src={address} aria-label={title} />;
    case "video":
      if (item.format === "gif") return <Picture item={item} />;
      // biome-ignore lint/a11y/useMediaCaption: what was logged has none
      return <video controls preload="metadata" src={address} aria-label={title} />;
    case "html":
      return <iframe sandbox="allow-scripts" src={address} title={title} loading="lazy" />;
    case "histogram":
      return <Histogram data={item.data} />;
    case "plot":
      return <Plot run={run} rank={rank} item={item} />;
    case "plotly":
      return <Plotly item={item} />;
    default:
      return <p class="quiet">A kind that this page does not know: {item.kind}</p>;
  }
}
