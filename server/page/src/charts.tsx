/** The charts of one or more runs: one a metric, in sections by prefix, mounted only near the screen. */

import { effect, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Metric } from "./api";
import * as api from "./api";
import { type Axis, along } from "./axis";
import { Board, type Member, type View } from "./chart/board";
import { Chart, type Flag, type Line } from "./chart/chart";
import { type Reading, reading } from "./chart/hover";
import { tally } from "./chart/marks";
import { key, type Want } from "./chart/series";
import type { Pen } from "./colour";
import { duration, integer, number, plural, toNumber } from "./format";
import { now } from "./live";
import { Empty, Failure, Search } from "./parts";
import { param, set } from "./place";
import { colours } from "./theme";

export interface Source {
  run: string;
  running: boolean;
  metrics: Metric[];
  /** The ranks to draw, of those that a metric has, and what their lines look like and are called. */
  ranks: (metric: Metric) => number[];
  pen: (rank: number) => Pen;
  name: (rank: number) => string;
}

interface Props {
  axis: Axis;
  /** A heading, instead of the bar that all charts of a page share; without curves there is then nothing at all. */
  title?: string;
  /** Their metrics are drawn that lie over this axis. */
  sources: Source[];
  flags: (metric: string) => Flag[];
  /** When the metrics were last heard of (ms since the epoch). */
  heard: number;
  controls?: preact.ComponentChildren;
}

interface Spec {
  metric: string;
  lines: (Want & { name: string; pen: Pen; last: Metric })[];
}

const TIP_LINES = 10;

export function Charts({ axis, title, sources: all, flags, heard, controls }: Props) {
  const sources = all.map((source) => ({ ...source, metrics: along(axis, source.metrics) }));
  const error = useSignal<Error | null>(null);
  const board = useMemo(
    () =>
      new Board(
        async (query, signal) => {
          const reply = await (axis.kind === "metric"
            ? api.against(query, axis.name, signal)
            : api.series(query, signal));
          error.value = null;
          return reply;
        },
        ({ lo, hi }) => set({ [axis.lo]: lo === null ? "" : String(lo), [axis.hi]: hi === null ? "" : String(hi) }),
        (reason) => {
          if (!api.unreachable.value) error.value = reason as Error;
        },
      ),
    [],
  );
  const view: View = { lo: step(param(axis.lo)), hi: step(param(axis.hi)) };
  useEffect(() => board.show(view), [view.lo, view.hi]);

  // What is told of a metric changes with each point: then, and only then, are its columns asked for again.
  const told = useRef(new Map<string, string>());
  useEffect(() => {
    const fresh = new Map<string, string>();
    for (const { run, metrics } of sources)
      for (const item of metrics) fresh.set(`${run}\n${item.metric}`, JSON.stringify(item));
    const before = told.current;
    told.current = fresh;
    board.touch(
      axis.kind === "metric" ? reached(axis.name, all) : whole(sources),
      ({ run, metric }) => before.get(`${run}\n${metric}`) !== fresh.get(`${run}\n${metric}`),
    );
  }, [heard]);

  useEffect(
    () =>
      effect(() => {
        if (colours.value) board.redraw();
      }),
    [board],
  );

  const filter = param("m");
  const [test, invalid] = matcher(filter);
  const sections = grouped(sources, test, filter !== "");
  const log = param("y") === "log";
  const folded = new Set(param("fold").split(",").filter(Boolean));
  const fold = (name: string) => {
    if (!folded.delete(name)) folded.add(name);
    set({ fold: [...folded].join(",") }, { replace: true });
  };
  const total = sources.some(({ metrics }) => metrics.length > 0);
  const chip = (view.lo !== null || view.hi !== null) && (
    <span class="chip">
      {axis.span(edge(axis, view.lo), edge(axis, view.hi), "–")}
      <button
        type="button"
        aria-label={`Show every ${axis.name}`}
        title={`Show every ${axis.name}`}
        onClick={() => set({ [axis.lo]: "", [axis.hi]: "" })}
      >
        ×
      </button>
    </span>
  );
  if (title && sections.length === 0) return null;
  return (
    <section class="charts" aria-label={title ?? "Charts"}>
      {title ? (
        <div class="bar">
          <h2>{title}</h2>
          {chip}
        </div>
      ) : (
        <div class="bar sticky">
          <Search
            label="Metrics, as text or /regex/"
            value={filter}
            invalid={invalid}
            change={(m) => set({ m }, { replace: true })}
          />
          <fieldset class="switch">
            <legend class="hidden">y axis</legend>
            {["linear", "log"].map((name) => (
              <button
                key={name}
                type="button"
                aria-pressed={log === (name === "log")}
                onClick={() => set({ y: name === "log" ? name : "" })}
              >
                {name}
              </button>
            ))}
          </fieldset>
          {controls}
          {chip}
        </div>
      )}
      {error.value && <Failure error={error.value} />}
      {!total && (
        <Empty title="Nothing logged yet">
          <p>Curves appear here as soon as the run logs a number:</p>
          <pre>{'run.log({"loss": loss}, step=step)'}</pre>
        </Empty>
      )}
      {total && sections.length === 0 && (
        <Empty title="No metric matches">
          <button type="button" onClick={() => set({ m: "" })}>
            Clear the filter
          </button>
        </Empty>
      )}
      {sections.map(([name, specs]) => (
        <section key={name}>
          <h2 class="section">
            <button type="button" aria-expanded={!folded.has(name)} onClick={() => fold(name)}>
              <span class="turn" aria-hidden="true" />
              {name} <span class="quiet">{specs.length}</span>
            </button>
          </h2>
          {!folded.has(name) && (
            <div class="grid">
              {specs.map((spec) => (
                <Card
                  key={spec.metric}
                  axis={axis}
                  board={board}
                  spec={spec}
                  log={log}
                  flags={flags(spec.metric)}
                  running={sources.some((source) => source.running)}
                  heard={heard}
                />
              ))}
            </div>
          )}
        </section>
      ))}
    </section>
  );
}

