import type { BirthDate } from "./birth-date.ts";
import type { Concealed } from "./concealed.ts";
import type { Deadline } from "./deadline.ts";
import type { NhsNumber } from "./nhs-number.ts";
import type { Assurance, OrganisationCode, Purpose, RelationshipKind, Setting, Trigger } from "./words.ts";

/** The person a question is about, parsed. A number never travels without a date of birth. */
export type PatientQuery =
  | {
      readonly by: "number";
      readonly nhsNumber: NhsNumber;
      readonly birthDate: BirthDate;
      readonly familyName?: Concealed<string>;
      readonly givenName?: Concealed<string>;
    }
  | {
      readonly by: "demographics";
      readonly familyName: Concealed<string>;
      readonly givenName: Concealed<string>;
      readonly birthDate: BirthDate;
      readonly postcode?: Concealed<string>;
    };

/** Who asks, from where and why. */
export interface Claim {
  readonly userId: string;
  /** National job role as given: `R8000` or `S8000:G8000:R8000`. */
  readonly role: string;
  /** What the user's organisation calls the job, where that was mapped to the role. Stays in the asker's audit; not sent. */
  readonly localRole?: string;
  readonly setting: Setting;
  /** The originating organisation. */
  readonly organisation: OrganisationCode;
  readonly assurance: Assurance;
  readonly purpose: Purpose;
  readonly relationship: { readonly kind: RelationshipKind; readonly reference?: string };
  readonly trigger: Trigger;
  /** In the user's words. Stays in the asker's audit; not sent to holders. */
  readonly reason?: string;
}

/** One question, as its story sees it. */
export interface Question {
  readonly requestId: string;
  readonly patient: PatientQuery;
  readonly claim: Claim;
  /** When the verdict is wanted. */
  readonly answerBy: Deadline;
  /** Until when a late answer is of use. */
  readonly lateUntil: Deadline;
  /** The locate whose answers are wanted, with those that came after its verdict; absent where areas are to be asked. */
  readonly lateOf?: string;
}
