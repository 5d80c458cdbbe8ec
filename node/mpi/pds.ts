import type { Concealed } from "../base/concealed.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import type { AskedSearch } from "./search-terms.ts";

/**
 * The Personal Demographics Service, as this node uses it: application-restricted, so a search gives one person or nobody.
 * A node asks it only where it is set up to.
 */
export interface Pds {
  /**
   * What the service holds under a number.
   *
   * @throws {Failure} `timed-out`, `unreachable`, `overloaded`, `not-authenticated`, `not-permitted`: nothing is known of the
   * person; `incompatible`: the answer is not what the specification says, and nothing of it was used.
   */
  read(nhsNumber: NhsNumber): Promise<PdsRead>;
  /**
   * The one person whom a search fits. Postcode wildcards, history and the rest are the service's own.
   *
   * @throws {Failure} as {@link read}; also `invalid-input`: the service refuses the search.
   */
  search(asked: Concealed<AskedSearch>): Promise<PdsSearch>;
}

export type PdsRead =
  | { readonly kind: "found"; readonly patient: PdsPatient }
  /**
   * The number was given up for the one of this patient: whoever holds the old one must take the new one instead, and see
   * that nobody else holds it.
   */
  | { readonly kind: "superseded"; readonly patient: PdsPatient }
  /** The number was somebody's, is so no more, and no other took its place. */
  | { readonly kind: "invalidated" }
  | { readonly kind: "not-found" };

export type PdsSearch =
  | { readonly kind: "found"; readonly patient: PdsPatient; readonly score: number }
  | { readonly kind: "none" }
  | { readonly kind: "too-many" };

export interface PdsPatient {
  readonly nhsNumber: NhsNumber;
  /** Rises with every change of the record. */
  readonly versionId: string;
  /** Location protected: the details have no place, whatever the service sent. */
  readonly restricted: boolean;
  readonly details: Concealed<PdsDetails>;
}

/** Empty where not known, or protected. Dates may be a year, or a year and a month. */
export interface PdsDetails {
  /** The usual name first. */
  readonly names: readonly { readonly use: string; readonly family: string; readonly given: readonly string[] }[];
  readonly birthDate: string;
  readonly gender: string;
  readonly addressLines: readonly string[];
  readonly postcode: string;
  readonly phones: readonly string[];
  readonly emails: readonly string[];
  /** ODS code of the general practice. */
  readonly practice: string;
  /** When the person died; empty where they have not, or a notice of it was taken back. */
  readonly died: string;
  /** True where the registrar has notified the death; else a local organisation. */
  readonly deathRegistered: boolean;
}
