import { expect, test } from "vitest";
import { columns, encode } from "./make";
import { decode } from "./series";

test("a reply is read to the bit, its planes being views of it", () => {
  const loss = columns(
    [
      [-3, -0],
      [0, 5e-324],
      [1, Number.NaN],
      [2, Number.POSITIVE_INFINITY],
      [70, 1.7976931348623157e308],
    ],
    2,
  );
  const empty = { ...columns([], 0), metric: "none" };
  const reply = encode([loss, empty]);
  const [read, none] = decode(reply);
  expect(read).toEqual(loss);
  expect(Object.is(read.planes.first[0], -0)).toBe(true);
  expect(read.planes.sum.buffer).toBe(reply);
  expect(none.n).toBe(0);
});

test("what is no reply is refused", () => {
  expect(() => decode(new TextEncoder().encode('{"series":[]}').buffer as ArrayBuffer)).toThrow("RWS1");
  expect(() => decode(new ArrayBuffer(3))).toThrow("RWS1");
});
