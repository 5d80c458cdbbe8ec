import type { Database } from "better-sqlite3";

import type { CommandHandlers } from "../storage/executor.ts";
import { consistencyProof, rootOf, type TreeHead } from "./tree/merkle.ts";
import { openSubtrees, treeSize } from "./tree/tree-store.ts";

/** A checkpoint as this node signed it, with the lines of the witnesses who saw it. */
export interface KeptCheckpoint {
  readonly size: number;
  readonly atMs: number;
  readonly note: string;
}

declare module "../storage/executor.ts" {
  interface StoreCommands {
    /** The tree as it is, and what its root was at an earlier size. */
    "audit.tree-head": {
      payload: { readonly earlierSize: number };
      result: TreeHead & { readonly earlierRoot: Uint8Array };
    };
    "audit.consistency": { payload: { readonly from: number; readonly to: number }; result: readonly Uint8Array[] };
    /** Keeps a checkpoint, or the same one with more lines. */
    "audit.keep-checkpoint": { payload: KeptCheckpoint; result: undefined };
    /** The newest checkpoints, newest first. */
    "audit.checkpoints": { payload: { readonly atMost: number }; result: readonly KeptCheckpoint[] };
  }
}

export function makeHandlers(db: Database): CommandHandlers {
  const subtrees = openSubtrees(db);
  const keep = db.prepare<[number, number, string]>(
    `INSERT INTO audit_checkpoint (size, at_ms, note) VALUES (?, ?, ?)
     ON CONFLICT (size) DO UPDATE SET note = excluded.note WHERE length(excluded.note) > length(note)`,
  );
  const newest = db.prepare<[number], KeptCheckpoint>(
    "SELECT size, at_ms AS atMs, note FROM audit_checkpoint ORDER BY size DESC LIMIT ?",
  );
  return {
    "audit.tree-head": ({ earlierSize }) => {
      const size = treeSize(db);
      const earlierRoot = earlierSize <= size ? rootOf(earlierSize, subtrees) : new Uint8Array();
      return { size, root: rootOf(size, subtrees), earlierRoot };
    },
    "audit.consistency": ({ from, to }) => consistencyProof(from, to, subtrees),
    "audit.keep-checkpoint": ({ size, atMs, note }) => void keep.run(size, atMs, note),
    "audit.checkpoints": ({ atMost }) => newest.all(atMost),
  };
}
