/**
 * One picture: uPlot gives axes, cursor and selection; the lines, marks and flags are ours.
 *
 * uPlot's own data are two empty points, the ends of the view; `paths` draws from the planes of the series instead.
 */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Axis } from "../axis";
import { hours, ticks } from "../format";
import { DASHES, ink } from "./ink";
import { type Mark, marks } from "./marks";
import { trace } from "./path";
import { extent, linear, logarithmic, padded } from "./scale";
import type { Series } from "./series";

export interface Line {
  name: string;
  /** Index of `ink().lines` and of `DASHES`. */
  colour: number;
  dash: number;
  series: Series | null;
}

/** Something that happened at a step: an alert. */
export interface Flag {
  step: number;
  severity: string;
  title: string;
}

export interface Picture {
  lines: Line[];
  /** The steps at the left and right edge. */
  view: [number, number];
  log: boolean;
  flags: Flag[];
}

export interface Gestures {
  zoom(lo: number, hi: number): void;
  /** One step out. */
  out(): void;
  /** The pointer or the keys moved to a step; null: they left. */
  hover(step: number | null): void;
}

const LINE_WIDTH = 1.4;
/** The pointer is at what is so many pixels away. */
const REACH = 6;
const MARK_SIZE = 4;
/** A logarithmic axis has no more labelled decades. */
const DECADES = 6;

/** 1, 2 and 5 times the powers of ten near the range: fewer than uPlot's own, and enough for any float64. */
function increments(_: uPlot, __: number, min: number, max: number): number[] {
  const top = Math.ceil(Math.log10(max - min));
  return Array.from({ length: 5 }, (_, i) => top - 4 + i).flatMap((e) => [1, 2, 5].map((m) => Number(`${m}e${e}`)));
}

const whole = (...args: Parameters<typeof increments>) => increments(...args).filter((step) => step >= 1);

const labels = (_: uPlot, values: (number | null)[], __: number, ___: number, increment: number) =>
  ticks(values, increment);

const steps = { incrs: whole, values: labels };

const times = (_: uPlot, values: (number | null)[], __: number, ___: number, increment: number) =>
  hours(values, increment);

/** Ticks of the x axis. */
const ALONG = { step: steps, time: { values: times }, metric: { incrs: increments, values: labels } };

const powers = (_: uPlot, values: (number | null)[]) =>
  values.map((value) => (value === null ? "" : ticks([value], value)[0]));

/** Ticks of a logarithmic axis: 1, 2 and 5 in few decades, else powers of ten, no more than have room. */
function decades(_: uPlot, __: number, min: number, max: number): number[] {
  const [low, high] = [Math.floor(Math.log10(min)), Math.ceil(Math.log10(max))];
  const stride = Math.ceil((high - low) / DECADES);
  const within = high - low <= 2 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let e = Math.ceil(low / stride) * stride; e <= high; e += stride)
    ticks.push(...within.map((digit) => Number(`${digit}e${e}`)));
  return ticks.filter((tick) => tick >= min && tick <= max);
}

export class Chart {
  private plot: uPlot | null = null;
  private picture: Picture | null = null;
  private alone: [number, number][][] = [];
  private dots: HTMLElement[] = [];
  private marks: { mark: Mark; line: Line }[] = [];
  private following = false;
  private readonly sizes: ResizeObserver;

  constructor(
    private readonly host: HTMLElement,
    private readonly across: Axis,
    private readonly gestures: Gestures,
  ) {
    this.sizes = new ResizeObserver(() => {
      this.plot?.setSize({ width: host.clientWidth, height: host.clientHeight });
    });
    this.sizes.observe(host);
    host.addEventListener("keydown", this.key);
  }

  /** Device pixels in which the columns are seen. */
  get width(): number {
    return (this.plot?.over ?? this.host).clientWidth * devicePixelRatio;
  }

  /** How many steps away is still under the pointer. */
  get reach(): number {
    const [lo, hi] = this.picture?.view ?? [0, 0];
    return ((hi - lo) / Math.max(1, this.width)) * REACH * devicePixelRatio;
  }

  show(picture: Picture): void {
    const before = this.picture;
    this.picture = picture;
    if (!this.plot || before?.log !== picture.log || before.lines.length !== picture.lines.length) this.build();
    const plot = this.plot as uPlot;
    const [lo, hi] = picture.view;
    const all = picture.lines.flatMap((line) => line.series ?? []);
    const range = extent(all, lo, hi, picture.log);
    const [min, max] = picture.log ? uPlot.rangeLog(...(range ?? [0.1, 1]), 10, false) : padded(range ?? [0, 1]);
    // Setting x makes uPlot build all paths anew.
    plot.batch(() => {
      plot.setData([[lo, hi], ...picture.lines.map(() => [null, null])], false);
      plot.setScale("x", { min: lo, max: hi });
      plot.setScale("y", { min: min as number, max: max as number });
    });
  }