interface CardProps {
  axis: Axis;
  board: Board;
  spec: Spec;
  log: boolean;
  flags: Flag[];
  running: boolean;
  heard: number;
}

function Card(props: CardProps) {
  const { axis, board, spec, log, flags } = props;
  const host = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLOutputElement>(null);
  const note = useRef<HTMLElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const near = useSignal(false);
  const member = useRef<Member | null>(null);

  useEffect(() => {
    const seen = new IntersectionObserver(([entry]) => (near.value = entry.isIntersecting), { rootMargin: "400px" });
    seen.observe(host.current as Element);
    return () => seen.disconnect();
  }, []);

  useEffect(() => {
    if (!near.value) return;
    const element = host.current as HTMLDivElement;
    const drawn = (): Line[] =>
      latest.current.spec.lines.map((line) => ({
        name: line.name,
        colour: line.pen.colour,
        dash: line.pen.dash,
        series: board.get(line)?.series ?? null,
      }));
    const read = (at: number | null, here: boolean) => {
      const lines = drawn();
      const found = at === null ? null : lines.map((line) => line.series && reading(line.series, at, chart.reach));
      chart.dot((found ?? []).map((item) => (item && Number.isFinite(item.value) ? [item.step, item.value] : null)));
      say(readout.current, found ? readoutAt(axis, lines, found) : resting(latest.current.spec));
      tell(
        tip.current,
        at !== null && here ? tipAt(axis, lines, found ?? [], chart.near(at)) : [],
        at ?? 0,
        board.window,
      );
    };
    const self: Member = {
      get wants() {
        return latest.current.spec.lines;
      },
      get width() {
        return chart.width;
      },
      draw() {
        const { log, flags } = latest.current;
        const lines = drawn();
        chart.show({ lines, view: board.window, log, flags });
        element.setAttribute("aria-label", spoken(axis, latest.current.spec.metric, lines, board.window));
        element.dataset.ready = String(lines.every((line) => line.series));
        footnote(note.current, board, latest.current);
        if (at === null) say(readout.current, resting(latest.current.spec));
        else read(at, over);
      },
      point: (step) => {
        at = step;
        over = false;
        chart.follow(step);
        read(step, false);
      },
    };
    let at: number | null = null;
    let over = false;
    const chart = new Chart(element, axis, {
      zoom: (lo, hi) => board.zoom(lo, hi),
      out: () => board.out(),
      hover: (step) => {
        at = step;
        over = step !== null;
        read(step, over);
        board.hover(step, self);
      },
    });
    member.current = self;
    const leave = board.join(self);
    const stop = effect(() => {
      if (now.value) footnote(note.current, board, latest.current);
    });
    return () => {
      stop();
      leave();
      chart.destroy();
      member.current = null;
    };
  }, [near.value, board, axis]);

  const told = JSON.stringify([log, flags, spec.lines.map((line) => [key(line), line.name, line.pen, line.last.last])]);
  useEffect(() => {
    member.current?.draw();
    board.refresh();
  }, [told]);

  return (
    <figure class="card">
      <figcaption>
        <h3 title={spec.metric}>{spec.metric}</h3>
        <output ref={readout} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move the cursor over the curve */}
      <div ref={host} class="plot" tabIndex={0} role="img" aria-label={spec.metric} data-metric={spec.metric} />
      <div ref={tip} class="tip" hidden />
      <small ref={note} class="note" />
    </figure>
  );
}

