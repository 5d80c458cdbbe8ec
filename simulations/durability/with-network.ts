import { type DoorNetwork, type DoorNode, makeDoorNetwork } from "../testing/doors-network.ts";

/** Runs a trial with a network of its own; whatever becomes of it, no process and no file is left. */
export async function withNetwork<Result>(run: (network: DoorNetwork) => Promise<Result>): Promise<Result> {
  const network = await makeDoorNetwork();
  const nodes: DoorNode[] = [];
  const start: DoorNetwork["start"] = async (...order) => {
    const node = await network.start(...order);
    nodes.push(node);
    return node;
  };
  try {
    return await run({ ...network, start });
  } finally {
    await Promise.all(nodes.map((node) => node.kill()));
    network.remove();
  }
}
