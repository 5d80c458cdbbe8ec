import type { KeyObject } from "node:crypto";

import { nodeDns } from "../../certs/profile.ts";
import { Failure } from "../base/failure.ts";
import type { NoteKey } from "./note.ts";
import type { TreeHead } from "./tree/merkle.ts";

/** What a log says of itself at one size (C2SP tlog-checkpoint). Signed, it cannot be taken back. */
export interface Checkpoint extends TreeHead {
  /** Whose log. */
  readonly origin: string;
}

const HASH_BYTES = 32;

/** A node as the keeper of its log; its name among those of all networks is that of its certificate. */
export function logKeyOf(nodeId: string, domain: string, key: KeyObject): NoteKey {
  return { name: `${nodeDns(domain, nodeId)}/audit`, key };
}

/** A node as a witness of others' logs. The key is the same: what is signed as the one can never be taken for the other. */
export function witnessKeyOf(nodeId: string, domain: string, key: KeyObject): NoteKey {
  return { name: `${nodeDns(domain, nodeId)}/witness`, key };
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
