/** Which lane each step of a tree is drawn in: a first child in its parent's, any other in a new one to the right. */
export function lanesOf(parents: readonly number[]): number[] {
  const lanes: number[] = [];
  const taken = new Set<number>();
  let most = -1;
  parents.forEach((parent, i) => {
    const first = parent >= 0 && !taken.has(parent);
    taken.add(parent);
    lanes[i] = first ? (lanes[parent] ?? 0) : ++most;
  });
  return lanes;
}
