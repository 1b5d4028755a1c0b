import { createTopology, type Topology } from "../src/topology";
import { decodeNetwork, decodePruning, decodeScores, type Network, type Pruning, type Scores } from "../src/wire";
import { FakeModel, FakePython } from "./fake.js";
import { createTraits, random } from "./fixture.js";

/** A decoded network with what Python says of it. */
export interface Case {
  readonly traits: Record<string, unknown>;
  readonly model: FakeModel;
  readonly python: FakePython;
  readonly net: Network;
  readonly scores: Scores;
  readonly pruning: Pruning;
  readonly t: Topology;
}

export function createCase(options: Parameters<typeof createTraits>[0] = {}): Case {
  const model = new FakeModel(createTraits(options));
  const python = new FakePython(model);
  const traits = model.traits as Record<string, unknown>;
  const net = decodeNetwork(traits["network"]);
  if (!net) throw new Error("the fixture has no network");
  const t = net.topology;
  return { traits, model, python, net, t, scores: decodeScores(traits["scores"], t), pruning: decodePruning(traits["pruning"], t) };
}

/** What Python says now. */
export const pruningNow = (c: Case): Pruning => decodePruning(c.model.traits["pruning"], c.t);

export const createWidths = (next: () => number, most = 12): number[] =>
  Array.from({ length: 2 + Math.floor(next() * 4) }, () => 1 + Math.floor(next() * most));

export { createTopology, random };
