/** Small parts that several pages show. */

import type { ComponentChildren } from "preact";
import { type Time, time } from "./api";
import { ago, isNonFinite, moment, number, short } from "./format";
import { now } from "./live";

const GLYPHS: Record<string, string> = {
  running: "●",
  finished: "✓",
  stopped: "■",
  failed: "✕",
  crashed: "✕",
  firing: "▲",
  acknowledged: "△",
  silenced: "⊘",
  resolved: "✓",
};

export function State({ state }: { state: string }) {
  return (
    <span class={`state ${state}`}>
      <span aria-hidden="true">{GLYPHS[state] ?? "○"}</span> {state}
    </span>
  );
}

/** A value of config or summary; what is not finite in red. */
export function Value({ value }: { value: unknown }) {
  if (value === undefined || value === null) return <span class="none">–</span>;
  if (isNonFinite(value)) return <span class="bad">{number(Number(value))}</span>;
  const text = short(value);
  return <span title={text.endsWith("…") ? JSON.stringify(value) : undefined}>{text}</span>;
}

export function Ago({ at }: { at: Time }) {
  return (
    <time dateTime={at} title={moment(time(at))}>
      {ago(time(at), now.value)}
    </time>
  );
}

export function Search(props: { label: string; value: string; change: (text: string) => void; invalid?: string }) {
  return (
    <label class="search">
      <input
        type="search"
        aria-label={props.label}
        aria-invalid={props.invalid ? "true" : undefined}
        title={props.invalid || undefined}
        placeholder={props.label}
        value={props.value}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => props.change(event.currentTarget.value)}
      />
      <kbd>/</kbd>
    </label>
  );
}

/** Where there is nothing yet: what to do so that there is. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <section class="empty">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

export function Failure({ error }: { error: { message: string; hint?: string | null } }) {
  return (
    <p class="failure" role="alert">
      {error.message} {error.hint}
    </p>
  );
}
