import type { NhsNumber } from "../base/nhs-number.ts";
import type { OrganisationCode, Sensitivity } from "../base/words.ts";

/**
 * The National Record Locator, as this node uses it: it says there that this shared care record knows a patient, and asks who
 * else does. A node asks it only where it is set up to.
 *
 * Each method throws a {@link Failure} where it cannot be done now (`timed-out`, `unreachable`, `overloaded`,
 * `not-authenticated`, `not-permitted`), was refused (`invalid-input`), or the answer is not what the specification says
 * (`incompatible`): then nothing of it was used. A signal aborts when nobody waits any more; what was asked may have been done.
 */
export interface Nrl {
  /** Ids of the pointers to this shared care record that are there for a patient: one, or none. */
  findOwn(nhsNumber: NhsNumber, signal: AbortSignal): Promise<readonly string[]>;
  /** Adds the pointer. @returns its id, `<ODS code>-<some text>`: the locator gives it. */
  create(nhsNumber: NhsNumber, signal: AbortSignal): Promise<string>;
  /** Removes a pointer of this organisation's; one that is not there is as good as removed. */
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** Everybody's pointers for a patient. */
  search(nhsNumber: NhsNumber, signal: AbortSignal): Promise<readonly NationalPointer[]>;
}

/** A pointer of the locator's, as far as it is used here. Says nothing of the patient. */
export interface NationalPointer {
  readonly id: string;
  /** What it is, in whatever codings its producer gives. */
  readonly types: readonly Coding[];
  readonly custodian: { readonly code: OrganisationCode; readonly name: string };
  /** As its producer labelled it; normal where it did not. */
  readonly sensitivity: Sensitivity;
  /** When it was last changed, milliseconds since the epoch; 0 where not said. */
  readonly updatedAtMs: number;
}

export interface Coding {
  readonly system: string;
  readonly code: string;
}
