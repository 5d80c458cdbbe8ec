import type { NewEntry } from "./audit-store.ts";

/** An entry refers to evidence no older than this; retention keeps entries so much longer, for those that refer to them. */
export const EVIDENCE_REACH_MS = 10 * 60_000;

/** Assertions remembered: those under which questions are still coming in. */
const REMEMBERED_MAX = 64;

interface Kept {
  readonly payload: Uint8Array;
  readonly atMs: number;
  readonly seq: number;
}

/** Which entry already has the assertion under which another one came. */
export interface EvidenceKept {
  /** The entry that has the same payload and signature, if one of the last {@link EVIDENCE_REACH_MS} has. */
  find(entry: NewEntry, atMs: number): number | undefined;
  /** An entry was added with its evidence. Nothing but the whole group may be undone after this. */
  added(entry: NewEntry, atMs: number, seq: number): void;
}

/** In the writer's memory alone: after a start, an assertion is written once more. */
export function makeEvidenceKept(): EvidenceKept {
  const bySignature = new Map<string, Kept>();
  return {
    find({ evidencePayload, evidenceSignature }, atMs) {
      if (evidencePayload === null || evidenceSignature === null) return undefined;
      const kept = bySignature.get(nameOf(evidenceSignature));
      if (kept === undefined || atMs - kept.atMs > EVIDENCE_REACH_MS) return undefined;
      return Buffer.compare(kept.payload, evidencePayload) === 0 ? kept.seq : undefined;
    },
    added({ evidencePayload: payload, evidenceSignature }, atMs, seq) {
      if (payload === null || evidenceSignature === null) return;
      const name = nameOf(evidenceSignature);
      bySignature.delete(name);
      bySignature.set(name, { payload, atMs, seq });
      if (bySignature.size <= REMEMBERED_MAX) return;
      const [oldest] = bySignature.keys();
      if (oldest !== undefined) bySignature.delete(oldest);
    },
  };
}

function nameOf(signature: Uint8Array): string {
  return Buffer.from(signature.buffer, signature.byteOffset, signature.length).toString("latin1");
}