  /** Put the cursor where another chart has it. */
  follow(step: number | null): void {
    if (!this.plot || !this.picture) return;
    this.following = true;
    const [lo, hi] = this.picture.view;
    const inside = step !== null && step >= lo && step <= hi;
    this.plot.setCursor({ left: inside ? this.plot.valToPos(step, "x") : -10, top: inside ? 0 : -10 }, true);
    this.following = false;
  }

  /** Put a dot on each line: (step, value) of each, null where it has none there. */
  dot(points: ([number, number] | null)[]): void {
    const { plot, picture } = this;
    if (!plot || !picture) return;
    while (this.dots.length < points.length) {
      const dot = document.createElement("div");
      plot.over.append(dot);
      this.dots.push(dot);
    }
    this.dots.forEach((dot, index) => {
      const point = points[index];
      const top = point ? plot.valToPos(point[1], "y") : Number.NaN;
      dot.className = `dot line${picture.lines[index]?.colour ?? 0}`;
      dot.hidden = !(top >= -1 && top <= plot.over.clientHeight + 1);
      if (point && !dot.hidden) dot.style.transform = `translate(${plot.valToPos(point[0], "x")}px,${top}px)`;
    });
  }

  /** The marks and flags within a few pixels of a step. */
  near(step: number): { marks: { mark: Mark; line: Line }[]; flags: Flag[] } {
    const { plot, picture } = this;
    if (!plot || !picture) return { marks: [], flags: [] };
    const left = plot.valToPos(step, "x", true);
    const reach = REACH * uPlot.pxRatio;
    return {
      marks: this.marks.filter(({ mark }) => left >= mark.from - reach && left <= mark.to + reach),
      flags: picture.flags.filter((flag) => Math.abs(plot.valToPos(flag.step, "x", true) - left) <= reach),
    };
  }

  redraw(): void {
    this.plot?.redraw(false, true);
  }

  destroy(): void {
    this.sizes.disconnect();
    this.host.removeEventListener("keydown", this.key);
    this.plot?.destroy();
  }

  private build(): void {
    this.plot?.destroy();
    this.dots = [];
    const { lines, log } = this.picture as Picture;
    const axis = {
      stroke: () => ink().text,
      font: "11px system-ui, sans-serif",
      ticks: { show: false },
      grid: { stroke: () => ink().grid, width: 1 },
    };
    this.plot = new uPlot(
      {
        width: this.host.clientWidth,
        height: this.host.clientHeight,
        ms: 1,
        pxAlign: 0,
        padding: [8, 10, 0, 0],
        legend: { show: false },
        scales: {
          x: { time: this.across.name === "time", range: (_, min, max) => [min, max] },
          y: { auto: false, distr: log ? 3 : 1, range: (_, min, max) => [min, max] },
        },
        axes: [
          { ...axis, size: 24, gap: 4, space: 64, ...ALONG[this.across.kind] },
          log
            ? {
                ...axis,
                size: 52,
                gap: 6,
                // Not used by `decades`, but uPlot hides an axis for which none fits.
                incrs: (_, __, min, max) => [Number(`1e${Math.ceil(Math.log10(max - min))}`)],
                splits: decades,
                filter: (_, splits) => splits,
                values: powers,
              }
            : { ...axis, size: 52, gap: 6, space: 32, incrs: increments, values: labels },
        ],
        series: [
          {},
          ...lines.map((_, index) => ({
            width: LINE_WIDTH,
            stroke: () => ink().lines[this.line(index).colour],
            dash: DASHES[this.line(index).dash],
            points: { show: false },
            paths: (plot: uPlot) => this.path(plot, index),
          })),
        ],
        cursor: {
          y: false,
          points: { show: false },
          drag: { x: true, y: false, setScale: false, dist: 4 },
          bind: {
            dblclick: () => () => {
              this.gestures.out();
              return null;
            },
          },
        },
        hooks: {
          draw: [(plot) => this.decorate(plot)],
          setCursor: [
            (plot) => {
              if (this.following) return;
              const { left } = plot.cursor;
              this.gestures.hover(left === undefined || left < 0 ? null : plot.posToVal(left, "x"));
            },
          ],
          setSelect: [
            (plot) => {
              const { left, width } = plot.select;
              if (width < 4) return;
              plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              this.gestures.zoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
            },
          ],
        },
      },
      [[], ...lines.map(() => [])],
      this.host,
    );
  }

