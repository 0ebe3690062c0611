/** Numbers, times and steps as people read them. */

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** JSON has no NaN: the API writes non-finite numbers as strings. */
export type Num = number | "NaN" | "Infinity" | "-Infinity";

export function toNumber(value: Num): number {
  return typeof value === "number" ? value : Number(value);
}

export function isNonFinite(value: unknown): value is Num {
  return value === "NaN" || value === "Infinity" || value === "-Infinity";
}

/** A value with about `digits` significant digits. */
export function number(value: number, digits = 5): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return minus(grouped.format(value));
  if (size >= 1e6 || size < 1e-4)
    return minus(
      value
        .toExponential(digits - 2)
        .replace(/\.?0+e/, "e")
        .replace("e+", "e"),
    );
  return minus(String(Number(value.toPrecision(digits))));
}

export function integer(value: number): string {
  return minus(grouped.format(value));
}

function minus(text: string): string {
  return text.replaceAll("-", "−");
}

const UNITS = [
  ["M", 1e6, 1e4],
  ["k", 1e3, 1e2],
] as const;

/** Labels of an axis whose ticks are `increment` apart, all with the same precision. */
export function ticks(values: (number | null)[], increment: number): string[] {
  const most = Math.max(...values.map((value) => Math.abs(value ?? 0)));
  // A unit must leave neighbours apart: 1.25M, but 1,250,010.
  const fits = ([, size, least]: (typeof UNITS)[number]) => most >= size && most < size * 1e6 && increment >= least;
  const [unit, divisor] = UNITS.find(fits) ?? ["", 1];
  const decimals = Math.max(0, -Math.floor(Math.log10(increment / divisor) + 1e-9));
  return values.map((value) => {
    if (value === null) return "";
    if (value === 0) return "0";
    if (decimals > 5 || most >= 1e15) return minus(Number(value.toPrecision(4)).toExponential().replace("e+", "e"));
    return (
      minus(
        (value / divisor).toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }),
      ) + unit
    );
  });
}

/** A stretch of seconds in one or two units. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const [days, hours, minutes] = [seconds / 86400, (seconds / 3600) % 24, (seconds / 60) % 60].map(Math.floor);
  if (days >= 1) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours >= 1) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  const rest = Math.floor(seconds % 60);
  return minutes < 10 && rest ? `${minutes} min ${rest} s` : `${minutes} min`;
}

/** How long ago, in the greatest unit. */
export function ago(time: number, now: number): string {
  const seconds = (now - time) / 1000;
  if (seconds < 1) return "now";
  const [size, unit] = [[86400, "d"] as const, [3600, "h"] as const, [60, "min"] as const].find(
    ([size]) => seconds >= size,
  ) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

export function moment(time: number): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** A moment to the second, as short as a list of such needs it. */
export function stamp(time: number): string {
  const day = new Date(time).toLocaleDateString(undefined, { month: "short", day: "numeric" });
  return `${day}, ${clock(time)}`;
}

/** A moment to the minute; of today, the time of day alone. */
export function brief(time: number): string {
  const at = new Date(time);
  const day = at.toLocaleDateString(undefined, { dateStyle: "medium" });
  return at.toDateString() === new Date().toDateString()
    ? clock(time).slice(0, 5)
    : `${day}, ${clock(time).slice(0, 5)}`;
}

/** The time of day, to the second. */
export function clock(time: number): string {
  return new Date(time).toLocaleTimeString("en-GB");
}

/** Labels of a time axis whose ticks (ms since the epoch) are `increment` apart: a day, or a time of day. */
export function hours(values: (number | null)[], increment: number): string[] {
  return values.map((value) => {
    if (value === null) return "";
    const at = new Date(value);
    if (increment >= 86_400_000 || (at.getHours() === 0 && at.getMinutes() === 0 && increment >= 60_000))
      return at.toLocaleDateString("en", { month: "short", day: "numeric" });
    return increment >= 60_000 ? clock(value).slice(0, 5) : clock(value);
  });
}

/** Any JSON value in one short line. */
export function short(value: unknown): string {
  if (typeof value === "number") return number(value);
  if (isNonFinite(value)) return number(Number(value));
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** A number of bytes in one unit. */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) {
    count /= 1000;
    unit++;
  }
  return `${unit ? count.toFixed(1) : count} ${units[unit]}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${integer(count)} ${count === 1 ? one : many}`;
}
