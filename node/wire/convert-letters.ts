import { Concealed } from "../base/concealed.ts";
import type { LetterChoice, LetterLine } from "../requests/dead-letter-store.ts";
import type { LetterList, PurgeChoice, ReplayChoice, ReplayResult, ShownLetter } from "../requests/dead-letters.ts";
import { invalid, required } from "./convert.ts";
import type {
  DeadLetter,
  ListDeadLettersResponse,
  ReplayDeadLettersResponse,
  ShowDeadLetterResponse,
} from "./generated/corridor/v1/mpi_service.ts";

/** Messages that could not be taken, onto the wire and off it. */

const FEED_CHARACTERS_MAX = 100;

interface WireChoice {
  readonly id?: string;
  readonly feed: string;
  readonly afterLetterNo?: bigint;
}

export function toLetterChoice({ feed, afterLetterNo = 0n }: WireChoice): LetterChoice {
  if (feed.length > FEED_CHARACTERS_MAX) throw invalid("feed", "is too long to be a feed's name");
  if (afterLetterNo > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid("after_letter_no", "is no letter's number");
  return { ...(feed !== "" && { feed }), ...(afterLetterNo !== 0n && { after: Number(afterLetterNo) }) };
}

export function fromLetterChoice(choice: ReplayChoice): Required<WireChoice> {
  if ("id" in choice) return { id: choice.id, feed: "", afterLetterNo: 0n };
  return { id: "", feed: choice.feed ?? "", afterLetterNo: BigInt(choice.after ?? 0) };
}

export function toReplayChoice(choice: WireChoice): ReplayChoice {
  return choice.id ? { id: toLetterId(choice.id) } : toLetterChoice(choice);
}

export function toPurgeChoice(choice: WireChoice & { readonly olderThanMs: bigint }): PurgeChoice {
  if (choice.id) return { id: toLetterId(choice.id) };
  const { olderThanMs } = choice;
  if (olderThanMs < 0n || olderThanMs > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid("older_than_ms", "is no time");
  return { ...toLetterChoice(choice), olderThanMs: Number(olderThanMs) };
}

export function toLetterId(id: string): string {
  if (!/^[0-9a-f]{16}$/.test(id)) throw invalid("id", "is no letter's");
  return id;
}

export function fromLetterList({ letters, count, oldestMs = 0 }: LetterList): ListDeadLettersResponse {
  return { letters: letters.map(fromLine), count, oldestMs: BigInt(oldestMs) };
}

export function toLetterList({ letters, count, oldestMs }: ListDeadLettersResponse): LetterList {
  return { letters: letters.map(toLine), count, oldestMs: oldestMs === 0n ? undefined : Number(oldestMs) };
}

export function fromShownLetter({ line, bytes }: ShownLetter): ShowDeadLetterResponse {
  return { letter: fromLine(line), body: Buffer.from(bytes.expose()) };
}

export function toShownLetter({ letter, body }: ShowDeadLetterResponse): ShownLetter {
  return { line: toLine(required(letter, "letter")), bytes: new Concealed<Uint8Array>(body) };
}

export function fromReplayResult({ next, ...counts }: ReplayResult): ReplayDeadLettersResponse {
  return { ...counts, nextAfterLetterNo: BigInt(next) };
}

export function toReplayResult({ nextAfterLetterNo, ...counts }: ReplayDeadLettersResponse): ReplayResult {
  return { ...counts, next: Number(nextAfterLetterNo) };
}

function fromLine({ letterNo, id, feed, reason, place, arrivedMs, tries, triedMs, sizeBytes }: LetterLine): DeadLetter {
  return {
    ...{ letterNo: BigInt(letterNo), id, feed, reason, place },
    ...{ arrivedMs: BigInt(arrivedMs), tries, triedMs: BigInt(triedMs), sizeBytes },
  };
}

function toLine({ letterNo, arrivedMs, triedMs, ...line }: DeadLetter): LetterLine {
  return { ...line, letterNo: Number(letterNo), arrivedMs: Number(arrivedMs), triedMs: Number(triedMs) };
}
