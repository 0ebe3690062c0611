/** One run: is it healthy, what did it do? */

import { AlertsOfRun } from "../alert/of-run";
import { bare } from "../alert/words";
import { alertsOf, flagsOf, link } from "../alerting";
import type { Alert, Metric, Run as RunRecord } from "../api";
import * as api from "../api";
import { Artifacts } from "../artifacts";
import { STEPS, stepMetrics, TIME } from "../axis";
import { Charts, type Source } from "../charts";
import { colour, rankPen } from "../colour";
import { Console } from "../console";
import { duration, integer, moment } from "../format";
import { focusFilter, useKeys } from "../keys";
import { now, usePoll } from "../live";
import { Media } from "../media/section";
import { Ago, Empty, Failure, State, Value } from "../parts";
import { go, param, set } from "../place";
import { reasonOf, Stop } from "../stop";
import { Tables } from "../tables";
import { took } from "./runs";

/** So many ranks are drawn unless the URL names others. */
const RANKS = 8;
/** A run that says nothing for so long (seconds) is shown as silent. */
const SILENT = 15;

export function Run({ id }: { id: string }) {
  const polled = usePoll(
    async (signal) => {
      const [run, metrics] = await Promise.all([api.run(id, signal), api.metrics(id, signal)]);
      return { run, metrics, at: Date.now() };
    },
    ({ run }) => (run.state === "running" ? 1000 : 4000),
    id,
  ).value;
  useKeys({
    "/": focusFilter,
    l: () => set({ y: param("y") === "log" ? "" : "log" }),
    "0": () => set({ lo: "", hi: "", from: "", till: "" }),
    u: () => go("/"),
  });
  if (polled.error?.status === 404) {
    return (
      <Empty title={`No run ${id}`}>
        <p>
          It may not have arrived yet, or its id is another: <a href="/">see all runs</a>, or
        </p>
        <pre>runwire runs</pre>
      </Empty>
    );
  }
  if (polled.error && !polled.value) return <Failure error={polled.error} />;
  if (!polled.value) return <p class="waiting">Loading…</p>;
  const { run, metrics, at } = polled.value;
  const chosen = parseRanks(param("ranks"));
  const ranks = (metric: Metric) =>
    chosen ? metric.ranks.filter((rank) => chosen(rank)) : metric.ranks.slice(0, RANKS);
  const most = Math.max(1, ...metrics.map((metric) => metric.ranks.length));
  const sources: Source[] = [
    {
      run: run.id,
      running: run.state === "running",
      metrics,
      ranks,
      pen: (rank) => rankPen(run.id, rank),
      name: (rank) => `rank ${rank}`,
    },
  ];
  return (
    <>
      <Header run={run} metrics={metrics} />
      <div class="run">
        <aside>
          <Table name="Summary" values={run.summary} />
          <Table name="Config" values={run.config} />
        </aside>
        <div>
          <AlertsOfRun run={run.id} />
          <Media run={run.id} running={run.state === "running"} />
          <Tables run={run.id} running={run.state === "running"} />
          <Artifacts run={run.id} running={run.state === "running"} />
          <Console run={run.id} running={run.state === "running"} />
          <Charts
            axis={STEPS}
            sources={sources}
            flags={(metric) => flagsOf(run.id, metric)}
            heard={at}
            controls={most > 1 && <Ranks count={most} />}
          />
          {stepMetrics([metrics]).map((axis) => (
            <Charts
              key={axis.name}
              axis={axis}
              title={`Over ${axis.name}`}
              sources={sources}
              flags={() => []}
              heard={at}
            />
          ))}
          <Charts axis={TIME} title="System" sources={sources} flags={() => []} heard={at} />
        </div>
      </div>
    </>
  );
}

