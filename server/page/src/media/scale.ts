/** Axes and bins of small drawings. */

/** An axis that holds all values: its ends, and round numbers on it that are `step` apart. */
export function span(values: number[], room = true): { low: number; high: number; step: number; ticks: number[] } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = [0, 1];
  if (low === high) {
    const half = Math.max(Math.abs(low) * 0.1, 0.5);
    [low, high] = [low - half, high + half];
  }
  const edge = room ? (high - low) * 0.03 : 0;
  [low, high] = [low - edge, high + edge];
  const rough = (high - low) / 5;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((one) => one * size >= rough) ?? 10) * size;
  const ticks: number[] = [];
  for (let at = Math.ceil(low / step); at * step <= high && ticks.length < 20; at++) ticks.push(at * step);
  return { low, high, step, ticks };
}

/** How many of the values are in each of so many bins of the same width; what is not finite is in none. */
export function bins(values: number[], count = 40): { edges: number[]; counts: number[] } {
  const finite = values.filter(Number.isFinite);
  const { low, high } = span(finite, false);
  const counts = new Array<number>(count).fill(0);
  for (const value of finite) {
    const at = Math.min(Math.floor(((value - low) / (high - low)) * count), count - 1);
    counts[at] = (counts[at] as number) + 1;
  }
  return { edges: Array.from({ length: count + 1 }, (_, index) => low + ((high - low) * index) / count), counts };
}
