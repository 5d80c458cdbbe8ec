import type { Database } from "better-sqlite3";

import { Failure } from "../base/failure.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { LOG_COLUMNS } from "./log-columns.ts";
import { isSigned, type NoteKey, parseNote } from "./note.ts";
import { makeFrontier } from "./tree/frontier.ts";
import { leafOf, type LogValues } from "./tree/leaf.ts";
import { KEPT_EVERY } from "./tree/tree-store.ts";

/** What is wrong with a log. `from` and `to` are the first and last entry that it may be about. */
export interface LogFault {
  readonly what:
    | "entry-changed"
    | "entry-missing"
    | "leaf-missing"
    | "tree-changed"
    | "checkpoint-contradicted"
    | "checkpoint-not-signed"
    | "log-cut-short";
  readonly from: number;
  readonly to: number;
}

export interface VerifiedLog {
  readonly entries: number;
  readonly checkpoints: number;
  /** Of the last checkpoint that the log bears out; 0 where there is none. */
  readonly provenTo: number;
  /** In the order of the entries; the first is the first bad one. At most {@link FAULTS_MAX}. */
  readonly faults: readonly LogFault[];
}

const FAULTS_MAX = 100;

/** Entries read at a time: no reader of the log keeps its file from being tidied for long. */
const SLICE = 5_000;

/**
 * Holds every entry of a log against its leaf, the leaves against the tree, and the tree against every checkpoint that the
 * node has signed, in one pass and with little memory. Entries that are added meanwhile are left for the next time.
 *
 * Whoever changes an entry together with its leaf and the tree above contradicts the first checkpoint after it: then the
 * fault names the entries since the checkpoint before.
 *
 * @param key whose log it is; without it signatures are not looked at.
 * @param onProgress told now and then how many entries have been read.
 */
export function verifyLog(
  db: Database,
  key?: NoteKey,
  onProgress = (_entries: number): void => undefined,
): VerifiedLog {
  const faults: LogFault[] = [];
  const fault = (what: LogFault["what"], from: number, to = from): void => {
    if (faults.length < FAULTS_MAX) faults.push({ what, from, to });
  };
  const checkpoints = db
    .prepare<[], { readonly size: number; readonly note: string }>(
      "SELECT size, note FROM audit_checkpoint ORDER BY size",
    )
    .all();
  const keptSubtree = db
    .prepare<[number, number], Uint8Array>("SELECT hash FROM audit_subtree WHERE level = ? AND place = ?")
    .pluck();
  const tree = makeFrontier((level, place, hash) => {
    if (level % KEPT_EVERY !== 0) return;
    const kept = keptSubtree.get(level, place);
    if (kept === undefined || !isSame(kept, hash)) fault("tree-changed", place * 2 ** level + 1, tree.size);
  });
  const erasedTo = erasedByRetention(db);
  let [provenTo, next] = [0, 0];
  for (const { seq, entry, leaf } of rowsOf(db)) {
    const own = entry === undefined ? undefined : leafOf(entry);
    if (own === undefined && seq > erasedTo) fault("entry-missing", seq);
    else if (leaf === undefined) fault("leaf-missing", seq);
    else if (own !== undefined && !isSame(leaf, own)) fault("entry-changed", seq);
    tree.append(leaf ?? own ?? Buffer.alloc(32));
    for (; checkpoints[next]?.size === seq; next++) {
      const wrong = faultOf(checkpoints[next]!.note, seq, tree.root(), key);
      if (wrong === undefined) provenTo = seq;
      else fault(wrong, provenTo + 1, seq);
    }
    if (seq % (20 * SLICE) === 0) onProgress(seq);
  }
  const newest = checkpoints.at(-1)?.size ?? 0;
  if (newest > tree.size) fault("log-cut-short", tree.size + 1, newest);
  return { entries: tree.size, checkpoints: checkpoints.length, provenTo, faults };
}

interface Row {
  readonly seq: number;
  readonly entry: LogValues | undefined;
  readonly leaf: Uint8Array | undefined;
}

/** Every number up to the last that the log or its tree has, with what each has of it. */
function* rowsOf(db: Database): Generator<Row> {
  const entriesOf = db
    .prepare<[number, number], [number, ...LogValues]>(
      `SELECT seq, ${LOG_COLUMNS.join(", ")} FROM audit_log WHERE seq > ? AND seq <= ?`,
    )
    .raw();
  const leavesOf = db
    .prepare<[number, number], [number, Uint8Array]>(
      "SELECT place + 1, hash FROM audit_leaf WHERE place >= ? AND place < ?",
    )
    .raw();
  const last = Number(
    db
      .prepare(
        "SELECT max((SELECT coalesce(max(seq), 0) FROM audit_log), (SELECT coalesce(max(place) + 1, 0) FROM audit_leaf))",
      )
      .pluck()
      .get(),
  );
  for (let from = 0; from < last; from += SLICE) {
    const to = Math.min(from + SLICE, last);
    const entries = new Map(entriesOf.all(from, to).map(([seq, ...values]) => [seq, values]));
    const leaves = new Map(leavesOf.all(from, to));
    for (let seq = from + 1; seq <= to; seq++) yield { seq, entry: entries.get(seq), leaf: leaves.get(seq) };
  }
}

/** Up to where the log's own entries say that retention has erased it. */
function erasedByRetention(db: Database): number {
  const told = db
    .prepare<[], string>("SELECT detail FROM audit_log WHERE kind = 'retention' ORDER BY seq DESC LIMIT 1")
    .pluck();
  const detail = told.get();
  return detail === undefined ? 0 : (JSON.parse(detail) as { readonly erasedTo: number }).erasedTo;
}

/** What is wrong with a checkpoint, given what the tree truly was at its size. */
function faultOf(
  text: string,
  size: number,
  root: Uint8Array,
  key: NoteKey | undefined,
): "checkpoint-contradicted" | "checkpoint-not-signed" | undefined {
  try {
    const note = parseNote(text);
    const said = parseCheckpoint(note.text);
    if (key !== undefined && !(said.origin === key.name && isSigned(note, key))) return "checkpoint-not-signed";
    return said.size === size && isSame(said.root, root) ? undefined : "checkpoint-contradicted";
  } catch (thrown) {
    if (thrown instanceof Failure) return "checkpoint-not-signed"; // it is no note any more
    throw thrown;
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
