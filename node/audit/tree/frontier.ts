import { hash } from "node:crypto";

import { nodeHash } from "./merkle.ts";

/** A tree that is built leaf by leaf and keeps no more than one hash a level. */
export interface Frontier {
  readonly size: number;
  append(leaf: Uint8Array): void;
  /** The hash of the whole tree so far. */
  root(): Uint8Array;
}

/** @param onSubtree told of every full subtree when its last leaf is there, leaves themselves excepted. */
export function makeFrontier(onSubtree: (level: number, place: number, hash: Uint8Array) => void = () => {}): Frontier {
  /** Of the full subtrees that the leaves so far make up: the one of 2^n leaves, if there is one, at n. */
  const full: (Uint8Array | undefined)[] = [];
  let size = 0;
  return {
    get size() {
      return size;
    },
    append(leaf) {
      let subtree = leaf;
      let level = 0;
      size++;
      for (let left = full[0]; left !== undefined; left = full[level]) {
        full[level++] = undefined;
        subtree = nodeHash(left, subtree);
        onSubtree(level, size / 2 ** level - 1, subtree);
      }
      full[level] = subtree;
    },
    root() {
      const parts = full.filter((each) => each !== undefined);
      const [smallest, ...larger] = parts;
      if (smallest === undefined) return hash("sha256", "", "buffer");
      return larger.reduce((right, left) => nodeHash(left, right), smallest);
    },
  };
}
