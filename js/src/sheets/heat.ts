import { at } from "../topology";

/** Side of a cell in the drawing's own units. */
export const CELL = 10;
/** Shades of the ramp: more than an eye tells apart. */
export const SHADES = 32;
const FAINTEST = 0.08;

/** Shades by the root of the share of the highest value, from 0 to `SHADES`: what is weak can be told from nothing. */
export function shadesOf(values: ArrayLike<number>, count: number, most: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => {
    const share = at(values, i) / most;
    return share > 0 ? Math.round(SHADES * Math.sqrt(Math.min(1, share))) : 0;
  });
}

/** How much ink a shade has. */
export const inkOf = (shade: number): number => FAINTEST + (1 - FAINTEST) * (shade / SHADES);

/** The value at a height of the ramp, from 0 to 1. */
export const valueAt = (height: number, most: number): number => most * height ** 2;

/** A path round the cells with these numbers, in rows of `columns`. */
export function pathOf(cells: Iterable<number>, columns: number, inset = 0): string {
  let d = "";
  const side = CELL - 2 * inset;
  for (const i of cells) {
    d += `M${(i % columns) * CELL + inset} ${Math.floor(i / columns) * CELL + inset}h${side}v${side}h${-side}z`;
  }
  return d;
}

/** The cells that share a value of `of`, by that value. */
export function groups(of: (cell: number) => number, count: number): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (let i = 0; i < count; i++) {
    const key = of(i);
    const group = found.get(key);
    if (group) group.push(i);
    else found.set(key, [i]);
  }
  return found;
}

/** The cells of a rectangle between two of its corners. */
export function rectangle(a: number, b: number, columns: number): number[] {
  const [rows, across] = [[a, b].map((i) => Math.floor(i / columns)), [a, b].map((i) => i % columns)] as const;
  const [top, bottom, left, right] = [Math.min(...rows), Math.max(...rows), Math.min(...across), Math.max(...across)];
  const cells: number[] = [];
  for (let r = top; r <= bottom; r++) for (let c = left; c <= right; c++) cells.push(r * columns + c);
  return cells;
}