/** A piece of text and its class. */
type Piece = [text: string, kind?: string];

function say(element: HTMLElement | null, pieces: Piece[]): void {
  element?.replaceChildren(
    ...pieces.map(([text, kind]) => {
      const span = document.createElement("span");
      span.textContent = text;
      if (kind) span.className = kind;
      return span;
    }),
  );
}

function resting({ lines }: Spec): Piece[] {
  if (lines.length !== 1) return [];
  const value = toNumber(lines[0].last.last);
  return [[number(value), Number.isFinite(value) ? "" : "bad"]];
}

function readoutAt(axis: Axis, lines: Line[], found: (Reading | null)[]): Piece[] {
  const first = found.find((item) => item);
  if (!first) return [];
  const pieces: Piece[] = [[axis.at(first.step), "quiet"]];
  if (lines.length === 1) pieces.push(valued(first));
  return pieces;
}

function valued(item: Reading): Piece {
  if (!Number.isNaN(item.value)) return [number(item.value)];
  return [item.nan ? "NaN" : item.pos_inf ? "+∞" : "−∞", "bad"];
}

/** What the tip says: marks and flags under the pointer, then the lines, the greatest value first. */
function tipAt(axis: Axis, lines: Line[], found: (Reading | null)[], near: ReturnType<Chart["near"]>): Piece[][] {
  const rows: Piece[][] = [];
  for (const flag of near.flags) rows.push([[`⚑ ${flag.title}`, flag.severity === "critical" ? "bad" : ""]]);
  for (const { mark, line } of near.marks) {
    const kind = { nan: "NaN", pos_inf: "+∞", neg_inf: "−∞" }[mark.kind];
    const who = lines.length > 1 ? `${line.name}: ` : "";
    rows.push([[`▲ ${who}${integer(mark.count)} ${kind}, first at ${axis.at(mark.step)}`, "bad"]]);
  }
  const said = lines.flatMap((line, index) => {
    const item = found[index];
    return item ? [{ line, item }] : [];
  });
  if (lines.length === 1) {
    for (const { item } of said)
      if (item.count > 1 && item.min < item.max)
        rows.push([[`${number(item.min)} … ${number(item.max)} in ${plural(item.count, "point")}`]]);
    return rows;
  }
  const size = (item: Reading) => (Number.isNaN(item.value) ? Number.NEGATIVE_INFINITY : item.value);
  said.sort((a, b) => size(b.item) - size(a.item));
  for (const { line, item } of said.slice(0, TIP_LINES))
    rows.push([["", `swatch line${line.colour} dash${line.dash}`], [line.name, "who"], valued(item)]);
  if (said.length > TIP_LINES) rows.push([[`and ${said.length - TIP_LINES} more`, "quiet"]]);
  return rows;
}

/** The tip stands on the side where the pointer is not. */
function tell(element: HTMLElement | null, rows: Piece[][], at: number, [lo, hi]: [number, number]): void {
  if (!element) return;
  element.hidden = rows.length === 0;
  element.classList.toggle("left", at > (lo + hi) / 2);
  element.replaceChildren(
    ...rows.map((pieces) => {
      const row = document.createElement("div");
      say(row, pieces);
      return row;
    }),
  );
}

