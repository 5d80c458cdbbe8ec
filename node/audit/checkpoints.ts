import type { Clock, Timer } from "../base/clock.ts";
import { asFailure, Failure } from "../base/failure.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import { formatCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import type { KeptCheckpoint } from "./checkpoint-store.ts";
import { cosignedAt, formatNote, type NoteKey, noteKeyId, parseNote, parseSignature } from "./note.ts";
import { formatRequest, type WitnessReply } from "./witness.ts";

/** How often the log is signed where it has grown: what happened is vouched for about as soon. */
const EVERY_MS = 10_000;
/** Without witnesses for so long, the operator is alarmed, and every hour again. */
export const UNWITNESSED_ALARM_MS = 15 * 60_000;
const ALARM_AGAIN_MS = 3_600_000;
/** Without witnesses for so long, peers get no answers any more. */
export const UNWITNESSED_STOP_MS = 72 * 3_600_000;
/** So many witnesses make a checkpoint witnessed, where the network has as many other nodes. */
const WITNESSES = 2;
/** Checkpoints looked back through at a start for one that was witnessed. */
const LOOK_BACK = 1_000;

/** A peer as the witness of this node's log. */
export interface Witness {
  readonly key: NoteKey;
  /** @throws {Failure} the peer was not reached. */
  readonly addCheckpoint: (body: string) => Promise<WitnessReply>;
}

export interface CheckpointsNeeds {
  /** Of the store `audit`. */
  readonly executor: StoreExecutor;
  readonly clock: Clock;
  /** This node's own, as the keeper of its log. */
  readonly ownKey: NoteKey;
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
  /** The peers who may be asked now, in the order in which to ask them. */
  readonly witnesses: () => readonly Witness[];
  readonly alarm: (event: CheckpointAlarm, failure: Failure) => void;
}

export type CheckpointAlarm =
  /** The log no longer says what this node signed: nothing is signed any more. */
  | "audit-tampered"
  /** A witness vouches for more than the log has: an older file was put in its place. */
  | "audit-behind-witness"
  | "audit-witness-refused"
  | "audit-unwitnessed"
  | "audit-checkpoint-failed";