  private line(index: number): Line {
    return (this.picture as Picture).lines[index];
  }

  private path(plot: uPlot, index: number): uPlot.Series.Paths {
    const { left, top, width, height } = plot.bbox;
    const { x, y } = plot.scales;
    const stroke = new Path2D();
    const { series } = this.line(index);
    const across = linear(x.min as number, x.max as number, left, left + width);
    const up = (this.picture as Picture).log ? logarithmic : linear;
    this.alone[index] = series
      ? trace(series, across, up(y.min as number, y.max as number, top + height, top), stroke)
      : [];
    return { stroke };
  }

  /** Draw, over the lines, the points that stand alone, the marks of values that no line can show, and the flags. */
  private decorate(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const { lines, flags } = this.picture as Picture;
    const ratio = uPlot.pxRatio;
    const [left, right] = [bbox.left, bbox.left + bbox.width];
    const [top, bottom] = [bbox.top, bbox.top + bbox.height];
    const across = linear(plot.scales.x.min as number, plot.scales.x.max as number, left, right);
    const size = MARK_SIZE * ratio;
    const colours = ink();
    ctx.save();

    lines.forEach((line, index) => {
      ctx.fillStyle = colours.lines[line.colour];
      for (const [x, y] of this.alone[index] ?? []) {
        if (x < left - 1 || x > right + 1 || y < top - 1 || y > bottom + 1) continue;
        ctx.beginPath();
        ctx.arc(x, y, 2.4 * ratio, 0, 2 * Math.PI);
        ctx.fill();
      }
    });

    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    for (const flag of flags) {
      const x = across(flag.step);
      if (x < left - 1 || x > right + 1) continue;
      ctx.strokeStyle = ctx.fillStyle =
        { critical: colours.bad, warning: colours.warning }[flag.severity] ?? colours.info;
      ctx.beginPath();
      ctx.moveTo(x, top);
      ctx.lineTo(x, bottom);
      ctx.stroke();
      ctx.beginPath();
      ctx.moveTo(x, top - 5 * ratio);
      ctx.lineTo(x + 8 * ratio, top - 1.5 * ratio);
      ctx.lineTo(x, top + 2 * ratio);
      ctx.fill();
    }

    // NaN stands on the lower edge, +Inf beyond the upper, -Inf beyond the lower; a strip says how far they reach.
    this.marks = lines.flatMap((line) =>
      line.series ? marks(line.series, across, 2.5 * size).map((mark) => ({ mark, line })) : [],
    );
    ctx.fillStyle = colours.bad;
    for (const { mark } of this.marks) {
      if (mark.to < left - 1 || mark.from > right + 1) continue;
      const [from, to] = [Math.max(mark.from, left), Math.min(mark.to, right)];
      const edge = mark.kind === "pos_inf" ? top : bottom;
      const point = mark.kind === "neg_inf" ? 1 : -1;
      const base = mark.kind === "pos_inf" ? edge + 2 * size : mark.kind === "neg_inf" ? edge - 2 * size : edge;
      if (to - from > size) ctx.fillRect(from, base - (point < 0 ? 2 * ratio : 0), to - from, 2 * ratio);
      if (mark.from < left - 1) continue;
      ctx.beginPath();
      ctx.moveTo(from - size, base);
      ctx.lineTo(from + size, base);
      ctx.lineTo(from, base + 2 * size * point);
      ctx.fill();
    }
    ctx.restore();
  }

  private key = (event: KeyboardEvent): void => {
    const { plot, picture } = this;
    if (!plot || !picture || event.ctrlKey || event.metaKey || event.altKey) return;
    const [lo, hi] = picture.view;
    const wide = plot.over.clientWidth;
    const now = plot.cursor.left !== undefined && plot.cursor.left >= 0 ? plot.cursor.left : wide / 2;
    const stride = event.shiftKey ? 40 : 4;
    const middle = plot.posToVal(now, "x");
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const left = Math.min(wide, Math.max(0, now + (event.key === "ArrowLeft" ? -stride : stride)));
      plot.setCursor({ left, top: 0 }, true);
    } else if (event.key === "+" || event.key === "=") {
      this.gestures.zoom(middle - (middle - lo) / 2, middle + (hi - middle) / 2);
    } else if (event.key === "-") {
      this.gestures.out();
    } else return;
    event.preventDefault();
  };
}
