import { expect, test } from "vitest";
import { nearest, next, placesOf } from "../src/sheets/ranks";

test("places run from the weakest at 0 to the strongest at 1, ties at their mean", () => {
  expect([...placesOf(Float32Array.of(0.3, 9, 0.3, -1, 2))]).toEqual([0.375, 1, 0.375, 0, 0.75]);
  expect([...placesOf(Float32Array.of(5))]).toEqual([0]);
  expect(placesOf(new Float32Array(0))).toHaveLength(0);
});

test("places end with numbers that are none", () => {
  expect([...placesOf(Float32Array.of(NaN, 1, NaN))]).toHaveLength(3);
});

test("the nearest point is found within reach only", () => {
  const [xs, ys] = [Float32Array.of(0, 10, 20), Float32Array.of(0, 10, 0)];
  expect(nearest(xs, ys, 11, 8, 5)).toBe(1);
  expect(nearest(xs, ys, 11, 2, 5)).toBe(null);
});

test("keys visit every point once, those alike too", () => {
  const along = Float32Array.of(0.5, 0, 0.5, 1);
  let at = 1;
  const seen = [at];
  for (let i = 0; i < 4; i++) seen.push((at = next(along, at, true)));
  expect(seen).toEqual([1, 0, 2, 3, 3]);
  expect(next(along, 3, false)).toBe(2);
  expect(next(along, 1, false)).toBe(1);
});
