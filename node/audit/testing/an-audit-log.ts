import { generateKeyPairSync, sign } from "node:crypto";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { openStore } from "../../storage/database.ts";
import { makeHandlers, type NewEntry } from "../audit-store.ts";
import { formatCheckpoint } from "../checkpoint.ts";
import { formatNote, type NoteKey, noteKeyId } from "../note.ts";
import { rootOf } from "../tree/merkle.ts";
import { openSubtrees, treeSize } from "../tree/tree-store.ts";

/** Entry n is written n milliseconds later. */
export const STARTED_MS = 1_795_000_000_000;

/** Whose log it is in tests. */
export const LOG_NAME = "wm-bsol.corridor.example/audit";

/** A node's key for notes, and what others know of it. */
export function aNoteKey(name = LOG_NAME) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const noteKey: NoteKey = { name, key: publicKey };
  return { noteKey, sign: (bytes: Uint8Array): Uint8Array => sign(null, bytes, privateKey) };
}

/** A real audit store in a folder, with so many entries. Nobody in it exists. */
export function anAuditLog(dir: string, entries: number): Database {
  const db = openStore(join(dir, "audit.db"), "audit");
  addEntries(db, entries);
  return db;
}

export function addEntries(db: Database, entries: number, userId = "u-1"): void {
  const append = makeHandlers(db)["audit.append"] as (entry: NewEntry) => number;
  db.transaction(() => {
    const from = treeSize(db) + 1;
    for (let n = from; n < from + entries; n++) append({ ...anEntry(n), userId });
  })();
}

/** Signs the log as it is. */
export function addCheckpoint(db: Database, by: ReturnType<typeof aNoteKey>): string {
  const size = treeSize(db);
  const text = formatCheckpoint({ origin: by.noteKey.name, size, root: rootOf(size, openSubtrees(db)) });
  const bytes = by.sign(Buffer.from(text));
  const note = formatNote({
    text,
    signatures: [{ name: by.noteKey.name, keyId: noteKeyId(by.noteKey, "text"), bytes }],
  });
  db.prepare("INSERT INTO audit_checkpoint (size, at_ms, note) VALUES (?, ?, ?)").run(size, 1_795_000_000_000, note);
  return note;
}

export function anEntry(n: number): NewEntry {
  return {
    ...{ wallMs: STARTED_MS + n, kind: "answer", requestId: `request-${n}`, attemptId: `attempt-${n}` },
    ...{
      permitId: `permit-${n}`,
      asker: "wm-cw",
      holder: "wm-bsol",
      userId: "u-1",
      role: "R8000",
      setting: "emergency",
    },
    ...{
      organisation: "RKB",
      assurance: "3",
      purpose: "TREAT",
      relationship: "attendance",
      relationshipReference: null,
    },
    ...{
      trigger: "person",
      reason: null,
      patient: "t:abc",
      personId: null,
      outcome: "nothing-to-show",
      why: "none-held",
    },
    ...{
      pointerIds: null,
      detail: null,
      evidencePayload: Buffer.from(`evidence ${n}`),
      evidenceSignature: Buffer.alloc(64, n),
    },
    ...{ patientNonce: null, salt: Buffer.alloc(16, n) },
  };
}
