import { expect, test } from "vitest";
import type { Alert } from "../api";
import { history, next } from "./history";
import { literal, scopes } from "./said";
import { bare, counts } from "./words";

const alert: Alert = {
  id: "1f0c",
  episode: 1,
  rule: "nonfinite",
  severity: "critical",
  state: "acknowledged",
  run: "otter",
  name: "otter",
  project: "p",
  rank: 0,
  metric: "loss",
  step: 4,
  value: "NaN",
  before: [],
  title: "t",
  text: "",
  host: "",
  caused_at: "2026-11-29T10:00:00Z",
  fired_at: "2026-11-29T10:00:01Z",
  resolved_at: null,
  ranks: "0",
  part_of: "",
  details: {},
};
const at = (second: number) => Date.UTC(2026, 10, 29, 10, 0, second);

test("each state has its moment, in order, with who and what they said", () => {
  const details = { told_at: at(2) * 1000, acknowledged_at: at(9) * 1000, acknowledged_by: "ann" };
  const silence = { id: "s", match: {}, at: at(5) * 1000, until: at(99) * 1000, by: "bob", comment: "slow disk" };
  const said = { acknowledged: { by: "ann", at: at(8) * 1000, comment: "on it" }, silences: [silence] };
  expect(history({ ...alert, details }, said)).toEqual([
    { at: at(0), what: "began" },
    { at: at(1), what: "fired" },
    { at: at(2), what: "told" },
    { at: at(5), what: "silenced by bob", words: "slow disk" },
    { at: at(9), what: "acknowledged by ann", words: "on it" },
  ]);
});

test("one that is pending has not fired, and one that is over was told so only if it was told at all", () => {
  const held = { ...alert, state: "pending" as const, details: { held_until: at(30) * 1000 } };
  expect(history(held, null).map(({ what }) => what)).toEqual(["began", "pending"]);
  expect(next(held)).toEqual({ at: at(30), what: "fires if it still holds" });
  const over = { ...alert, state: "resolved" as const, resolved_at: "2026-11-29T10:00:05Z" };
  expect(history(over, null).at(-1)).toEqual({ at: at(5), what: "resolved" });
  expect(history({ ...over, details: { told_at: at(5) * 1000 } }, null).map(({ what }) => what)).toEqual([
    "began",
    "fired",
    "resolved, and told so",
  ]);
  expect(next(over)).toBeNull();
});

test("what is part of it is told by its rule, its ranks, and its run if that is another", () => {
  const part = { id: "2f0c", rule: "stalled", run: "otter", ranks: "3", caused_at: at(2) * 1000 };
  const other = { ...part, run: "heron", ranks: "0-63", caused_at: at(3) * 1000 };
  expect(history({ ...alert, details: { cascade: [part, other] } }, null).map(({ what }) => what)).toEqual([
    "began",
    "fired",
    "stalled, rank 3, is part of it",
    "stalled of heron, ranks 0-63, is part of it",
  ]);
});

test("a record of an older program, without details, has a history", () => {
  expect(history(alert, null).map(({ what }) => what)).toEqual(["began", "fired"]);
});

test("a host's name is silenced as it stands, whatever globs make of its signs", () => {
  expect(literal("node[1]*?")).toBe("node[[]1][*][?]");
  expect(scopes({ ...alert, host: "a*" }).at(-1)).toEqual(["all on a*", { host: "a[*]" }]);
  expect(scopes(alert)).toHaveLength(4);
});

test("what fires counts once: not what is part of it, nor what is observed, nor what a run says itself", () => {
  const fires = { ...alert, state: "firing" as const };
  expect(counts(fires)).toBe(true);
  expect(counts(alert)).toBe(false);
  expect(counts({ ...fires, part_of: "2f0c" })).toBe(false);
  expect(counts({ ...fires, details: { mode: "observe" } })).toBe(false);
  expect(counts({ ...fires, rule: "user" })).toBe(false);
});

test("a title on the run's own page does not repeat its name", () => {
  expect(bare({ ...alert, title: "otter: loss is NaN" })).toBe("loss is NaN");
  expect(bare({ ...alert, title: "otter makes no progress" })).toBe("makes no progress");
  expect(bare({ ...alert, title: "otter" })).toBe("otter");
  expect(bare({ ...alert, title: "Half-way" })).toBe("Half-way");
});
