/**
 * What the charts of one page share: the view, the cursor, and one request for all that is seen.
 *
 * A chart that comes near the screen joins the board with the series it wants; the board asks for what is missing or
 * stale, one request at a time, and hands each chart its columns. New data change neither the view nor the cursor.
 */

import { key, type Series, type Want } from "./series";

export interface Query {
  series: Want[];
  lo: number | null;
  hi: number | null;
  columns: number;
}

export interface Member {
  readonly wants: Want[];
  /** Device pixels in which the columns are seen. */
  readonly width: number;
  /** The view or the data changed: draw. */
  draw(): void;
  /** The cursor is at this step, or nowhere. */
  point(step: number | null): void;
}

/** One view: null where it reaches as far as the data do. */
export interface View {
  lo: number | null;
  hi: number | null;
}

/** The server answers no more. */
export const COLUMNS_MAX = 4096;
const SERIES_MAX = 256;

export class Board {
  private readonly members = new Set<Member>();
  private readonly known = new Map<string, { series: Series; at: number }>();
  private readonly stale = new Set<string>();
  private view: View = { lo: null, hi: null };
  /** From the first step of all series to the last. */
  private whole: [number, number] = [0, 1];
  private trail: View[] = [];
  private flight: AbortController | null = null;
  private queued = false;

  constructor(
    private readonly ask: (query: Query, signal: AbortSignal) => Promise<Series[]>,
    /** The user changed the view. */
    private readonly moved: (view: View) => void,
    /** A request failed; the next `refresh` tries again. */
    private readonly failed: (error: unknown) => void,
  ) {}

  join(member: Member): () => void {
    this.members.add(member);
    member.draw();
    this.refresh();
    return () => this.members.delete(member);
  }

  /** What was last received of a series, and when (ms since the epoch). */
  get(want: Want): { series: Series; at: number } | undefined {
    return this.known.get(key(want));
  }

  /** The steps at the edges of every chart. */
  get window(): [number, number] {
    const lo = this.view.lo ?? this.whole[0];
    const hi = this.view.hi ?? this.whole[1];
    return hi > lo ? [lo, hi] : [lo - 1, lo + 1];
  }

  get zoomed(): boolean {
    return this.view.lo !== null || this.view.hi !== null;
  }

  /** Show this view: stretch what is there at once, then ask for its exact columns. */
  show(view: View): void {
    if (view.lo === this.view.lo && view.hi === this.view.hi) return;
    this.view = view;
    for (const want of this.known.keys()) this.stale.add(want);
    this.flight?.abort();
    for (const member of this.members) member.draw();
    this.refresh();
  }

  zoom(lo: number, hi: number): void {
    const view = { lo: Math.floor(lo), hi: Math.ceil(hi) };
    if (view.hi - view.lo < 2) return;
    this.trail.push(this.view);
    this.show(view);
    this.moved(view);
  }

  /** Back to the view before the last zoom; to the whole where there was none. */
  out(): void {
    if (!this.zoomed) return;
    const view = this.trail.pop() ?? { lo: null, hi: null };
    this.show(view);
    this.moved(view);
  }

  hover(step: number | null, from: Member): void {
    for (const member of this.members) if (member !== from) member.point(step);
  }

  /** The series reach so far, and of some the store has more than when they were last asked for. */
  touch(whole: [number, number], isStale: (series: Want) => boolean): void {
    const moved = whole.join() !== this.whole.join();
    this.whole = whole;
    if (moved && !this.zoomed) this.redraw();
    for (const [name, { series }] of this.known) if (isStale(series)) this.stale.add(name);
    this.refresh();
  }

  redraw(): void {
    for (const member of this.members) member.draw();
  }

  /** Ask for whatever the charts in view miss, all in one request. */
  refresh(): void {
    if (this.queued) return;
    this.queued = true;
    // Charts that come into view in the same moment share the request.
    queueMicrotask(() => {
      this.queued = false;
      if (!this.flight) void this.fetch();
    });
  }

  private missing(): Map<string, Want> {
    const missing = new Map<string, Want>();
    for (const member of this.members) {
      for (const want of member.wants) {
        const name = key(want);
        if (missing.size < SERIES_MAX && (!this.known.has(name) || this.stale.has(name))) missing.set(name, want);
      }
    }
    return missing;
  }

  private async fetch(): Promise<void> {
    const missing = this.missing();
    if (missing.size === 0) return;
    const flight = new AbortController();
    this.flight = flight;
    for (const name of missing.keys()) this.stale.delete(name);
    let again = true;
    try {
      const reply = await this.ask({ series: [...missing.values()], ...this.asked() }, flight.signal);
      const at = Date.now();
      for (const series of reply) this.known.set(key(series), { series, at });
      again = [...missing.keys()].every((name) => this.known.has(name));
    } catch (error) {
      for (const name of missing.keys()) this.stale.add(name);
      if (!flight.signal.aborted) {
        again = false;
        this.failed(error);
      }
    } finally {
      this.flight = null;
    }
    // The edges may have moved meanwhile: of every chart, not only of those that were answered.
    for (const member of this.members) member.draw();
    if (again) this.refresh();
  }

  /** The view with a margin, so that lines do not end where they leave it, in one to two columns a pixel. */
  private asked(): Pick<Query, "lo" | "hi" | "columns"> {
    const width = Math.max(...[...this.members].map((member) => member.width), 100);
    const { lo, hi } = this.view;
    const [from, to] = this.window;
    const margin = Math.ceil((to - from) / 8);
    const columns = Math.min(COLUMNS_MAX, Math.ceil(width * (this.zoomed ? 2.5 : 2)));
    return { lo: lo === null ? null : lo - margin, hi: hi === null ? null : hi + margin, columns };
  }
}
