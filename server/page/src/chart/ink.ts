/** The colours that a canvas draws with, read from the style sheet so that each is written down once. */

export interface Ink {
  text: string;
  grid: string;
  bad: string;
  warning: string;
  info: string;
  lines: string[];
}

/** How many colours tell lines apart (`--line0` …); a further line takes the first again, dashed. */
export const COLOURS = 8;
export const DASHES = [[], [6, 3], [2, 3]];

let cached: Ink | null = null;

export function ink(): Ink {
  if (cached) return cached;
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  cached = {
    text: read("--faint"),
    grid: read("--grid"),
    bad: read("--bad"),
    warning: read("--warning"),
    info: read("--accent"),
    lines: Array.from({ length: COLOURS }, (_, index) => read(`--line${index}`)),
  };
  return cached;
}

/** The theme has changed: read the colours anew. */
export function forget(): void {
  cached = null;
}
