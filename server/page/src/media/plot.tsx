/** Plots of tables, histograms and Plotly's figures, as drawings. */

import { useEffect, useState } from "preact/hooks";
import * as api from "../api";
import { isNonFinite, type Num, toNumber } from "../format";
import { Failure } from "../parts";
import { type Bar, Bars, type Curve, Curves, Matrix } from "./drawing";
import { type Figure, read } from "./plotly";
import { RETRY } from "./retry";
import { bins } from "./scale";

/** A plot draws so many rows of its table at most. */
const ROWS = 10_000;

export function Histogram({ data }: { data: Record<string, unknown> }) {
  const edges = (data.bins as Num[]).map(toNumber);
  const counts = (data.counts as Num[]).map(toNumber);
  const odd = Number(data.nonfinite ?? 0);
  return (
    <>
      <Bars bars={between(edges, counts)} x="value" y="count" />
      {odd > 0 && <p class="bad">{odd} not finite</p>}
    </>
  );
}

export function Plot({ run, rank, item }: { run: string; rank: number; item: api.Shown }) {
  const { data, step } = item;
  const name = String(data.table);
  const { found, error } = useLoaded(
    (signal) => api.wholeTable(run, { name, rank, step }, ROWS, signal),
    `${name} ${rank} ${step} ${item.ts}`,
  );
  if (error) return <Failure error={error} />;
  if (!found) return <p class="waiting">Loading…</p>;
  const column = (key: string) => {
    const at = found.columns.indexOf(String(data[key]));
    return found.cells.map((row) => row[at]);
  };
  const [x, y] = [String(data.x ?? ""), String(data.y ?? "")];
  const bars = () => column("y").map((size, index) => bar(column("x")[index], size, index));
  switch (data.type) {
    case "line":
    case "scatter":
      return (
        <Curves
          curves={curves(column("x"), column("y"), data.group ? column("group") : null)}
          joined={data.type === "line"}
          x={x}
          y={y}
        />
      );
    case "bar":
      return <Bars bars={bars()} x={x} y={y} named />;
    case "histogram": {
      const { edges, counts } = bins(column("x").map(value));
      return <Bars bars={between(edges, counts)} x={x} y="count" />;
    }
    case "confusion":
      return <Confusion actual={column("y")} predicted={column("x")} counts={column("value")} />;
    default:
      return <p class="quiet">A plot of a kind that this page does not know.</p>;
  }
}

/** What of a figure are lines, points and bars; all of it is in its file. */
export function Plotly({ item }: { item: api.Shown }) {
  const address = api.file(item.digest, item.format);
  const { found, error } = useLoaded((signal) => api.json<Figure>(address, signal), address);
  if (error) return <Failure error={error} />;
  if (!found) return <p class="waiting">Loading…</p>;
  const { lines, points, bars, left } = read(found);
  return (
    <>
      {lines.length > 0 && <Curves curves={lines} joined x="x" y="y" />}
      {points.length > 0 && <Curves curves={points} joined={false} x="x" y="y" />}
      {bars.map((some, index) => (
        <Bars key={index} bars={some} x="x" y="y" named />
      ))}
      <a href={address} download={`figure-${item.digest.slice(0, 8)}.json`}>
        Plotly JSON
      </a>
      {left > 0 && <span class="quiet"> {left} traces of other kinds are not drawn here</span>}
    </>
  );
}

function Confusion({ actual, predicted, counts }: { actual: unknown[]; predicted: unknown[]; counts: unknown[] }) {
  const names = [...new Set([...actual, ...predicted].map(String))];
  const places = new Map(names.map((name, index) => [name, index]));
  const matrix = names.map(() => names.map(() => 0));
  actual.forEach((name, index) => {
    const row = matrix[places.get(String(name)) as number] as number[];
    row[places.get(String(predicted[index])) as number] = value(counts[index]);
  });
  return <Matrix rows={names} columns={names} counts={matrix} x="predicted" y="actual" />;
}

function curves(x: unknown[], y: unknown[], group: unknown[] | null): Curve[] {
  const found = new Map<string, Curve>();
  x.forEach((one, index) => {
    const name = group ? String(group[index]) : "";
    const curve = found.get(name) ?? { name, x: [], y: [] };
    found.set(name, curve);
    curve.x.push(value(one));
    curve.y.push(value(y[index]));
  });
  return [...found.values()];
}

function between(edges: number[], counts: number[]): Bar[] {
  return counts.map((size, index) => {
    const [from, to] = [edges[index] as number, edges[index + 1] as number];
    return { from, to, size, label: `${Number(from.toPrecision(4))} to ${Number(to.toPrecision(4))}` };
  });
}

export function bar(label: unknown, size: unknown, index: number): Bar {
  return { from: index + 0.1, to: index + 0.9, size: value(size), label: String(label) };
}

function value(cell: unknown): number {
  return typeof cell === "number" || isNonFinite(cell) ? toNumber(cell as Num) : Number.NaN;
}

/** What is loaded, and again while it has not arrived yet. */
function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, what: string) {
  const [found, setFound] = useState<T | null>(null);
  const [error, setError] = useState<api.ApiError | null>(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    setError(null);
    load(stop.signal).then(setFound, (reason) => {
      if (stop.signal.aborted || !(reason instanceof api.ApiError)) return;
      setError(reason);
      if (reason.status === 404) timer = window.setTimeout(() => setTries(tries + 1), RETRY);
    });
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [what, tries]);
  return { found, error };
}
