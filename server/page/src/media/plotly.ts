/** What of Plotly's figures can be drawn: traces of lines, points and bars. */

import type { Bar, Curve } from "./drawing";

export interface Figure {
  data?: Trace[];
}

interface Trace {
  type?: string;
  mode?: string;
  name?: string;
  x?: unknown;
  y?: unknown;
}

const TYPES: Record<string, (data: ArrayBuffer) => ArrayLike<number>> = {
  f8: (data) => new Float64Array(data),
  f4: (data) => new Float32Array(data),
  i4: (data) => new Int32Array(data),
  u4: (data) => new Uint32Array(data),
  i2: (data) => new Int16Array(data),
  u2: (data) => new Uint16Array(data),
  i1: (data) => new Int8Array(data),
  u1: (data) => new Uint8Array(data),
};

/** `left` counts the traces that are of another kind. */
export function read(figure: Figure): { lines: Curve[]; points: Curve[]; bars: Bar[][]; left: number } {
  const found = { lines: [] as Curve[], points: [] as Curve[], bars: [] as Bar[][], left: 0 };
  (figure.data ?? []).forEach((trace, number) => {
    const y = list(trace.y);
    const x = trace.x === undefined ? y.map((_, index) => index) : list(trace.x);
    const kind = trace.type ?? "scatter";
    if (kind === "bar") {
      found.bars.push(
        x.map((label, at) => ({ from: at + 0.1, to: at + 0.9, size: Number(y[at]), label: String(label) })),
      );
    } else if ((kind === "scatter" || kind === "scattergl") && x.every((one) => typeof one === "number")) {
      const curve = { name: trace.name ?? `trace ${number}`, x: x as number[], y: y.map(numeric) };
      (trace.mode === "markers" ? found.points : found.lines).push(curve);
    } else {
      found.left += 1;
    }
  });
  return found;
}

/** An array as it is, or as Plotly writes those of numpy: the type of its numbers, and their bytes in base 64. */
function list(told: unknown): unknown[] {
  if (Array.isArray(told)) return told;
  const { dtype, bdata } = (told ?? {}) as { dtype?: string; bdata?: string };
  const type = TYPES[dtype ?? ""];
  if (!type || typeof bdata !== "string") return [];
  const text = atob(bdata);
  return Array.from(type(Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer));
}

function numeric(value: unknown): number {
  return typeof value === "number" ? value : Number.NaN;
}
