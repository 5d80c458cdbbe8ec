import type { Database } from "better-sqlite3";

import { Failure } from "../base/failure.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { canonicalOf } from "./export-log.ts";
import { LOG_COLUMNS } from "./log-columns.ts";
import { cosignedAt, isSigned, type NoteKey, parseNote } from "./note.ts";
import { canonicalEntry, leafOfText, type LogValues, saltOf } from "./tree/leaf.ts";
import { inclusionProof, rootFromInclusion } from "./tree/merkle.ts";
import { openSubtrees } from "./tree/tree-store.ts";

/**
 * One entry of an audit as a file that anybody can verify with public keys alone, in the format of C2SP tlog-proof
 * (https://c2sp.org/tlog-proof): where the entry stands, the hashes that lead from it to the root, and the signed checkpoint.
 * Its `extra` line holds the entry with its salt as JSON. It may hold an NHS number: handle it as a patient record.
 */
const FORMAT = "c2sp.org/tlog-proof@v1";

/** Far above what any entry and sixty-odd hashes take. */
const PROOF_CHARACTERS_MAX = 256 * 1024;

/** Of the newest checkpoints over an entry, the one that most vouch for is taken. */
const CHECKPOINTS_LOOKED_AT = 32;

/**
 * @param seq the entry's number, from 1.
 * @throws {Failure} `invalid-input`: no such entry, it was erased, or nothing signed covers it yet.
 */
export function proveEntry(db: Database, seq: number): string {
  const row = db.prepare<[number], LogValues>(`SELECT ${LOG_COLUMNS.join(", ")} FROM audit_log WHERE seq = ?`);
  const values = row.raw().get(seq);
  if (values === undefined) throw wrong(`The audit has no entry ${seq}, or it was erased at the end of its time.`);
  const note = mostVouchedFor(db, seq);
  if (note === undefined) throw wrong(`Entry ${seq} has not been signed yet: wait ten seconds.`);
  const { size } = parseCheckpoint(parseNote(note).text);
  const hashes = inclusionProof(seq - 1, size, openSubtrees(db));
  const entry = `{"salt":"${base64(saltOf(values))}","entry":${canonicalEntry(values)}}`;
  const head = [FORMAT, `extra ${base64(Buffer.from(entry))}`, `index ${seq - 1}`, ...hashes.map(base64)];
  return `${head.join("\n")}\n\n${note}`;
}

export interface ProvenEntry {
  readonly seq: number;
  /** What was written, by the log's columns. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** Who vouched for the log that has it, and when, in seconds since the epoch. */
  readonly witnesses: readonly { readonly name: string; readonly atSeconds: number }[];
  /** Why it proves nothing; absent where the node signed a log with this very entry in this place. */
  readonly fault?: "checkpoint-not-signed" | "not-in-the-tree";
}

/**
 * Verifies what {@link proveEntry} made. Needs no node and no store.
 *
 * @param log whose audit it must be.
 * @throws {Failure} `invalid-input`: it is no such file.
 */
export function verifyProof(text: string, log: NoteKey, witnesses: readonly NoteKey[]): ProvenEntry {
  const { salt, entry, index, hashes, note } = parseProof(text);
  const signed = parseNote(note);
  const said = parseCheckpoint(signed.text);
  const root = rootFromInclusion(leafOfText(salt, canonicalOf(entry)), index, said.size, hashes);
  const isOurs = said.origin === log.name && isSigned(signed, log);
  const isIn = root !== undefined && Buffer.compare(root, said.root) === 0;
  const seen = witnesses.flatMap((witness) => {
    const atSeconds = cosignedAt(signed, witness);
    return atSeconds === undefined ? [] : [{ name: witness.name, atSeconds }];
  });
  const fault = isOurs ? (isIn ? undefined : ("not-in-the-tree" as const)) : ("checkpoint-not-signed" as const);
  return { seq: index + 1, entry, witnesses: seen, ...(fault !== undefined && { fault }) };
}

function mostVouchedFor(db: Database, seq: number): string | undefined {
  const notes = db
    .prepare<[number, number], string>("SELECT note FROM audit_checkpoint WHERE size >= ? ORDER BY size DESC LIMIT ?")
    .pluck()
    .all(seq, CHECKPOINTS_LOOKED_AT);
  const [first] = notes
    .map((note) => ({ note, signatures: parseNote(note).signatures.length }))
    .toSorted((one, other) => other.signatures - one.signatures);
  return first?.note;
}

function parseProof(text: string) {
  if (text.length > PROOF_CHARACTERS_MAX) throw notAProof("it is too long");
  const end = text.indexOf("\n\n");
  const [format, extra = "", index = "", ...hashes] = text.slice(0, Math.max(end, 0)).split("\n");
  if (format !== FORMAT) throw notAProof(`its first line is not ${FORMAT}`);
  const place = /^index (0|[1-9]\d{0,14})$/.exec(index)?.[1];
  if (place === undefined) throw notAProof("its third line is not the entry's index");
  return {
    ...entryIn(extra),
    index: Number(place),
    hashes: hashes.map((hash) => {
      const bytes = Buffer.from(hash, "base64");
      if (bytes.length !== 32 || base64(bytes) !== hash) throw notAProof("a line above the checkpoint is no hash");
      return bytes;
    }),
    note: text.slice(end + 2),
  };
}

/** The entry is believed only as far as its hash is in the tree. */
function entryIn(line: string): { readonly salt: Uint8Array; readonly entry: Readonly<Record<string, unknown>> } {
  const encoded = /^extra ([A-Za-z0-9+/]+={0,2})$/.exec(line)?.[1];
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded ?? "", "base64").toString());
    const { salt, entry } = value as { readonly salt?: unknown; readonly entry?: unknown };
    if (typeof salt === "string" && typeof entry === "object" && entry !== null && !Array.isArray(entry)) {
      return { salt: Buffer.from(salt, "base64"), entry: { ...entry } };
    }
  } catch {
    // told below: what it holds may be about a patient
  }
  throw notAProof("its second line does not hold an entry");
}

function wrong(message: string): Failure {
  return new Failure("invalid-input", message);
}

function notAProof(why: string): Failure {
  return wrong(`This is no proof of an entry: ${why}.`);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
