/** Several runs on the same charts. */

import { flagsOf } from "../alerting";
import * as api from "../api";
import { STEPS, stepMetrics } from "../axis";
import { Charts, type Source } from "../charts";
import { pens } from "../colour";
import { focusFilter, useKeys } from "../keys";
import { usePoll } from "../live";
import { Empty, Failure, State, Value } from "../parts";
import { go, param, set } from "../place";
import { differing } from "./runs";

/** So many config keys that differ are shown beside the names. */
const CONFIG_MAX = 8;

export function Compare() {
  const ids = param("runs").split(",").filter(Boolean);
  const polled = usePoll(
    async (signal) => {
      const [runs, ...metrics] = await Promise.all([api.runs(signal), ...ids.map((id) => api.metrics(id, signal))]);
      return { runs, metrics, at: Date.now() };
    },
    ({ runs }) => (runs.some((run) => run.state === "running" && ids.includes(run.id)) ? 1500 : 4000),
    ids.join(),
  ).value;
  useKeys({
    "/": focusFilter,
    l: () => set({ y: param("y") === "log" ? "" : "log" }),
    "0": () => set({ lo: "", hi: "" }),
    u: () => go(`/?sel=${ids.join(",")}`),
  });
  if (ids.length === 0) {
    return (
      <Empty title="Nothing to compare">
        <p>
          Select some of <a href="/">the runs</a> and press <kbd>c</kbd>.
        </p>
      </Empty>
    );
  }
  if (polled.error && !polled.value) return <Failure error={polled.error} />;
  if (!polled.value) return <p class="waiting">Loading…</p>;
  const { metrics, at } = polled.value;
  const known = polled.value.runs;
  const runs = ids.flatMap((id) => known.find((run) => run.id === id) ?? []);
  const pen = pens(ids);
  const keys = differing(runs, CONFIG_MAX);
  const sources: Source[] = ids.map((id, index) => {
    const run = runs.find((item) => item.id === id);
    return {
      run: id,
      running: run?.state === "running",
      metrics: metrics[index],
      ranks: (metric) => metric.ranks.slice(0, 1),
      pen: () => pen.get(id) ?? { colour: 0, dash: 0 },
      name: () => run?.name ?? id,
    };
  });
  return (
    <>
      <div class="bar">
        <h1>Compare</h1>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys */}
      <section class="scroll legend" tabIndex={0} aria-label="Runs compared">
        <table class="rows">
          <thead>
            <tr>
              <th>Run</th>
              <th>State</th>
              {keys.map((key) => (
                <th key={key} class="number">
                  {key}
                </th>
              ))}
              <th>
                <span class="hidden">Remove</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <tr key={run.id}>
                <td class="of-name">
                  <a href={`/r/${encodeURIComponent(run.id)}`}>
                    <span
                      class={`swatch line${pen.get(run.id)?.colour} dash${pen.get(run.id)?.dash}`}
                      aria-hidden="true"
                    />
                    {run.name}
                    {run.name !== run.id && <span class="id">{run.id}</span>}
                  </a>
                </td>
                <td>
                  <State state={run.state} />
                </td>
                {keys.map((key) => (
                  <td key={key} class="number">
                    <Value value={run.config[key]} />
                  </td>
                ))}
                <td>
                  <button
                    type="button"
                    class="plain"
                    aria-label={`Remove ${run.name}`}
                    onClick={() => set({ runs: ids.filter((id) => id !== run.id).join(",") })}
                  >
                    ×
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <Charts axis={STEPS} sources={sources} flags={(metric) => ids.flatMap((id) => flagsOf(id, metric))} heard={at} />
      {stepMetrics(metrics).map((axis) => (
        <Charts key={axis.name} axis={axis} title={`Over ${axis.name}`} sources={sources} flags={() => []} heard={at} />
      ))}
    </>
  );
}
