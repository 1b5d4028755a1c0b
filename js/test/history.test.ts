import { describe, expect, it } from "vitest";
import { lanesOf } from "../src/sheets/lanes";

describe("lanes of a history", () => {
  it("keep a straight history in one", () => expect(lanesOf([-1, 0, 1, 2])).toEqual([0, 0, 0, 0]));

  it("give each branch its own", () => {
    expect(lanesOf([-1, 0, 1, 1, 3, 4, 2, 5])).toEqual([0, 0, 0, 1, 1, 1, 0, 1]);
    expect(lanesOf([-1, 0, 0, 0])).toEqual([0, 0, 1, 2]);
  });
});
