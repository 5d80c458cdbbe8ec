import { Failure } from "../base/failure.ts";
import type { TreeHead } from "./tree/merkle.ts";

/** What a log says of itself at one size (C2SP tlog-checkpoint). Signed, it cannot be taken back. */
export interface Checkpoint extends TreeHead {
  /** Whose log. */
  readonly origin: string;
}

const HASH_BYTES = 32;

/** A log's own name among those of all networks: that of its node, as in its certificate. */
export function originOf(nodeId: string, domain: string): string {
  return `${nodeId}.${domain}/audit`;
}

export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
}

/** @throws {Failure} `invalid-input`: it is no checkpoint. Lines after the third may follow, and say nothing here. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, root] = text.split("\n");
  const hash = Buffer.from(root ?? "", "base64");
  const count = /^(?:0|[1-9]\d{0,15})$/.test(size ?? "") ? Number(size) : NaN;
  if (!origin || !Number.isSafeInteger(count) || hash.length !== HASH_BYTES || hash.toString("base64") !== root) {
    throw new Failure(
      "invalid-input",
      "This is no checkpoint of a log: origin, size and root hash are its first lines.",
    );
  }
  return { origin, size: count, root: hash };
}