/** How exact, how complete and how fresh the picture is. */
function footnote(element: HTMLElement | null, board: Board, { axis, spec, running, heard }: CardProps): void {
  const all = spec.lines.flatMap((line) => board.get(line) ?? []);
  if (all.length < spec.lines.length) {
    say(element, [["loading…"]]);
    return;
  }
  const series = all.map((item) => item.series);
  const [lo, hi] = board.window;
  const count = tally(series, lo, hi);
  const level = Math.max(...series.map((item) => item.level));
  const last = Math.max(...series.map((item) => item.last_step ?? Number.NEGATIVE_INFINITY));
  const pieces: Piece[] = [
    [plural(count.count, "point")],
    [level === 0 ? "every one drawn" : `${axis.width(level)} a column`],
    series.every((item) => item.exact) ? ["exact"] : ["approximate", "bad"],
  ];
  for (const [kind, name] of [
    ["nan", "NaN"],
    ["pos_inf", "+∞"],
    ["neg_inf", "−∞"],
  ] as const)
    if (count[kind]) pieces.push([`${integer(count[kind])} ${name}`, "bad"]);
  if (Number.isFinite(last)) pieces.push([`to ${axis.at(last)}`]);
  if (running) pieces.push([`${duration((Date.now() - Math.min(heard, Date.now())) / 1000)} old`]);
  say(element, pieces);
}

/** The chart's facts for those who do not see it. */
function spoken(axis: Axis, metric: string, lines: Line[], [lo, hi]: [number, number]): string {
  const bad = tally(
    lines.flatMap((line) => line.series ?? []),
    lo,
    hi,
  );
  const count = bad.nan + bad.pos_inf + bad.neg_inf;
  const many = lines.length > 1 ? `, ${plural(lines.length, "line")}` : "";
  return `${metric}${many}, ${axis.span(axis.show(lo), axis.show(hi), "to")}${count ? `, ${plural(count, "value")} not finite` : ""}`;
}

function step(text: string): number | null {
  const value = Number(text);
  return text !== "" && Number.isSafeInteger(value) ? value : null;
}

function edge(axis: Axis, x: number | null): string {
  return x === null ? "…" : axis.show(x);
}

/** From the first step of all metrics to the last. */
function whole(sources: Source[]): [number, number] {
  const all = sources.flatMap(({ metrics }) => metrics);
  if (all.length === 0) return [0, 1];
  return [Math.min(...all.map((item) => item.first_step)), Math.max(...all.map((item) => item.last_step))];
}

/** From the least to the greatest value of a metric. */
function reached(metric: string, sources: Source[]): [number, number] {
  const all = sources.flatMap(({ metrics }) => metrics.filter((item) => item.metric === metric));
  const [min, max] = [all.flatMap((item) => item.min ?? []), all.flatMap((item) => item.max ?? [])];
  return min.length ? [Math.min(...min), Math.max(...max)] : [0, 1];
}

/** Text is looked for as it is; between slashes it is a regular expression. */
function matcher(text: string): [(metric: string) => boolean, string] {
  if (!text.startsWith("/")) return [(metric) => metric.toLowerCase().includes(text.toLowerCase()), ""];
  try {
    const expression = new RegExp(text.slice(1).replace(/\/$/, ""));
    return [(metric) => expression.test(metric), ""];
  } catch (error) {
    return [() => true, (error as Error).message];
  }
}

function grouped(sources: Source[], test: (metric: string) => boolean, hidden: boolean): [string, Spec[]][] {
  const specs = new Map<string, Spec>();
  for (const source of sources) {
    for (const item of source.metrics) {
      if (!test(item.metric) || (item.definition.hidden && !hidden)) continue;
      const spec = specs.get(item.metric) ?? { metric: item.metric, lines: [] };
      specs.set(item.metric, spec);
      for (const rank of source.ranks(item))
        spec.lines.push({
          run: source.run,
          metric: item.metric,
          rank,
          name: source.name(rank),
          pen: source.pen(rank),
          last: item,
        });
    }
  }
  const sections = new Map<string, Spec[]>();
  const order = new Intl.Collator("en", { numeric: true });
  for (const spec of [...specs.values()].sort((a, b) => order.compare(a.metric, b.metric))) {
    const cut = spec.metric.lastIndexOf("/");
    const name = cut > 0 ? spec.metric.slice(0, cut) : "metrics";
    sections.set(name, [...(sections.get(name) ?? []), spec]);
  }
  return [...sections].sort(([a], [b]) => order.compare(a, b));
}
