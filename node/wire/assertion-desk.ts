import type { Clock } from "../base/clock.ts";
import type { NodeId } from "../base/words.ts";
import { CLAIMS_SIGNED_TOGETHER_MAX } from "./bounds.ts";
import { encode } from "./encode.ts";
import { AssertionPayload, type QuestionClaim, type SignedAssertion } from "./generated/corridor/v1/assertion.ts";

/** How long an assertion may be relied on: a question's longest life, and room for clocks that differ. */
export const ASSERTION_LIFETIME_MS = 120_000;

export interface DeskOrder {
  readonly ownId: NodeId;
  readonly holder: string;
  readonly clock: Clock;
  readonly sign: (payload: Uint8Array) => Promise<Uint8Array>;
}

/** An assertion, and which of its claims is the one that was brought. */
export interface Covered {
  readonly assertion: SignedAssertion;
  readonly claimIndex: number;
}

interface Waiting {
  readonly claim: QuestionClaim;
  readonly resolve: (covered: Covered) => void;
  readonly reject: (thrown: unknown) => void;
}

/**
 * Signs claims for one holder. A lone claim is signed at once; those that come while a signature is being made share the
 * next one, so that a busy node signs, and its peer verifies, a fraction of what is asked. Nobody waits longer than one
 * signature takes.
 */
export class AssertionDesk {
  readonly #order: DeskOrder;
  #waiting: Waiting[] = [];
  #busy = false;

  constructor(order: DeskOrder) {
    this.#order = order;
  }

  /** @returns an assertion that covers this claim, alone or with others for the same holder. */
  cover(claim: QuestionClaim): Promise<Covered> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ claim, resolve, reject });
      if (!this.#busy) void this.#signAll();
    });
  }

  async #signAll(): Promise<void> {
    this.#busy = true;
    await Promise.resolve(); // claims of the same moment go together
    while (this.#waiting.length > 0) {
      const together = this.#waiting.splice(0, CLAIMS_SIGNED_TOGETHER_MAX);
      try {
        const assertion = await this.#sign(together.map(({ claim }) => claim));
        for (const [claimIndex, { resolve }] of together.entries()) resolve({ assertion, claimIndex });
      } catch (thrown) {
        for (const { reject } of together) reject(thrown);
      }
    }
    this.#busy = false;
  }

  async #sign(claims: QuestionClaim[]): Promise<SignedAssertion> {
    const { ownId, holder, clock, sign } = this.#order;
    const issuedAtMs = Math.floor(clock.wallMs());
    const payload = encode(AssertionPayload, {
      asker: ownId,
      holder,
      issuedAtMs: BigInt(issuedAtMs),
      expiresAtMs: BigInt(issuedAtMs + ASSERTION_LIFETIME_MS),
      claims,
    });
    return { payload, signature: Buffer.from(await sign(payload)) };
  }
}
