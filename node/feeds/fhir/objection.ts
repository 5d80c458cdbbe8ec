import * as z from "zod";

import type { ObjectionState } from "../../access/objection-store.ts";
import { documentTypeOf } from "./document-types.ts";
import {
  codingsOf,
  type Concept,
  concept,
  dayOf,
  type Json,
  readElements,
  reference,
  type Reference,
  reject,
  type Rejected,
  text,
} from "./elements.ts";

const coded = z.array(z.object({ code: text.optional() })).optional();

const some = z.array(z.unknown()).optional();

/** What makes a provision hold for a part only: some data, some times, some purposes. */
const narrowing = {
  ...{ data: some, class: some, securityLabel: some, purpose: some },
  ...{ period: z.unknown().optional(), dataPeriod: z.unknown().optional() },
};
const actor = z.object({ role: concept.optional() });
/** With all that it says: whatever more that is, narrows it. */
const exception = z.looseObject({ type: text.optional(), purpose: coded });
const CONSENT = z.object({
  status: text,
  scope: concept.optional(),
  patient: reference.optional(),
  dateTime: text.optional(),
  policyRule: concept.optional(),
  provision: z
    .object({
      type: text.optional(),
      ...narrowing,
      code: z.array(concept).optional(),
      actor: z.array(actor).optional(),
      provision: z.array(exception).optional(),
    })
    .optional(),
});

export interface ObjectionParts {
  readonly kind: "objection";
  readonly patients: readonly Reference[];
  readonly state: ObjectionState;
  readonly receivedOn: string;
  readonly overrideInEmergency: boolean;
  /** `type:` and a record type where it is about one kind of record; else empty. */
  readonly scope: string;
  readonly reason: string;
}

/** A Consent's state as an objection's. Where it is not decided yet it holds already: from when it was received. */
const STATES: ReadonlyMap<string, ObjectionState> = new Map([
  ["draft", "received"],
  ["proposed", "received"],
  ["active", "upheld"],
  ["rejected", "declined"],
  ["inactive", "withdrawn"],
]);

const WITH_EXCEPTION = "an objection with an exception: to be decided by a person";
const PART_ONLY = reject("Consent.provision", "objects to a part only: to be decided by a person");

/** A Consent has no place for a reason that everybody reads alike. */
const DECLINED_REASON = "declined in the provider's Consent resource";

/**
 * Reads a Consent that is an objection to sharing: to everything, or to one kind of record that its code names. One that
 * objects to any other part, or that agrees, is for a person to decide.
 */
export function readObjection(resource: Json): ObjectionParts | Rejected {
  const elements = readElements(CONSENT, resource);
  if ("rejected" in elements) return elements;
  const { status, scope, patient, dateTime, policyRule, provision } = elements.read;
  if (codingsOf([scope]).every(({ code }) => code !== "patient-privacy")) {
    return reject("Consent.scope", "not about sharing");
  }
  const rules = codingsOf([policyRule]).map(({ code }) => code);
  const objects = provision?.type === "deny" || (provision?.type === undefined && rules.includes("OPTOUT"));
  if (!objects && rules.includes("OPTOUT")) return reject("Consent.provision", WITH_EXCEPTION);
  if (!objects && provision?.provision?.some(({ type }) => type === "deny") === true) return PART_ONLY;
  if (!objects) return reject("Consent.provision", "not an objection to sharing");
  // The custodian is who is told; any other actor is one of those who may not look.
  const others = codingsOf((provision?.actor ?? []).map(({ role }) => role)).some(({ code }) => code !== "CST");
  const narrows = provision !== undefined && Object.keys(narrowing).some((each) => Object.hasOwn(provision, each));
  const about = scopeOf(provision?.code);
  if (narrows || others || about === undefined) return PART_ONLY;
  const state = STATES.get(status);
  if (state === undefined) return reject("Consent.status", "not a state that an objection can be in");
  return {
    kind: "objection",
    patients: patient === undefined ? [] : [patient],
    state,
    receivedOn: dayOf(dateTime),
    overrideInEmergency: (provision?.provision ?? []).some(isForEmergency),
    scope: about,
    reason: state === "declined" ? DECLINED_REASON : "",
  };
}

/** Everything where no code is named; the record type where one is that stands for one; else `undefined`. */
function scopeOf(codes: readonly Concept[] = []): string | undefined {
  if (codes.length === 0) return "";
  const recordType = codes.length === 1 ? documentTypeOf(codes) : undefined;
  return recordType && `type:${recordType}`;
}

/**
 * An exception that allows emergency treatment, or emergency access, to everybody and at all times. One for some people,
 * times or data only is not followed: the objection then holds in emergencies too.
 */
function isForEmergency({ type, purpose, ...narrower }: z.output<typeof exception>): boolean {
  const codes = purpose?.map(({ code }) => code) ?? [];
  return (
    type === "permit" &&
    Object.keys(narrower).every((each) => each === "id") &&
    (codes.includes("ETREAT") || codes.includes("BTG"))
  );
}
