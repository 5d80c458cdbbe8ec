import { BinaryWriter } from "@bufbuild/protobuf/wire";

import { atEndOfTurn } from "../base/end-of-turn.ts";
import { CLAIMS_MAX, STREAM_QUESTIONS_MAX } from "./bounds.ts";
import { invalid } from "./convert.ts";
import { encode } from "./encode.ts";
import { AnswerLocateStreamResponse, type AnswerLocateStreamRequest } from "./generated/corridor/v1/locator_service.ts";
import type { CoveredQuestion } from "./prove-question.ts";
import { refusalParts } from "./status.ts";

/** What is done with one question of a frame. */
export interface StreamNeeds {
  /** The attempt that covers it, as its frame says; nothing is proven yet. Throws where the frame is no frame. */
  readonly attemptOf: (question: CoveredQuestion) => string;
  /**
   * Authorises, proves and answers it, as if it had come alone: the bytes of a `HolderAnswer`. Throws the refusal.
   *
   * @param isWanted false once the asker has withdrawn it.
   */
  readonly answer: (question: CoveredQuestion, isWanted: () => boolean) => Promise<Buffer>;
}

/**
 * Answers the questions of a stream, each for itself: in whatever order the answers are there, those of one turn together. A
 * refusal is one question's alone. No more questions are taken in than may be under way, nor more answers made than are read.
 */
export async function* answerStream(
  requests: AsyncIterable<AnswerLocateStreamRequest>,
  needs: StreamNeeds,
): AsyncGenerator<Buffer, void> {
  const desk = new AnswerDesk(needs);
  const reading = desk.readAll(requests);
  reading.catch(() => {}); // it is thrown below
  for (;;) {
    const ready = await desk.ready();
    if (ready.length === 0) break;
    yield* ready;
  }
  await reading;
}

class AnswerDesk {
  readonly #needs: StreamNeeds;
  /** Attempts under way, and whether each is still wanted. */
  readonly #underWay = new Map<string, boolean>();
  #answers: Buffer[] = [];
  #refusals: Buffer[] = [];
  #isOver = false;
  #count = 0;
  #wakeWriter: (() => void) | undefined;
  #wakeReader: (() => void) | undefined;

  constructor(needs: StreamNeeds) {
    this.#needs = needs;
  }

  async readAll(requests: AsyncIterable<AnswerLocateStreamRequest>): Promise<void> {
    try {
      for await (const { message } of requests) {
        if (message?.$case === "cancel") this.#withdraw(message.value.attemptId);
        else if (message?.$case === "frame") {
          const { protocol, assertion, questions } = message.value;
          if (questions.length === 0 || questions.length > CLAIMS_MAX)
            throw invalid("questions", `are not 1 to ${CLAIMS_MAX}`);
          for (const question of questions) this.#begin({ protocol, assertion, question });
          await this.#room();
        } else throw invalid("message", "is neither a frame nor a cancellation");
      }
    } finally {
      this.#isOver = true;
      this.#wakeWriter?.();
    }
  }

  /** What is to be sent now: answers of one turn in frames, and refusals. Empty once everything is answered and nothing more comes. */
  async ready(): Promise<Buffer[]> {
    while (this.#answers.length === 0 && this.#refusals.length === 0) {
      if (this.#isOver && this.#count === 0) return [];
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    }
    const [answers, refusals] = [this.#answers, this.#refusals];
    [this.#answers, this.#refusals] = [[], []];
    this.#count -= answers.length + refusals.length;
    this.#wakeReader?.();
    const frames: Buffer[] = [];
    for (let from = 0; from < answers.length; from += CLAIMS_MAX) {
      frames.push(encode(FrameOfAnswers, answers.slice(from, from + CLAIMS_MAX)));
    }
    return [...frames, ...refusals];
  }

  #begin(question: CoveredQuestion): void {
    const attemptId = this.#needs.attemptOf(question);
    this.#underWay.set(attemptId, true);
    this.#count++;
    void this.#answer(question, attemptId);
  }

  /** Never rejects: whatever goes wrong is a refusal of this one. */
  async #answer(question: CoveredQuestion, attemptId: string): Promise<void> {
    try {
      const answer = await this.#needs.answer(question, () => this.#underWay.get(attemptId) === true);
      this.#answers.push(answer); // to the list of this moment
    } catch (thrown) {
      this.#refusals.push(refusal(attemptId, thrown));
    } finally {
      this.#underWay.delete(attemptId);
      atEndOfTurn(() => this.#wakeWriter?.());
    }
  }

  #withdraw(attemptId: string): void {
    if (this.#underWay.has(attemptId)) this.#underWay.set(attemptId, false);
  }

  /** Waits until fewer are under way, those included that are answered and not yet read. */
  async #room(): Promise<void> {
    while (this.#count >= STREAM_QUESTIONS_MAX) await new Promise<void>((resolve) => (this.#wakeReader = resolve));
  }
}

function refusal(attemptId: string, thrown: unknown): Buffer {
  const value = { attemptId, ...refusalParts(thrown) };
  return encode(AnswerLocateStreamResponse, { message: { $case: "refusal", value } });
}

/** An `AnswerLocateStreamResponse` with a frame of answers that are serialised already. */
const FrameOfAnswers = {
  encode(answers: readonly Buffer[], writer = new BinaryWriter()): BinaryWriter {
    writer.uint32(ANSWERS_TAG).fork();
    for (const answer of answers) writer.uint32(ANSWERS_TAG).bytes(answer);
    return writer.join();
  },
};

/** Field 1, length-delimited: the frame in its message, and each answer in its frame. */
const ANSWERS_TAG = (1 << 3) | 2;