export interface Checkpoints {
  /** For how long the newest part of the log has had too few witnesses; 0 where it has enough. */
  unwitnessedMs(): number;
  /** Signs what there is, and asks the witnesses, at once. */
  round(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Signs the log as it grows and has peers vouch for it. Nobody waits for any of it: what gates a disclosure is that its
 * entry is durable.
 *
 * @throws {Failure} `store-unavailable`: what was signed before cannot be read.
 */
export async function startCheckpoints(needs: CheckpointsNeeds): Promise<Checkpoints> {
  const keeper = new CheckpointKeeper(needs);
  await keeper.recall();
  return keeper;
}

class CheckpointKeeper implements Checkpoints {
  readonly #needs: CheckpointsNeeds;
  readonly #timer: Timer;
  /** What each witness holds, as far as is known. */
  readonly #sizeAt = new Map<string, number>();
  #newest: KeptCheckpoint | undefined;
  /** When the first checkpoint was signed that has too few witnesses, on the monotonic clock. */
  #unwitnessedSinceMs: number | undefined;
  #alarmedAtMs = -Infinity;
  #running: Promise<void> | undefined;
  #isTampered = false;

  constructor(needs: CheckpointsNeeds) {
    this.#needs = needs;
    this.#timer = needs.clock.every(EVERY_MS, () => void this.round());
  }

  /** After a restart the clock runs on from where it stood. */
  async recall(): Promise<void> {
    const { executor, clock } = this.#needs;
    const newestFirst = await executor.run("audit.checkpoints", { atMost: LOOK_BACK });
    this.#newest = newestFirst[0];
    const witnessed = newestFirst.findIndex((each) => this.#isWitnessed(each));
    const firstUnwitnessed = newestFirst[(witnessed < 0 ? newestFirst.length : witnessed) - 1];
    if (firstUnwitnessed === undefined) return;
    this.#unwitnessedSinceMs = clock.monotonicMs() - Math.max(0, clock.wallMs() - firstUnwitnessed.atMs);
  }

  unwitnessedMs(): number {
    return this.#unwitnessedSinceMs === undefined ? 0 : this.#needs.clock.monotonicMs() - this.#unwitnessedSinceMs;
  }

  round(): Promise<void> {
    this.#running ??= this.#sign()
      .catch((thrown: unknown) => this.#needs.alarm("audit-checkpoint-failed", asFailure(thrown)))
      .finally(() => (this.#running = undefined));
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#timer.cancel();
    await this.#running;
  }

  async #sign(): Promise<void> {
    if (this.#isTampered) return;
    const checkpoint = await this.#signIfGrown();
    if (checkpoint === undefined) return;
    this.#unwitnessedSinceMs ??= this.#isWitnessed(checkpoint) ? undefined : this.#needs.clock.monotonicMs();
    const seen = await this.#askWitnesses(checkpoint);
    if (this.#isWitnessed(seen)) this.#unwitnessedSinceMs = undefined;
    this.#alarmIfUnwitnessed();
  }

  /** @returns the checkpoint of the log as it is; `undefined` where it is empty, or not what was signed before. */
  async #signIfGrown(): Promise<KeptCheckpoint | undefined> {
    const { executor, clock, ownKey, sign } = this.#needs;
    const before = this.#newest;
    const { size, root, earlierRoot } = await executor.run("audit.tree-head", { earlierSize: before?.size ?? 0 });
    if (before !== undefined && !this.#bearsOut(before, earlierRoot)) {
      this.#isTampered = true;
      this.#needs.alarm("audit-tampered", tampered(before.size));
      return undefined;
    }
    if (size === (before?.size ?? 0)) return before;
    const text = formatCheckpoint({ origin: ownKey.name, size, root });
    const bytes = await sign(Buffer.from(text));
    const note = formatNote({ text, signatures: [{ name: ownKey.name, keyId: noteKeyId(ownKey, "text"), bytes }] });
    const checkpoint = { size, atMs: clock.wallMs(), note };
    await executor.run("audit.keep-checkpoint", checkpoint);
    this.#newest = checkpoint;
    return checkpoint;
  }

  #bearsOut({ note }: KeptCheckpoint, root: Uint8Array): boolean {
    return Buffer.compare(parseCheckpoint(parseNote(note).text).root, root) === 0;
  }

  /** @returns the checkpoint with the lines of those who vouched for it. */
  async #askWitnesses(checkpoint: KeptCheckpoint): Promise<KeptCheckpoint> {
    let { note } = checkpoint;
    for (const witness of this.#needs.witnesses()) {
      if (this.#isWitnessed({ note })) break;
      if (cosignedAt(parseNote(note), witness.key) !== undefined) continue;
      note += await this.#ask(witness, checkpoint).catch((thrown: unknown) => this.#noLine(asFailure(thrown)));
    }
    if (note === checkpoint.note) return checkpoint;
    const seen = { ...checkpoint, note };
    await this.#needs.executor.run("audit.keep-checkpoint", seen);
    if (this.#newest?.size === seen.size) this.#newest = seen;
    return seen;
  }

  #noLine(failure: Failure): string {
    const isAway = failure.code === "unreachable" || failure.code === "timed-out";
    if (!isAway)
      this.#needs.alarm(failure instanceof Behind ? "audit-behind-witness" : "audit-witness-refused", failure);
    return "";
  }

  /** @returns the witness's line. */
  async #ask(witness: Witness, { size, note }: KeptCheckpoint): Promise<string> {
    const { name } = witness.key;
    for (let asked = 1; ; asked++) {
      const from = this.#sizeAt.get(name) ?? 0;
      const proof = await this.#needs.executor.run("audit.consistency", { from, to: size });
      const { status, body } = await witness.addCheckpoint(formatRequest(from, proof, note));
      const held = /^(\d{1,16})\n$/.exec(body)?.[1];
      if (status === 409 && Number(held) > size) throw new Behind(name, Number(held), size);
      if (status === 409 && held !== undefined && Number(held) !== from && asked === 1) {
        this.#sizeAt.set(name, Number(held));
        continue;
      }
      if (status !== 200) throw refused(name, status);
      parseSignature(body.slice(0, -1));
      if (cosignedAt(parseNote(note + body), witness.key) === undefined) throw refused(name, status);
      this.#sizeAt.set(name, size);
      return body;
    }
  }

  #isWitnessed({ note }: Pick<KeptCheckpoint, "note">): boolean {
    const witnesses = this.#needs.witnesses();
    const parsed = parseNote(note);
    const seenBy = witnesses.filter(({ key }) => cosignedAt(parsed, key) !== undefined).length;
    return seenBy >= Math.min(WITNESSES, witnesses.length);
  }

  #alarmIfUnwitnessed(): void {
    const forMs = this.unwitnessedMs();
    const nowMs = this.#needs.clock.monotonicMs();
    if (forMs < UNWITNESSED_ALARM_MS || nowMs - this.#alarmedAtMs < ALARM_AGAIN_MS) return;
    this.#alarmedAtMs = nowMs;
    this.#needs.alarm("audit-unwitnessed", unwitnessed(forMs));
  }
}

function tampered(size: number): Failure {
  return new Failure(
    "store-unavailable",
    `The audit no longer says what this node signed when it had ${size} entries: run 'corridor audit verify' and keep the files as they are.`,
  );
}

/** A witness has seen more than the log has. */
class Behind extends Failure {
  constructor(witness: string, held: number, size: number) {
    super(
      "store-unavailable",
      `${witness} has seen ${held} entries of this node's audit, which has ${size}: an older file was put in its place. Keep the files as they are.`,
    );
  }
}

function refused(witness: string, status: number): Failure {
  const why = status === 422 ? "it does not begin with what was seen of it before" : `status ${status}`;
  return new Failure("incompatible", `${witness} does not vouch for this node's audit: ${why}.`);
}

function unwitnessed(forMs: number): Failure {
  const hours = Math.floor(forMs / 3_600_000);
  return new Failure(
    "unreachable",
    `No two peers have seen this node's audit for ${hours === 0 ? `${Math.floor(forMs / 60_000)} minutes` : `${hours} hours`}: after 72 hours peers get no answers. Check the way to the peers.`,
  );
}
