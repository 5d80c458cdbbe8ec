import type { Database } from "better-sqlite3";

import { Failure } from "../base/failure.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import type { LogFault } from "./verify-log.ts";
import { LOG_COLUMNS } from "./log-columns.ts";
import { cosignedAt, isSigned, type NoteKey, parseNote } from "./note.ts";
import { makeFrontier } from "./tree/frontier.ts";
import { canonicalEntry, leafOfText, type LogValues, saltOf } from "./tree/leaf.ts";

/**
 * An audit as a file that anybody can verify with public keys alone: JSON lines, the signed checkpoint first, then every
 * entry up to it with its salt; of an entry that retention erased, its leaf.
 */

const SLICE = 1_000;

/**
 * @yields lines without their ends.
 * @throws {Failure} `invalid-input`: the log has not been signed yet.
 */
export function* exportLog(db: Database): Generator<string> {
  const note = db.prepare<[], string>("SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1").pluck().get();
  if (note === undefined) throw new Failure("invalid-input", "This audit has not been signed yet: wait ten seconds.");
  const { size } = parseCheckpoint(parseNote(note).text);
  yield JSON.stringify({ format: "corridor-audit-1", checkpoint: note });
  const entriesOf = db
    .prepare<[number, number], [number, ...LogValues]>(
      `SELECT seq, ${LOG_COLUMNS.join(", ")} FROM audit_log WHERE seq > ? AND seq <= ?`,
    )
    .raw();
  const leafAt = db.prepare<[number], Uint8Array>("SELECT hash FROM audit_leaf WHERE place = ?").pluck();
  for (let from = 0; from < size; from += SLICE) {
    const to = Math.min(from + SLICE, size);
    const entries = new Map(entriesOf.all(from, to).map(([seq, ...values]) => [seq, values]));
    for (let seq = from + 1; seq <= to; seq++) {
      const values = entries.get(seq);
      yield values === undefined
        ? JSON.stringify({ seq, leaf: base64(leafAt.get(seq - 1) ?? new Uint8Array()) })
        : `{"seq":${seq},"salt":"${base64(saltOf(values))}","entry":${canonicalEntry(values)}}`;
    }
  }
}

export interface VerifiedExport {
  readonly entries: number;
  /** Of these the file has the leaf alone. */
  readonly erased: number;
  /** Who vouched for it, and when, in seconds since the epoch. */
  readonly witnesses: readonly { readonly name: string; readonly atSeconds: number }[];
  readonly fault: LogFault["what"] | undefined;
}

/**
 * Verifies an exported audit: that what it says is what its node signed and its witnesses saw. Needs no node and no store.
 *
 * @param log whose audit it must be.
 * @throws {Failure} `invalid-input`: a line is none of an export; says which.
 */
export async function verifyExport(
  lines: AsyncIterable<string> | Iterable<string>,
  log: NoteKey,
  witnesses: readonly NoteKey[],
): Promise<VerifiedExport> {
  const tree = makeFrontier();
  let [note, erased] = ["", 0];
  let lineNo = 0;
  for await (const line of lines) {
    lineNo++;
    if (lineNo === 1) note = headOf(line);
    else {
      const { seq, leaf, isErased } = leafOfLine(line, lineNo);
      if (seq !== tree.size + 1) throw notALine(lineNo, `entry ${tree.size + 1} is not there`);
      if (isErased) erased++;
      tree.append(leaf);
    }
  }
  if (note === "") throw notALine(1, "the file is empty");
  const signed = parseNote(note);
  const said = parseCheckpoint(signed.text);
  const seen = witnesses.flatMap((witness) => {
    const atSeconds = cosignedAt(signed, witness);
    return atSeconds === undefined ? [] : [{ name: witness.name, atSeconds }];
  });
  const isOurs = said.origin === log.name && isSigned(signed, log);
  const isWhole = said.size === tree.size;
  const bearsOut = isWhole && Buffer.compare(said.root, tree.root()) === 0;
  const fault = !isOurs
    ? "checkpoint-not-signed"
    : !isWhole
      ? "log-cut-short"
      : bearsOut
        ? undefined
        : "checkpoint-contradicted";
  return { entries: tree.size, erased, witnesses: seen, fault };
}

function headOf(line: string): string {
  const head = parse(line, 1);
  if (head["format"] !== "corridor-audit-1" || typeof head["checkpoint"] !== "string") {
    throw notALine(1, "it is no export of an audit");
  }
  return head["checkpoint"];
}

function leafOfLine(line: string, lineNo: number): { seq: unknown; leaf: Uint8Array; isErased: boolean } {
  const { seq, salt, entry, leaf } = parse(line, lineNo);
  if (typeof leaf === "string") return { seq, leaf: Buffer.from(leaf, "base64"), isErased: true };
  if (typeof salt !== "string" || !isRecord(entry)) throw notALine(lineNo, "it has neither an entry nor a leaf");
  return { seq, leaf: leafOfText(Buffer.from(salt, "base64"), canonicalOf(entry)), isErased: false };
}

/** RFC 8785, for a flat object of texts and whole numbers: an entry as it came in a file, its columns in whatever order. */
export function canonicalOf(entry: Readonly<Record<string, unknown>>): string {
  const keys = Object.keys(entry).toSorted((one, other) => (one < other ? -1 : 1));
  return `{${keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(entry[key])}`).join(",")}}`;
}

function parse(line: string, lineNo: number): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (isRecord(value)) return value;
  } catch {
    // told below: the line itself may be about a patient
  }
  throw notALine(lineNo, "it is no JSON object");
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function notALine(lineNo: number, why: string): Failure {
  return new Failure("invalid-input", `Line ${lineNo} is not one of an exported audit: ${why}.`);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
