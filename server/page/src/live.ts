/** Asking again and again, while somebody looks. */

import { effect, type Signal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { ApiError, unreachable } from "./api";

/** Rises each second while the page is visible: what shows an age reads it. */
export const now = signal(Date.now());

/** After a failure, growing from the one to the other (ms). */
const PAUSE_MIN = 500;
const PAUSE_MAX = 5000;

export interface Polled<T> {
  value: T | null;
  error: ApiError | null;
}

/**
 * Call `ask` at once, and again so many ms after each answer as `pause` says of it; not while the page is hidden.
 * Returns what stops it.
 *
 * A server out of reach is asked at growing intervals; that it is so is said by `unreachable`, for all the page at once.
 */
export function poll<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  pause: (value: T) => number,
  into: Signal<Polled<T>>,
): () => void {
  const stop = new AbortController();
  let timer = 0;
  let busy = false;
  let failures = 0;
  const turn = async () => {
    if (busy || document.hidden) return;
    busy = true;
    clearTimeout(timer);
    let wait: number;
    try {
      const value = await ask(stop.signal);
      if (stop.signal.aborted) return;
      into.value = { value, error: null };
      failures = 0;
      wait = pause(value);
    } catch (error) {
      if (stop.signal.aborted) return;
      if (error instanceof ApiError) into.value = { value: into.peek().value, error };
      wait = Math.min(PAUSE_MIN * 1.5 ** failures++, PAUSE_MAX);
    } finally {
      busy = false;
    }
    timer = window.setTimeout(turn, wait);
  };
  document.addEventListener("visibilitychange", turn);
  void turn();
  return () => {
    stop.abort();
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", turn);
  };
}

/** `poll` for as long as a component is mounted; begins anew when `what` changes. */
export function usePoll<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  pause: (value: T) => number,
  what = "",
): Signal<Polled<T>> {
  const into = useMemo(() => signal<Polled<T>>({ value: null, error: null }), [what]);
  useEffect(() => poll(ask, pause, into), [into]);
  return into;
}

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1000);

/** The title says what fires and that the server is gone, where it is seen from another tab. */
export function title(firing: () => number, name: () => string): () => void {
  return effect(() => {
    const count = firing();
    document.title = `${unreachable.value ? "⚠ " : ""}${count ? `(${count}) ` : ""}${name()}`;
  });
}
