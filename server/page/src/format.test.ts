import { expect, test } from "vitest";
import { ago, bytes, duration, number, short, ticks } from "./format";

test("numbers are short, and what is not finite is said to be so", () => {
  expect([0, 12345, -0.123456789, 1.5e-7, Number.NaN, Infinity, -Infinity].map((x) => number(x))).toEqual([
    "0",
    "12,345",
    "−0.12346",
    "1.5e−7",
    "NaN",
    "+∞",
    "−∞",
  ]);
  expect(number(-1.7976931348623157e308)).toBe("−1.798e308");
});

test("the labels of an axis share their precision", () => {
  expect(ticks([0, 0.05, 0.1], 0.05)).toEqual(["0", "0.05", "0.10"]);
  expect(ticks([5000, 10000, null], 5000)).toEqual(["5k", "10k", ""]);
  expect(ticks([1_000_000, 1_500_000], 500_000)).toEqual(["1.0M", "1.5M"]);
  expect(ticks([1_250_000, 1_250_010], 10)).toEqual(["1,250,000", "1,250,010"]);
  expect(ticks([0, 200, 400], 200)).toEqual(["0", "200", "400"]);
  expect(ticks([0, 1e-9], 1e-9)).toEqual(["0", "1e−9"]);
});

test("times are told in units that fit", () => {
  expect([0.4, 59, 75, 3700, 90000].map(duration)).toEqual(["0.4 s", "59 s", "1 min 15 s", "1 h 1 min", "1 d 1 h"]);
  expect([0, 5000, 7.3e6].map((age) => ago(0, age))).toEqual(["now", "5 s ago", "2 h ago"]);
});

test("any value of a config has one line", () => {
  expect(short("NaN")).toBe("NaN");
  expect(short([1, 2])).toBe("[1,2]");
  expect(short("x".repeat(99))).toHaveLength(60);
});

test("sizes are told in units that fit", () => {
  expect([0, 999, 1500, 2_000_000, 7.25e13].map(bytes)).toEqual(["0 B", "999 B", "1.5 kB", "2.0 MB", "72.5 TB"]);
});
