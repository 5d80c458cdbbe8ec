import * as z from "zod";

import type { RecordTypeKey } from "../../base/record-types.ts";
import type { Sensitivity } from "../../base/words.ts";
import { PROTECTED_KIND_REASON } from "../items.ts";
import { lookThrough } from "./contents.ts";
import {
  dayOf,
  type Identifier,
  identifier,
  type Json,
  meta,
  type Reference,
  reject,
  type Rejected,
  text,
} from "./elements.ts";
import { NO_RECORD_REASON, RECORD_KINDS, saysNoRecord, sensitivityOf } from "./kinds.ts";
import { type ObjectionParts, readObjection } from "./objection.ts";
import { type PatientParts, readPatient } from "./patient.ts";

/** A resource that stands for a record, or for an entry of one. */
export interface RecordParts {
  readonly kind: "record";
  readonly patients: readonly Reference[];
  readonly recordType: RecordTypeKey;
  readonly sensitivity: Sensitivity;
  /** `YYYY-MM-DD`, or empty. */
  readonly day: string;
  /** Where its patient has one list of the type: the kind of resource by which that list is fetched. */
  readonly listedAs: string | undefined;
  readonly custodian: Reference | undefined;
  readonly attachment: { readonly url?: string | undefined; readonly contentType?: string | undefined } | undefined;
}

export interface OrganisationParts {
  readonly kind: "organisation";
  readonly code: string;
}

/** What a resource is, as far as it says itself: who sent it and whose it is are still to be found. */
export type Described = {
  readonly type: string;
  /** The source's own id for it; empty where it has none. */
  readonly id: string;
  /** To what it refers, anywhere in it. */
  readonly references: readonly string[];
  readonly isProtected: boolean;
  readonly contained: unknown;
} & (PatientParts | RecordParts | ObjectionParts | OrganisationParts | ({ readonly kind: "none" } & Rejected));

const ABOUT = z.object({ id: text.optional(), meta: meta.optional() });
const BUSINESS_IDENTIFIER = z.object({ identifier: z.union([identifier, z.array(identifier)]).optional() });

/** Says what one resource is. Whatever it holds, nothing is thrown and nothing of it is quoted. */
export function describe(resource: Json, today: string): Described {
  const type = typeof resource["resourceType"] === "string" ? resource["resourceType"] : "";
  const { isProtected, references, tooDeep, isModified } = lookThrough(resource);
  const about = ABOUT.safeParse(resource);
  const id = about.success ? (about.data.id ?? businessId(resource)) : "";
  const alike = { type, id, references, isProtected, contained: resource["contained"] };
  const none = ({ rejected }: Rejected): Described => ({ ...alike, kind: "none", rejected });

  if (tooDeep) return none(reject("", "nested too deep"));
  if (isModified) return none(MODIFIED);
  if (!about.success) return none(reject("meta", "id or meta is not of the form that FHIR R4 gives it"));
  if (about.data.meta?.profile?.some((profile) => /STU3|DSTU2/i.test(profile)) === true) {
    return none(reject("meta.profile", "of FHIR STU3 or older, not R4"));
  }
  const parts = partsOf(type, resource, isProtected, today);
  return "rejected" in parts ? none(parts) : { ...alike, ...parts };
}

export const MODIFIED: Rejected = reject(
  "modifierExtension",
  "something in it (modifierExtension, implicitRules) changes what the rest means, and is not known here",
);

function partsOf(
  type: string,
  resource: Json,
  isProtected: boolean,
  today: string,
): PatientParts | RecordParts | ObjectionParts | OrganisationParts | Rejected {
  switch (type) {
    case "Patient":
      return readPatient(resource, today);
    case "Organization":
      return { kind: "organisation", code: organisationCodeOf(resource) };
    case "Consent":
      return readObjection(resource);
    default:
      return isProtected ? PROTECTED : recordOf(type, resource);
  }
}

/** The same words as for a pointer of such a kind, so that one count holds both. */
export const PROTECTED: Rejected = reject("record_type", PROTECTED_KIND_REASON);

export const NOT_A_RECORD: Rejected = reject(
  "resourceType",
  "not a kind of resource that becomes a record of a patient",
);

function recordOf(type: string, resource: Json): RecordParts | Rejected {
  const kind = RECORD_KINDS.get(type);
  if (kind === undefined) return NOT_A_RECORD;
  const words = kind.read(resource);
  if ("rejected" in words) return words;
  if (saysNoRecord(words)) return reject(`${type}.status`, NO_RECORD_REASON);
  const { recordType, patients, custodian, attachment, dates } = words;
  return {
    ...{ kind: "record", patients, recordType, custodian, attachment },
    sensitivity: sensitivityOf(resource, words),
    day: dayOf(dates.find((date) => date !== undefined)),
    listedAs: kind.listedAs(recordType),
  };
}

function businessId(resource: Json): string {
  const [first] = identifiersOf(resource);
  return first?.value ?? "";
}

function identifiersOf(resource: unknown): readonly Identifier[] {
  const read = BUSINESS_IDENTIFIER.safeParse(resource);
  if (!read.success || read.data.identifier === undefined) return [];
  return Array.isArray(read.data.identifier) ? read.data.identifier : [read.data.identifier];
}

/** Under which organisation codes are sent; one published guide writes it with an s. */
const ORGANISATION_SYSTEM = /\/Id\/ods-organi[sz]ation-code$/;

/** The organisation's code, or empty. */
export function organisationCodeOf(resource: unknown): string {
  return codeAmong(identifiersOf(resource));
}

export function codeAmong(some: readonly Identifier[]): string {
  return some.find(({ system }) => ORGANISATION_SYSTEM.test(system ?? ""))?.value ?? "";
}
