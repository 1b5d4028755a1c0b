import { at } from "../topology";

/** What a list can be searched by. */
export interface Field {
  readonly id: string;
  readonly value: (row: number) => number;
}

export interface Searched {
  readonly fields: readonly Field[];
  /** The names of all nodes, by number. */
  readonly names: readonly string[];
  /** The nodes at both ends of a row; for a node, twice itself. */
  readonly ends: (row: number) => readonly [number, number];
  /** Words that say how a row stands, as "pruned by hand, kept". */
  readonly standing: (row: number) => string;
  readonly standings: readonly string[];
}

export type Test = (row: number) => boolean;

const COMPARISON = /([a-z]\w*)\s*(<=|>=|<|>|=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?=\s|,|$)/gi;
const ARROW = /\s*(?:->|→)\s*/;
/** So many letters of "pruned" are taken for it. */
const ENOUGH = 3;

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b, "=": (a, b) => a === b,
};

const wordsOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** 1 for each node that a word means: the one of that name, or else all that have it in theirs. */
function named(names: readonly string[], word: string): Uint8Array {
  const exact = Uint8Array.from(names, (name) => Number(name.toLowerCase() === word));
  return exact.includes(1) ? exact : Uint8Array.from(names, (name) => Number(name.toLowerCase().includes(word)));
}

/** The tests of one side of an arrow, or of both ends at once: names may have spaces, or be several. */
function testsOf(searched: Searched, text: string, end: "from" | "to" | "any"): Test[] {
  const whole = searched.standings.includes(text) || searched.names.some((name) => name.toLowerCase() === text);
  return (whole ? [text] : wordsOf(text)).map((word): Test => {
    const standing = end === "any" && !searched.names.some((name) => name.toLowerCase() === word) && word.length >= ENOUGH
      ? searched.standings.find((name) => name.includes(word)) : undefined;
    if (standing) return (row) => searched.standing(row).includes(standing);
    const nodes = named(searched.names, word);
    return (row) => {
      const [from, to] = searched.ends(row);
      return (end !== "to" && at(nodes, from) === 1) || (end !== "from" && at(nodes, to) === 1);
    };
  });
}

/**
 * Understand a search: "x3", "h2 -> y", "pruned", "score<0.01", and several of these at once.
 *
 * @returns A test that a row passes when all of that holds for it; null when everything does.
 */
export function parseSearch(searched: Searched, query: string): Test | null {
  const tests: Test[] = [];
  const rest = query.toLowerCase().replace(COMPARISON, (all: string, id: string, sign: string, value: string) => {
    const field = searched.fields.find((f) => f.id === id);
    const compare = COMPARE[sign];
    if (!field || !compare) return all;
    // Scores crossed the wire as float32, and are shown rounded; thresholds are compared in the same way.
    const limit = Math.fround(Number(value));
    tests.push((row) => compare(field.value(row), limit));
    return " ";
  }).trim();
  const [left = "", right] = rest.split(ARROW);
  if (right === undefined) tests.push(...testsOf(searched, left, "any"));
  else tests.push(...testsOf(searched, left, "from"), ...testsOf(searched, right, "to"));
  return tests.length === 0 ? null : (row) => tests.every((test) => test(row));
}
