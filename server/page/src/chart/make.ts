/** For the tests: the columns of points, by the definition and nothing clever. */

import type { Planes, Series } from "./series";

const NAMES: (keyof Planes)[] = [
  "column",
  "count",
  "nan",
  "pos_inf",
  "neg_inf",
  "first",
  "first_step",
  "last",
  "last_step",
  "min",
  "min_step",
  "max",
  "max_step",
  "sum",
];

export type Point = [step: number, value: number];

export function columns(points: Point[], level: number): Series {
  const width = 2 ** level;
  const groups = new Map<number, Point[]>();
  for (const point of points) {
    const column = Math.floor(point[0] / width);
    groups.set(column, [...(groups.get(column) ?? []), point]);
  }
  const rows = [...groups].map(([column, all]) => {
    const finite = all.filter(([, value]) => Number.isFinite(value));
    const of = (test: (value: number) => boolean) => all.filter(([, value]) => test(value)).length;
    const counts = [
      column,
      all.length,
      of(Number.isNaN),
      of((value) => value === Number.POSITIVE_INFINITY),
      of((value) => value === Number.NEGATIVE_INFINITY),
    ];
    if (finite.length === 0) return [...counts, ...new Array<number>(9).fill(Number.NaN)];
    const least = finite.reduce((best, point) => (point[1] < best[1] ? point : best));
    const most = finite.reduce((best, point) => (point[1] > best[1] ? point : best));
    const [first, last] = [finite[0], finite[finite.length - 1]];
    const sum = finite.reduce((total, [, value]) => total + value, 0);
    return [...counts, first[1], first[0], last[1], last[0], least[1], least[0], most[1], most[0], sum];
  });
  const planes = Object.fromEntries(NAMES.map((name, index) => [name, Float64Array.from(rows, (row) => row[index])]));
  const bad = points.find(([, value]) => !Number.isFinite(value));
  const kind = bad && (Number.isNaN(bad[1]) ? "nan" : bad[1] > 0 ? "+inf" : "-inf");
  return {
    run: "run",
    metric: "loss",
    rank: 0,
    level,
    n: rows.length,
    points: points.length,
    last_step: points.at(-1)?.[0] ?? null,
    first_nonfinite: bad && kind ? { step: bad[0], kind } : null,
    exact: true,
    planes: planes as unknown as Planes,
  };
}

/** The reply that carries these series. */
export function encode(all: Series[]): ArrayBuffer {
  const header = (start: number) => {
    let offset = start;
    const series = all.map(({ planes: _, ...item }) => {
      const at = offset;
      offset += item.n * NAMES.length * 8;
      return { ...item, offset: at };
    });
    return new TextEncoder().encode(JSON.stringify({ planes: NAMES, series }));
  };
  const start = 8 + Math.ceil((header(1e9).length + 8) / 8) * 8;
  const text = header(start);
  const total = all.reduce((sum, item) => sum + item.n * NAMES.length * 8, start);
  const reply = new ArrayBuffer(total);
  const view = new DataView(reply);
  new Uint8Array(reply).set(new TextEncoder().encode("RWS1"));
  view.setUint32(4, text.length, true);
  new Uint8Array(reply, 8).set(text);
  let at = start;
  for (const { n, planes } of all)
    for (const name of NAMES) {
      new Float64Array(reply, at, n).set(planes[name]);
      at += n * 8;
    }
  return reply;
}
