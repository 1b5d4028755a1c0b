/** An edge: the edge layer, the node it comes from and the node it goes to. */
export type Edge = readonly [layer: number, source: number, target: number];
/** A node: its node layer (0 holds the inputs) and its place in it. */
export type Node = readonly [layer: number, index: number];
export type Part = Edge | Node;

/** The shape of a network, with every edge and node numbered in the order of the traits. */
export interface Topology {
  readonly widths: readonly number[];
  readonly edges: number;
  readonly nodes: number;
  /** First edge of each edge layer, and one past the last. */
  readonly edgeStart: readonly number[];
  /** First node of each node layer, and one past the last. */
  readonly nodeStart: readonly number[];
  /** Node number at the start and at the end of each edge. */
  readonly from: Int32Array;
  readonly to: Int32Array;
}

/** Read a typed or plain array where a number past its end counts as 0. */
export function at(array: ArrayLike<number>, index: number): number {
  return array[index] ?? 0;
}

// The same for one kind of array each: a function that has seen many kinds is slow, and loops over all edges are long.
export const u8 = (array: Uint8Array, index: number): number => array[index] ?? 0;
export const i32 = (array: Int32Array, index: number): number => array[index] ?? 0;
export const f32 = (array: Float32Array, index: number): number => array[index] ?? 0;

/** Number the edges and nodes of a network of these widths. */
export function createTopology(widths: readonly number[]): Topology {
  const nodeStart = [0];
  const edgeStart = [0];
  widths.forEach((width, l) => {
    nodeStart.push(at(nodeStart, l) + width);
    if (l > 0) edgeStart.push(at(edgeStart, l - 1) + width * at(widths, l - 1));
  });
  const edges = at(edgeStart, edgeStart.length - 1);
  const from = new Int32Array(edges);
  const to = new Int32Array(edges);
  for (let l = 0, e = 0; l + 1 < widths.length; l++) {
    for (let target = 0; target < at(widths, l + 1); target++) {
      for (let source = 0; source < at(widths, l); source++, e++) {
        from[e] = at(nodeStart, l) + source;
        to[e] = at(nodeStart, l + 1) + target;
      }
    }
  }
  return { widths, edges, nodes: at(nodeStart, widths.length), edgeStart, nodeStart, from, to };
}

/** The layer in which a number falls, given the first number of each layer. */
export function layerOf(starts: readonly number[], number: number): number {
  let layer = 0;
  while (layer + 2 < starts.length && at(starts, layer + 1) <= number) layer++;
  return layer;
}

/** The edge with this number. */
export function edgeAt(t: Topology, number: number): Edge {
  const layer = layerOf(t.edgeStart, number);
  return [
    layer,
    at(t.from, number) - at(t.nodeStart, layer),
    at(t.to, number) - at(t.nodeStart, layer + 1),
  ];
}

/** The node with this number. */
export function nodeAt(t: Topology, number: number): Node {
  const layer = layerOf(t.nodeStart, number);
  return [layer, number - at(t.nodeStart, layer)];
}

const within = (value: number | undefined, limit: number): boolean =>
  value !== undefined && Number.isInteger(value) && value >= 0 && value < limit;

/** The number of an edge, or -1 when the network has no such edge. */
export function edgeNumber(t: Topology, edge: readonly number[]): number {
  const [layer = -1, source = -1, target = -1] = edge;
  if (!within(layer, t.widths.length - 1)) return -1;
  if (!within(source, at(t.widths, layer)) || !within(target, at(t.widths, layer + 1))) return -1;
  return at(t.edgeStart, layer) + target * at(t.widths, layer) + source;
}

/** The number of a node, or -1 when the network has no such node. */
export function nodeNumber(t: Topology, node: readonly number[]): number {
  const [layer = -1, index = -1] = node;
  if (!within(layer, t.widths.length) || !within(index, at(t.widths, layer))) return -1;
  return at(t.nodeStart, layer) + index;
}

/** Whether a part is an edge. */
export const isEdge = (part: readonly number[]): part is Edge => part.length === 3;

/** Numbers of the edges that end in a node. */
export function edgesInto(t: Topology, node: number): number[] {
  const [layer, index] = nodeAt(t, node);
  if (layer === 0) return [];
  const width = at(t.widths, layer - 1);
  const start = at(t.edgeStart, layer - 1) + index * width;
  return Array.from({ length: width }, (_, i) => start + i);
}

/** Numbers of the edges that start in a node. */
export function edgesOutOf(t: Topology, node: number): number[] {
  const [layer, index] = nodeAt(t, node);
  if (layer + 1 >= t.widths.length) return [];
  const width = at(t.widths, layer);
  const start = at(t.edgeStart, layer) + index;
  return Array.from({ length: at(t.widths, layer + 1) }, (_, i) => start + i * width);
}

/** Whether a node is neither an input nor an output. */
export function isHidden(t: Topology, node: number): boolean {
  return node >= at(t.nodeStart, 1) && node < at(t.nodeStart, t.widths.length - 1);
}
