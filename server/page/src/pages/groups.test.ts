import { expect, test } from "vitest";
import type { Run } from "../api";
import { grouped, groupings, spread } from "./groups";

const run = (id: string, more: Partial<Run>): Run => ({ id, config: {}, group: "", ...more }) as Run;

test("runs that share a value stand together, where the first of them stood; those without it share that", () => {
  const runs = [
    run("a", { group: "ddp" }),
    run("b", {}),
    run("c", { group: "fsdp" }),
    run("d", { group: "ddp" }),
    run("e", {}),
  ];
  expect(grouped(runs, "group").map(({ value, runs }) => [value, runs.map(({ id }) => id).join("")])).toEqual([
    ["ddp", "ad"],
    ["", "be"],
    ["fsdp", "c"],
  ]);
});

test("config values that look alike are one group", () => {
  const values = [1, "1", [1], 1, "NaN"];
  const groups = grouped(
    values.map((lr, index) => run(String(index), { config: { lr } })),
    "config.lr",
  );
  expect(groups.map((group) => group.runs.length)).toEqual([3, 1, 1]);
});

test("only what some run says can be grouped by", () => {
  expect(groupings([run("a", { group: "ddp", state: "running" })], ["lr"])).toEqual(["group", "state", "config.lr"]);
});

test("a spread is that of the finite numbers, and counts the others", () => {
  expect(spread([1, 2, "NaN", undefined, "text", 6])).toEqual({ count: 3, mean: 3, min: 1, max: 6, nonfinite: 1 });
  expect(spread([undefined, "text"])).toBeNull();
  expect(spread([1e308, 1e308])?.mean).toBe(1e308);
});
