import type { Database } from "better-sqlite3";

import { Failure } from "../../base/failure.ts";
import { LOG_COLUMNS } from "../log-columns.ts";
import { leafOf, type LogValues } from "./leaf.ts";
import { nodeHash, type Subtrees } from "./merkle.ts";

/** The hashes of every eighth level are kept: a proof in a log of millions takes some hundred rows and hashes. */
export const KEPT_EVERY = 8;

export interface TreeWriter {
  /** Adds the leaf of entry `seq`, which follows the last one. Only inside the transaction that adds the entry. */
  append(seq: number, leaf: Uint8Array): void;
}

/** All that it knows is in the file, so whatever a transaction undoes is undone here too. */
export function makeTreeWriter(db: Database): TreeWriter {
  const addLeaf = db.prepare<[number, Uint8Array]>("INSERT INTO audit_leaf (place, hash) VALUES (?, ?)");
  const addSubtree = db.prepare<[number, number, Uint8Array]>(
    "INSERT INTO audit_subtree (level, place, hash) VALUES (?, ?, ?)",
  );
  const subtrees = openSubtrees(db);
  return {
    append(seq, leaf) {
      addLeaf.run(seq - 1, leaf);
      for (let level = KEPT_EVERY; seq % 2 ** level === 0; level += KEPT_EVERY) {
        const place = seq / 2 ** level - 1;
        addSubtree.run(level, place, combine(level, place, subtrees));
      }
    },
  };
}

/**
 * The hashes that the file has.
 *
 * @throws {Failure} `store-unavailable` (its reader): a hash that must be there is not.
 */
export function openSubtrees(db: Database): Subtrees {
  const leaf = db.prepare<[number], Uint8Array>("SELECT hash FROM audit_leaf WHERE place = ?").pluck();
  const subtree = db
    .prepare<[number, number], Uint8Array>("SELECT hash FROM audit_subtree WHERE level = ? AND place = ?")
    .pluck();
  const subtrees: Subtrees = {
    hashOf(level, place) {
      if (level % KEPT_EVERY !== 0) return combine(level, place, subtrees);
      const hash = level === 0 ? leaf.get(place) : subtree.get(level, place);
      if (hash !== undefined) return hash;
      throw new Failure(
        "store-unavailable",
        `The audit's tree in ${db.name} lacks the hash of its level ${level}, place ${place}: run 'corridor audit verify'.`,
        { where: db.name },
      );
    },
  };
  return subtrees;
}

/** How many leaves the tree has. */
export function treeSize(db: Database): number {
  return Number(db.prepare("SELECT coalesce(max(place) + 1, 0) FROM audit_leaf").pluck().get());
}

/** Gives a tree to the entries of a log that was begun without one. */
export function fillTree(db: Database): void {
  const entries = db.prepare<[number], [number, ...LogValues]>(
    `SELECT seq, ${LOG_COLUMNS.join(", ")} FROM audit_log WHERE seq > ? ORDER BY seq LIMIT 1000`,
  );
  const tree = makeTreeWriter(db);
  const addSome = db.transaction((): boolean => {
    const some = entries.raw().all(treeSize(db));
    for (const [seq, ...values] of some) tree.append(seq, leafOf(values));
    return some.length > 0;
  });
  while (addSome());
}

function combine(level: number, place: number, subtrees: Subtrees): Uint8Array {
  return nodeHash(subtrees.hashOf(level - 1, 2 * place), subtrees.hashOf(level - 1, 2 * place + 1));
}
