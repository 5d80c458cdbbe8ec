import { ASSERTIONS_REMEMBERED_MAX } from "./bounds.ts";
import { encode } from "./encode.ts";
import { AssertionPayload, type SignedAssertion } from "./generated/corridor/v1/assertion.ts";

/** An assertion that has been read, and whether its signature holds. */
export interface SeenAssertion {
  readonly payload: AssertionPayload;
  /** False where the payload holds something that is not known here, or gives a field twice. */
  readonly everythingKnown: boolean;
  /** The same for everybody who asks; false is forgotten at once. */
  readonly verified: () => Promise<boolean>;
}

type Verify = (assertion: SignedAssertion) => Promise<boolean>;

interface Entry {
  readonly bytes: Buffer;
  readonly key: string;
  readonly payload: AssertionPayload;
  readonly everythingKnown: boolean;
  verified: Promise<boolean> | undefined;
}

/**
 * Remembers the last assertions: one that covers several questions comes with each of them, and need be read and verified
 * only once. It is the same only where every byte of payload and signature is, under the same key; times, parties and
 * attempts are judged anew for each question.
 */
export class SeenAssertions {
  readonly #entries = new Map<string, Entry>();

  /**
   * @param key the member's public key that the signature is held against.
   * @throws what decoding throws where the payload is not a message.
   */
  read(assertion: SignedAssertion, key: string, verify: Verify): SeenAssertion {
    const name = assertion.signature.toString("latin1");
    const known = this.#entries.get(name);
    const entry =
      known !== undefined && known.key === key && known.bytes.equals(assertion.payload)
        ? known
        : this.#remember(name, assertion, key);
    const forget = (): void => {
      if (this.#entries.get(name) === entry) this.#entries.delete(name);
    };
    return {
      payload: entry.payload,
      everythingKnown: entry.everythingKnown,
      async verified() {
        entry.verified ??= verify(assertion);
        try {
          const holds = await entry.verified;
          if (!holds) forget();
          return holds;
        } catch (thrown) {
          forget();
          throw thrown;
        }
      },
    };
  }

  #remember(name: string, { payload: bytes }: SignedAssertion, key: string): Entry {
    const payload = AssertionPayload.decode(bytes);
    const everythingKnown = encode(AssertionPayload, payload).length === bytes.length;
    const entry: Entry = { bytes, key, payload, everythingKnown, verified: undefined };
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    if (this.#entries.size > ASSERTIONS_REMEMBERED_MAX) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    return entry;
  }
}
