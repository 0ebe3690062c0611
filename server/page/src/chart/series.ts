/**
 * The binary reply of `POST /api/series`: one series' columns as planes of float64 that are views of the reply.
 *
 * A column holds the steps from `column * 2^level` up to, and without, `(column + 1) * 2^level`.
 */

const MAGIC = 0x31535752; // "RWS1", little-endian

export interface Planes {
  column: Float64Array;
  count: Float64Array;
  nan: Float64Array;
  pos_inf: Float64Array;
  neg_inf: Float64Array;
  first: Float64Array;
  first_step: Float64Array;
  last: Float64Array;
  last_step: Float64Array;
  min: Float64Array;
  min_step: Float64Array;
  max: Float64Array;
  max_step: Float64Array;
  sum: Float64Array;
}

export interface Want {
  run: string;
  metric: string;
  rank: number;
}

export interface Series extends Want {
  /** log2 of a column's width in steps. */
  level: number;
  /** Its width along the axis, where that is another metric's: then `column` and all steps are its values. */
  width?: number;
  /** How many columns. */
  n: number;
  /** How many points the columns stand for, non-finite ones included. */
  points: number;
  last_step: number | null;
  first_nonfinite: { step: number; kind: "nan" | "+inf" | "-inf" } | null;
  exact: boolean;
  planes: Planes;
}

interface Header {
  planes: (keyof Planes)[];
  series: (Omit<Series, "planes"> & { offset: number })[];
}

export function key(want: Want): string {
  return `${want.run}\n${want.rank}\n${want.metric}`;
}

/** Read a reply; throws an `Error` if it is none. */
export function decode(reply: ArrayBuffer): Series[] {
  const view = new DataView(reply);
  if (reply.byteLength < 8 || view.getUint32(0, true) !== MAGIC) throw new Error("the reply is not of the kind RWS1");
  const size = view.getUint32(4, true);
  const header: Header = JSON.parse(new TextDecoder().decode(new Uint8Array(reply, 8, size)));
  return header.series.map(({ offset, ...series }) => {
    const plane = (index: number) => new Float64Array(reply, offset + index * series.n * 8, series.n);
    const planes = Object.fromEntries(header.planes.map((name, index) => [name, plane(index)]));
    return { ...series, planes: planes as unknown as Planes };
  });
}
