import type { Clock } from "../base/clock.ts";
import type { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import type { Log } from "../telemetry/log.ts";
import type { LetterChoice, LetterLine, LetterReader } from "./dead-letter-store.ts";
import type { LetterSeal } from "./letter-seal.ts";
import type { Look, Reviewer } from "./review.ts";

/** A message of a feed that could not be taken. */
export interface DeadLetter {
  readonly feed: string;
  /** Why, in a code and words of this node's; never a patient's value. */
  readonly reason: string;
  /** The place at fault, `PID-3`; empty where there is none. */
  readonly at: string;
  readonly bytes: Concealed<Uint8Array>;
}

/** Where letters are kept, and what they are kept under. */
export interface LetterBox {
  readonly clock: Clock;
  readonly random: Random;
  /** Of the index. */
  readonly store: StoreExecutor;
  readonly seal: LetterSeal;
}

/** One letter is no larger; the largest message that a door lets in. */
export const LETTER_SIZE_BYTES_MAX = 2 ** 20 + 2 ** 16;

const ID_BYTES = 8;

/** How long letters are kept. */
const LETTERS_KEPT_MS = 30 * 24 * 3_600_000;

/**
 * Keeps a message that could not be taken, encrypted, until somebody has looked at it, for thirty days at most. When it
 * resolves, it is durable. The same bytes again are the same letter.
 *
 * @returns the letter's id.
 * @throws {Failure} `overloaded`: there is no room for it. None is ever dropped to make some: an operator has to.
 * @throws {Failure} `store-unavailable`: nothing was kept.
 */
export async function keepLetter(letter: DeadLetter, { clock, random, store, seal }: LetterBox): Promise<string> {
  const { feed, reason, at: place } = letter;
  const bytes = letter.bytes.expose();
  if (bytes.length > LETTER_SIZE_BYTES_MAX) throw noRoom(`A message of the feed ${feed} is too long to be kept.`);
  const id = Buffer.from(random.bytes(ID_BYTES)).toString("hex");
  const outside = { id, feed, keyId: seal.keyId, reason, place, sizeBytes: bytes.length };
  const inside = { content: seal.markOf(bytes), body: seal.seal({ id, feed }, bytes) };
  const kept = await store.run("keep-letter", { letter: { ...outside, ...inside }, nowMs: clock.wallMs() });
  if ("kept" in kept) return kept.kept;
  throw noRoom(`The dead letters ${kept.full === "feed" ? `of the feed ${feed}` : "of all feeds"} take no more.`);
}

function noRoom(what: string): Failure {
  return new Failure(
    "overloaded",
    `${what} Look at them with corridor mpi dead-letters; replay them or purge them: what comes meanwhile is refused and not kept.`,
    { where: "dead-letters" },
  );
}

/** What a feed made of a letter that it was handed again. */
export type TakenAgain =
  { readonly kind: "taken" } | { readonly kind: "refused"; readonly reason: string; readonly at: string };

export interface DeadLetterNeeds extends LetterBox {
  readonly reader: LetterReader;
  /** Hands a message to its feed again; `undefined` where this node has no such feed any more. */
  readonly takeAgain: (feed: string, bytes: Concealed<Uint8Array>) => Promise<TakenAgain> | undefined;
  /** Durable in the audit when it resolves. */
  readonly recordReview: (look: Look) => Promise<void>;
}

/** Most lines of one list. */
const LISTED_MAX = 500;

export interface LetterList {
  readonly letters: readonly LetterLine[];
  /** All that there are, those included that the list has no room for. */
  readonly count: number;
  /** When the first of them arrived, milliseconds since the epoch; absent where there is none. */
  readonly oldestMs: number | undefined;
}

/** Lists dead letters in the order of arrival: why they were not taken, and nothing of what is in them. */
export async function listLetters(by: Reviewer, choice: LetterChoice, needs: DeadLetterNeeds): Promise<LetterList> {
  await needs.recordReview(look(by, "dead-letters-list", aboutOf(choice)));
  const { letters: count, oldestMs } = needs.reader.count(choice.feed);
  return { letters: needs.reader.list(choice, LISTED_MAX), count, oldestMs };
}

/**
 * Shows one whole: to reviewers alone.
 *
 * @throws {Failure} `not-permitted`: whoever asks may not review. `invalid-input`: there is no such letter.
 * @throws {Failure} `store-unavailable`: the audit could not be written, and nothing was shown; or the key is another one.
 */
export async function showLetter(by: Reviewer, id: string, needs: DeadLetterNeeds): Promise<ShownLetter> {
  if (!by.mayReview) throw new Failure("not-permitted", "Only a reviewer may see what is in a message.");
  const line = theOne(id, needs);
  await needs.recordReview({ ...look(by, "dead-letter-show", { letterNo: line.letterNo }), values: true });
  const bytes = opened(line, needs);
  if (bytes === undefined) throw otherKey();
  return { line, bytes };
}

export interface ShownLetter {
  readonly line: LetterLine;
  readonly bytes: Concealed<Uint8Array>;
}

/** Which letters to hand to their feeds again: one by its id, or all of a choice. */
export type ReplayChoice = LetterChoice | { readonly id: string };

export interface ReplayResult {
  /** Gone from the dead letters. */
  readonly taken: number;
  /** Still there, with their new reasons. */
  readonly refused: number;
  /** Still there: no such feed any more, or another key. */
  readonly notTried: number;
  /** Where to go on, as `after`; 0 where there are no more. */
  readonly next: number;
}

/** Handed out in one go, and for so long at most: then whoever asked goes on. */
const REPLAYED_MAX = 200;
const REPLAY_MS_MAX = 5_000;

/**
 * Hands letters to their feeds again, one after the other in the order in which they arrived. What is taken now is a dead
 * letter no more. Doing it twice, or at the same time, does no harm.
 *
 * @throws {Failure} `invalid-input`: there is no such letter. `store-unavailable`: the audit or the index cannot be
 * written; those not yet counted are still there.
 */
export async function replayLetters(by: Reviewer, choice: ReplayChoice, needs: DeadLetterNeeds): Promise<ReplayResult> {
  const lines = "id" in choice ? [theOne(choice.id, needs)] : needs.reader.list(choice, REPLAYED_MAX);
  const about = "id" in choice ? { letterNo: lines[0]?.letterNo ?? 0 } : aboutOf(choice);
  await needs.recordReview(look(by, "dead-letters-replay", about));
  const untilMs = needs.clock.monotonicMs() + REPLAY_MS_MAX;
  const counts = { taken: 0, refused: 0, notTried: 0 };
  let last = 0;
  for (const line of lines) {
    if (needs.clock.monotonicMs() > untilMs) break;
    counts[await replayOne(line, needs)]++;
    last = line.letterNo;
  }
  const more = !("id" in choice) && needs.reader.list({ feed: choice.feed, after: last }, 1).length > 0;
  return { ...counts, next: more ? last : 0 };
}

async function replayOne(line: LetterLine, needs: DeadLetterNeeds): Promise<"taken" | "refused" | "notTried"> {
  const { store, clock } = needs;
  const { id, feed } = line;
  const bytes = opened(line, needs);
  const result = bytes && (await needs.takeAgain(feed, bytes));
  if (result === undefined) return "notTried";
  if (result.kind === "taken") await store.run("drop-letter", { id });
  else await store.run("letter-refused", { id, reason: result.reason, place: result.at, nowMs: clock.wallMs() });
  return result.kind;
}

/** Which letters to drop: one by its id, or those that have been there for so long. */
export type PurgeChoice =
  { readonly id: string } | { readonly feed?: string | undefined; readonly olderThanMs: number };

/**
 * Drops letters for good, whatever is in them.
 *
 * @returns how many.
 * @throws {Failure} `invalid-input`: there is no such letter. `store-unavailable`: the audit or the index cannot be written.
 */
export async function purgeLetters(by: Reviewer, choice: PurgeChoice, needs: DeadLetterNeeds): Promise<number> {
  if ("id" in choice) {
    const line = theOne(choice.id, needs);
    await needs.recordReview(look(by, "dead-letters-purge", { letterNo: line.letterNo, feed: line.feed }));
    await needs.store.run("drop-letter", { id: line.id });
    return 1;
  }
  const { feed, olderThanMs } = choice;
  await needs.recordReview(look(by, "dead-letters-purge", { ...aboutOf({ feed }), olderThanMs }));
  return dropBefore(needs.clock.wallMs() - olderThanMs, needs.store, feed);
}

/** How often letters are dropped that were kept for long enough, and the log says how many wait. */
const ROUND_MS = 3_600_000;

/**
 * Drops letters that were kept for long enough, and tells the log how many are left: now and every hour. Says now if there
 * are any that cannot be opened.
 *
 * @returns ends it, when the round under way has ended.
 */
export function startLetterRounds(
  { clock, store, reader, seal }: Pick<DeadLetterNeeds, "clock" | "store" | "reader" | "seal">,
  log: Pick<Log, "warn" | "error">,
): () => Promise<void> {
  const unreadable = reader.underOtherKeys(seal.keyId);
  if (unreadable > 0) log.error("dead-letters-unreadable", otherKey(`${unreadable} dead letters are`));
  async function round(): Promise<void> {
    try {
      await dropBefore(clock.wallMs() - LETTERS_KEPT_MS, store);
      const { letters, oldestMs = 0 } = reader.count();
      if (letters > 0) log.warn("dead-letters", { letters, oldest: new Date(oldestMs).toISOString() });
    } catch (thrown) {
      log.error("dead-letters-not-dropped", thrown);
    }
  }
  let running = round();
  const rounds = clock.every(ROUND_MS, () => void (running = round()));
  return async () => {
    rounds.cancel();
    await running;
  };
}

async function dropBefore(beforeMs: number, store: StoreExecutor, feed?: string): Promise<number> {
  let dropped = 0;
  for (let some = 1; some > 0; dropped += some) some = await store.run("drop-letters-before", { beforeMs, feed });
  return dropped;
}

function opened({ id, feed }: LetterLine, { reader, seal }: DeadLetterNeeds): Concealed<Uint8Array> | undefined {
  const body = reader.body(id);
  return body && seal.open({ id, feed }, body);
}

function look(by: Reviewer, action: string, about: Look["about"]): Look {
  const { mayReview: _, ...who } = by;
  return { ...who, action, about, personIds: [], values: false };
}

function aboutOf({ feed, after }: LetterChoice): Record<string, string | number> {
  return { ...(feed !== undefined && { feed }), ...(after !== undefined && { after }) };
}

function theOne(id: string, { reader }: DeadLetterNeeds): LetterLine {
  const line = reader.one(id);
  if (line !== undefined) return line;
  throw new Failure("invalid-input", "There is no such dead letter: corridor mpi dead-letters lists them.", {
    where: "id",
  });
}

function otherKey(which = "The letter is damaged, or"): Failure {
  const text = `${which} under another key than letters.key: restore that file from the backup of the data folder.`;
  return new Failure("store-unavailable", text, { where: "letters.key" });
}
