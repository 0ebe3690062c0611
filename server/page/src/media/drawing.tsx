/** Small drawings: lines, points and bars over two axes. */

import { integer, number, ticks } from "../format";
import { span } from "./scale";

const WIDTH = 440;
const HEIGHT = 220;
const LEFT = 48;
const BOTTOM = 30;
const TOP = 8;
const RIGHT = 8;

/** Points of one name, in the order in which they are joined. */
export interface Curve {
  name: string;
  x: number[];
  y: number[];
}

/** From `from` to `to`, as high as `size`. */
export interface Bar {
  from: number;
  to: number;
  size: number;
  label: string;
}

export function Curves({ curves, joined, x, y }: { curves: Curve[]; joined: boolean; x: string; y: string }) {
  const across = span(curves.flatMap((curve) => curve.x));
  const up = span(curves.flatMap((curve) => curve.y));
  const at = (curve: Curve, index: number): [number, number] => [
    place(curve.x[index] as number, across, LEFT, WIDTH - RIGHT),
    place(curve.y[index] as number, up, HEIGHT - BOTTOM, TOP),
  ];
  return (
    <>
      <Frame across={across} up={up} x={x} y={y}>
        {curves.map((curve, number) => {
          const points = curve.x.map((_, index) => at(curve, index)).filter((point) => point.every(Number.isFinite));
          return joined ? (
            <polyline
              key={curve.name}
              class={`curve line${number % 8}`}
              points={points.map((point) => point.map((one) => one.toFixed(1)).join(",")).join(" ")}
            />
          ) : (
            <g key={curve.name} class={`mark line${number % 8}`}>
              {points.map(([cx, cy], index) => (
                <circle key={index} cx={cx.toFixed(1)} cy={cy.toFixed(1)} r="2" />
              ))}
            </g>
          );
        })}
      </Frame>
      {curves.length > 1 && (
        <div class="layers">
          {curves.map((curve, number) => (
            <span key={curve.name}>
              <span class={`swatch line${number % 8}`} aria-hidden="true" />
              {curve.name}
            </span>
          ))}
        </div>
      )}
    </>
  );
}

export function Bars({ bars, x, y, named }: { bars: Bar[]; x: string; y: string; named?: boolean }) {
  const across = span(
    bars.flatMap((bar) => [bar.from, bar.to]),
    false,
  );
  const up = span([0, ...bars.map((bar) => bar.size)], false);
  const floor = place(0, up, HEIGHT - BOTTOM, TOP);
  return (
    <Frame across={across} up={up} x={x} y={y} named={named ? bars : undefined}>
      <g class="mark line0">
        {bars.map((bar, index) => {
          const [left, right] = [bar.from, bar.to].map((one) => place(one, across, LEFT, WIDTH - RIGHT)) as [
            number,
            number,
          ];
          const top = place(bar.size, up, HEIGHT - BOTTOM, TOP);
          return (
            <rect
              key={index}
              x={left}
              y={Math.min(top, floor)}
              width={Math.max(right - left - 0.5, 0.5)}
              height={Math.abs(floor - top)}
            >
              <title>{`${bar.label}: ${number(bar.size)}`}</title>
            </rect>
          );
        })}
      </g>
    </Frame>
  );
}

/** Counts by row and column, the more the stronger. */
export function Matrix(props: { rows: string[]; columns: string[]; counts: number[][]; x: string; y: string }) {
  const { rows, columns, counts } = props;
  const most = Math.max(1, ...counts.flat());
  const side = Math.min(48, 360 / Math.max(columns.length, 1));
  const [width, height] = [LEFT + 30 + side * columns.length, BOTTOM + 10 + side * rows.length];
  return (
    <svg class="drawing" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${props.y} by ${props.x}`}>
      {counts.map((row, down) =>
        row.map((count, right) => (
          <g key={`${down}/${right}`} class="cell line0">
            <rect
              class="mark"
              x={LEFT + 20 + side * right}
              y={side * down}
              width={side - 1}
              height={side - 1}
              fill-opacity={0.08 + (0.7 * count) / most}
            >
              <title>{`${rows[down]} → ${columns[right]}: ${integer(count)}`}</title>
            </rect>
            {side >= 24 && (
              <text x={LEFT + 20 + side * (right + 0.5)} y={side * (down + 0.5) + 3} text-anchor="middle">
                {integer(count)}
              </text>
            )}
          </g>
        )),
      )}
      {side >= 12 &&
        rows.map((name, down) => (
          <text key={name} x={LEFT + 16} y={side * (down + 0.5) + 3} text-anchor="end">
            {cut(name, 10)}
          </text>
        ))}
      {side >= 24 &&
        columns.map((name, right) => (
          <text key={name} x={LEFT + 20 + side * (right + 0.5)} y={side * rows.length + 12} text-anchor="middle">
            {cut(name, side / 6)}
          </text>
        ))}
      <text x={width / 2} y={height - 4} text-anchor="middle">
        {`${props.y} → ${props.x}`}
      </text>
    </svg>
  );
}

function Frame(props: {
  across: Span;
  up: Span;
  x: string;
  y: string;
  named?: Bar[];
  children: preact.ComponentChildren;
}) {
  const { across, up, named } = props;
  const right = ticks(across.ticks, across.step);
  const high = ticks(up.ticks, up.step);
  return (
    <svg class="drawing" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${props.y} over ${props.x}`}>
      {up.ticks.map((value, index) => {
        const at = place(value, up, HEIGHT - BOTTOM, TOP);
        return (
          <g key={value}>
            <line class="axis" x1={LEFT} x2={WIDTH - RIGHT} y1={at} y2={at} />
            <text x={LEFT - 5} y={at + 3} text-anchor="end">
              {high[index]}
            </text>
          </g>
        );
      })}
      {named
        ? named.map((bar, index) => (
            <text
              key={index}
              x={place((bar.from + bar.to) / 2, across, LEFT, WIDTH - RIGHT)}
              y={HEIGHT - BOTTOM + 12}
              text-anchor="middle"
            >
              {cut(bar.label, 60 / named.length)}
            </text>
          ))
        : across.ticks.map((value, index) => (
            <text
              key={value}
              x={place(value, across, LEFT, WIDTH - RIGHT)}
              y={HEIGHT - BOTTOM + 12}
              text-anchor="middle"
            >
              {right[index]}
            </text>
          ))}
      <text x={(LEFT + WIDTH) / 2} y={HEIGHT - 4} text-anchor="middle">
        {props.x}
      </text>
      {props.children}
    </svg>
  );
}

type Span = ReturnType<typeof span>;

function place(value: number, { low, high }: Span, from: number, to: number): number {
  return from + ((value - low) / (high - low)) * (to - from);
}

function cut(text: string, size: number): string {
  return text.length > size + 1 ? `${text.slice(0, Math.max(1, Math.floor(size)))}…` : text;
}
