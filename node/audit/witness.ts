import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import {
  cosignatureOf,
  cosignedText,
  formatNote,
  formatSignature,
  isSigned,
  type Note,
  type NoteKey,
  parseNote,
} from "./note.ts";
import { isConsistent } from "./tree/merkle.ts";

/** What a witness answers, in the words of C2SP tlog-witness: a status as in HTTP, and a body. */
export interface WitnessReply {
  /**
   * 200: vouched for, `body` has the cosignature. 409: `body` has the size that the witness holds. 400: not understood,
   * 403: not signed by that log, 404: no such log, 422: the proof does not hold.
   */
  readonly status: number;
  readonly body: string;
}

/** The largest tree of another's log that this node has vouched for. */
export interface WitnessedHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** As that log signed it. */
  readonly note: string;
}

export interface WitnessNeeds {
  /** Of the store `audit`. */
  readonly executor: StoreExecutor;
  readonly clock: Clock;
  /** Whose log that is; `undefined` where nobody of this network keeps one of that name. */
  readonly keyOf: (origin: string) => NoteKey | undefined;
  /** This node's own, as a witness. */
  readonly ownKey: NoteKey;
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
  /** Told, once for each, that a log has signed what cannot both be true. Both notes are kept. */
  readonly onSplitView: (origin: string) => void;
}

const PROOF_LINES_MAX = 63;
const BODY_BYTES_MAX = 32 * 1024;

/**
 * Vouches for another's log: that it still begins with what this node saw of it before. Sees roots only. What it vouches for
 * is durable before the cosignature leaves, so that it never vouches for two histories, across restarts.
 *
 * @param body as C2SP tlog-witness has it: the old size, the consistency proof, and the signed checkpoint.
 * @throws {Failure} `store-unavailable`: nothing is vouched for.
 */
export async function addCheckpoint(body: string, needs: WitnessNeeds): Promise<WitnessReply> {
  const asked = readRequest(body);
  if (asked === undefined) return { status: 400, body: "" };
  const { oldSize, proof, note, checkpoint } = asked;
  const key = needs.keyOf(checkpoint.origin);
  if (key === undefined) return { status: 404, body: "" };
  if (!isSigned(note, key)) return { status: 403, body: "" };
  if (oldSize > checkpoint.size) return { status: 400, body: "" };

  const held = await needs.executor.run("audit.witnessed", checkpoint.origin);
  const isOther = await contradicts(held, checkpoint, asked.text, needs);
  if ((held?.size ?? 0) !== oldSize || isOther) return { status: 409, body: `${held?.size ?? 0}\n` };
  const before = held ?? { size: 0, root: new Uint8Array() };
  if (!isConsistent(before, checkpoint, proof)) return { status: 422, body: "" };

  const { origin, size, root } = checkpoint;
  const nowMs = needs.clock.wallMs();
  // With the log's own signature alone: those of other witnesses could be many, and are nothing to this one.
  const kept = formatNote({ text: note.text, signatures: note.signatures.filter(({ name }) => name === origin) });
  const nowHeld = await needs.executor.run("audit.witness", { origin, oldSize, size, root, note: kept, nowMs });
  if (nowHeld !== size) return { status: 409, body: `${nowHeld}\n` };
  const atSeconds = Math.floor(nowMs / 1_000);
  const signature = await needs.sign(cosignedText(note.text, atSeconds));
  return { status: 200, body: formatSignature(cosignatureOf(needs.ownKey, atSeconds, signature)) };
}

/** One size, two roots, both signed by the log: there is no innocent way to that. */
async function contradicts(
  held: WitnessedHead | undefined,
  checkpoint: Checkpoint,
  offered: string,
  needs: Pick<WitnessNeeds, "executor" | "clock" | "onSplitView">,
): Promise<boolean> {
  if (held?.size !== checkpoint.size || Buffer.compare(held.root, checkpoint.root) === 0) return false;
  await keepEvidence(held, offered, needs);
  return true;
}

/**
 * Two notes of one log of which no proof leads from one to the other: kept for whoever has to be told.
 *
 * @throws {Failure} `store-unavailable`: not kept; the next comparison finds it again.
 */
export async function keepEvidence(
  held: WitnessedHead,
  offered: string,
  { executor, clock, onSplitView }: Pick<WitnessNeeds, "executor" | "clock" | "onSplitView">,
): Promise<void> {
  const { origin, note: vouched } = held;
  const isNew = await executor.run("audit.split-view", { origin, vouched, offered, nowMs: clock.wallMs() });
  if (isNew) onSplitView(origin);
}

interface Request {
  readonly oldSize: number;
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint as it came. */
  readonly text: string;
  readonly note: Note;
  readonly checkpoint: Checkpoint;
}

function readRequest(body: string): Request | undefined {
  const end = body.indexOf("\n\n");
  if (end < 0 || Buffer.byteLength(body) > BODY_BYTES_MAX) return undefined;
  const [old = "", ...lines] = body.slice(0, end).split("\n");
  const size = /^old (0|[1-9]\d{0,15})$/.exec(old)?.[1];
  const proof = lines.map((line) => Buffer.from(line, "base64"));
  const isProof = proof.every((hash, at) => hash.length === 32 && hash.toString("base64") === lines[at]);
  if (size === undefined || lines.length > PROOF_LINES_MAX || !isProof) return undefined;
  try {
    const text = body.slice(end + 2);
    const note = parseNote(text);
    return { oldSize: Number(size), proof, text, note, checkpoint: parseCheckpoint(note.text) };
  } catch (thrown) {
    if (thrown instanceof Failure) return undefined;
    throw thrown;
  }
}

/** The request that {@link addCheckpoint} reads. */
export function formatRequest(oldSize: number, proof: readonly Uint8Array[], note: string): string {
  const lines = proof.map((hash) => `${Buffer.from(hash).toString("base64")}\n`);
  return `old ${oldSize}\n${lines.join("")}\n${note}`;
}