function Header({ run, metrics }: { run: RunRecord; metrics: Metric[] }) {
  const quiet = (now.value - api.time(run.seen_at)) / 1000;
  const bad = firstBad(run, metrics);
  return (
    <header class="run-head">
      <h1>
        <span class={`swatch line${colour(run.id)}`} aria-hidden="true" />
        {run.name}
        {run.name !== run.id && <span class="id">{run.id}</span>}
      </h1>
      {run.state === "running" && <Stop run={run} />}
      <dl class="facts">
        <Fact name="State">
          <State state={run.state} />
          {run.state === "running" && quiet > SILENT && <span class="bad"> silent for {duration(quiet)}</span>}
        </Fact>
        {run.stop && <Fact name={run.state === "stopped" ? "Stopped" : "Stop"}>{reasonOf(run.stop)}</Fact>}
        {run.state === "running" && run.time_limit_at && (
          <Fact name="Time limit">{moment(api.time(run.time_limit_at))}</Fact>
        )}
        {run.last_step !== null && <Fact name="Last step">{integer(run.last_step)}</Fact>}
        <Fact name="Heard">
          <Ago at={run.seen_at} />
        </Fact>
        <Fact name="Started">{moment(api.time(run.started_at))}</Fact>
        <Fact name={run.state === "running" ? "Runs for" : "Took"}>{duration(took(run))}</Fact>
        {!!run.exit_code && <Fact name="Exit code">{run.exit_code}</Fact>}
        {run.dropped_rows > 0 && <Fact name="Rows lost, disk full or damaged">{integer(run.dropped_rows)}</Fact>}
        {run.host && <Fact name="Host">{run.host}</Fact>}
        {run.ranks > 1 && <Fact name="Ranks">{integer(run.ranks)}</Fact>}
        <Fact name="Project">{run.project}</Fact>
        {run.entity && <Fact name="Entity">{run.entity}</Fact>}
        {run.group && <Fact name="Group">{run.group}</Fact>}
        {run.job_type && <Fact name="Job type">{run.job_type}</Fact>}
        {run.commit && (
          <Fact name="Commit">
            <code title={run.commit}>{run.commit.slice(0, 10)}</code>
          </Fact>
        )}
        {run.tags.length > 0 && (
          <Fact name="Tags">
            {run.tags.map((tag) => (
              <span key={tag} class="tag">
                {tag}
              </span>
            ))}
          </Fact>
        )}
      </dl>
      {run.notes && <p class="notes">{run.notes}</p>}
      {bad && <p class="first-bad">{bad}</p>}
      {run.exception && <Exception {...run.exception} />}
    </header>
  );
}

function Exception({ kind, message, traceback }: { kind?: string; message?: string; traceback?: string }) {
  return (
    <details class="exception">
      <summary>
        {kind}
        {message && `: ${message}`}
      </summary>
      {traceback && <pre>{traceback}</pre>}
    </details>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The first thing that went wrong: an alert if there is one, else the first value that is not finite. */
function firstBad(run: RunRecord, metrics: Metric[]) {
  const all = alertsOf(run.id);
  const alert: Alert | undefined = all.find((item) => item.severity !== "info");
  if (alert) {
    return (
      <>
        <span aria-hidden="true">▲ </span>
        <a href={link(alert)}>{bare(alert)}</a>
        {all.length > 1 && (
          <a class="quiet" href={`/alerts?q=${encodeURIComponent(run.id)}`}>
            {" "}
            and {all.length - 1} more
          </a>
        )}
      </>
    );
  }
  const [first] = metrics
    .filter((metric) => metric.first_nonfinite_step !== null)
    .sort((a, b) => (a.first_nonfinite_step as number) - (b.first_nonfinite_step as number));
  if (!first) return null;
  return (
    <>
      <span aria-hidden="true">▲ </span>
      {first.metric} is not finite from step {integer(first.first_nonfinite_step as number)}
    </>
  );
}

function Table({ name, values }: { name: string; values: Record<string, unknown> }) {
  const keys = Object.keys(values).sort();
  if (keys.length === 0) return null;
  return (
    <details open={innerWidth > 900} class="side">
      <summary>
        {name} <span class="quiet">{keys.length}</span>
      </summary>
      <table>
        <tbody>
          {keys.map((item) => (
            <tr key={item}>
              <th scope="row" title={item}>
                {item}
              </th>
              <td>
                <Value value={values[item]} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function Ranks({ count }: { count: number }) {
  const text = param("ranks");
  return (
    <label class="ranks">
      <span class="quiet">ranks</span>
      <input
        aria-label="Ranks to draw, such as 0-3,8, or all"
        placeholder={count > RANKS ? `first ${RANKS} of ${count}` : "all"}
        value={text}
        onChange={(event) => set({ ranks: event.currentTarget.value.replace(/\s/g, "") })}
      />
    </label>
  );
}

/** "0-3,8" as a test; "all" takes each; null where the text says nothing. */
export function parseRanks(text: string): ((rank: number) => boolean) | null {
  if (text === "all") return () => true;
  const spans = text.split(",").flatMap((item) => {
    const found = /^(\d+)(?:-(\d+))?$/.exec(item);
    return found ? [[Number(found[1]), Number(found[2] ?? found[1])]] : [];
  });
  return spans.length ? (rank) => spans.some(([from, to]) => rank >= from && rank <= to) : null;
}
