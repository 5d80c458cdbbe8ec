import type { AccessLevel } from "./answer.ts";
import type { Claim } from "./question.ts";
import type { SharedFields } from "./datasets.ts";
import type { RecordTypeKey } from "./record-types.ts";
import type { NodeId, OrganisationCode } from "./words.ts";

declare const proof: unique symbol;

/**
 * Proof that an access decision was made, and what it allows. Code that could disclose does not compile without one.
 * Only `access/` makes one (`permit-maker.ts`); audit keeps its id.
 */
export interface Permit {
  readonly [proof]: true;
  readonly permitId: string;
  readonly requestId: string;
  /** `ask`: own index and peers may be asked. `answer`: own index may answer one peer. */
  readonly kind: "ask" | "answer";
  readonly asker: NodeId;
  readonly claim: Claim;
  /**
   * What this role, in this setting, may see of each record type: of one custodian, which may have asked for less, or of
   * those that have not. Same for every patient.
   */
  readonly levelOf: (recordType: RecordTypeKey, custodian?: OrganisationCode) => AccessLevel;
  /** Of a record of this type that is opened, the fields that may be shown. Same for every patient. */
  readonly fieldsOf: (recordType: RecordTypeKey) => SharedFields;
  /** Record types whose notice every answer carries. */
  readonly sealed: readonly RecordTypeKey[];
  /** Record types of which this role sees nothing, kinds protected by law left out. Same for every patient. */
  readonly notOffered: readonly RecordTypeKey[];
  /** True where the role may see records whose custodian or service is of this sensitivity. */
  readonly mayKnowCustodian: (sensitivity: "N" | "R" | "V") => boolean;
}

export type Decision =
  | { readonly kind: "permitted"; readonly permit: Permit }
  | {
      readonly kind: "refused";
      readonly code: "purpose-refused" | "role-refused" | "not-permitted" | "no-agreement" | "not-covered";
      /** Independent of the patient. A sentence for the user at the asker; a code at the holder, fit to be sent. */
      readonly reason: string;
    };
