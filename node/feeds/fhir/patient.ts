import * as z from "zod";

import type { IdentityRecord } from "../../mpi/identity-record.ts";
import {
  CONFIDENTIALITY,
  dayOf,
  identifier,
  type Identifier,
  type Json,
  meta,
  period,
  readElements,
  reference,
  type Reference,
  reject,
  type Rejected,
  text,
} from "./elements.ts";

/** An element of a list of texts may be null: it is then said by an extension only. */
const texts = z.array(text.nullable());

const extension = z.object({
  url: text,
  valueCodeableConcept: z.object({ coding: z.array(z.object({ code: text.optional() })).optional() }).optional(),
});

const name = z.object({
  use: text.optional(),
  family: text.optional(),
  given: texts.optional(),
  period: period.optional(),
});

const address = z.object({
  use: text.optional(),
  text: text.optional(),
  line: texts.optional(),
  city: text.optional(),
  district: text.optional(),
  postalCode: text.optional(),
  period: period.optional(),
});

const telecom = z.object({
  system: text.optional(),
  value: text.optional(),
  use: text.optional(),
  period: period.optional(),
});

const PATIENT = z.object({
  id: text.optional(),
  meta: meta.optional(),
  active: z.boolean().optional(),
  identifier: z.array(identifier.extend({ extension: z.array(extension).optional() })).optional(),
  name: z.array(name).optional(),
  telecom: z.array(telecom).optional(),
  gender: text.optional(),
  birthDate: text.optional(),
  address: z.array(address).optional(),
  managingOrganization: reference.optional(),
  link: z.array(z.object({ type: text.optional() })).optional(),
});

type Patient = z.output<typeof PATIENT>;
type NumberIdentifier = NonNullable<Patient["identifier"]>[number];

/** The systems under which NHS numbers have been sent, today's first. */
const NHS_NUMBER_SYSTEMS: ReadonlySet<string | undefined> = new Set([
  "https://fhir.nhs.uk/Id/nhs-number",
  "http://fhir.nhs.uk/Id/nhs-number",
  "http://fhir.nhs.net/Id/nhs-number",
  "https://fhir.nhs.net/Id/nhs-number",
  "urn:oid:2.16.840.1.113883.2.1.4.1",
]);

/** UK Core's, and its forerunners' by other names. */
const STATUS_EXTENSION = /NHSNumberVerificationStatus(-\d+)?$/;

/**
 * Words of UK Core's retired code system for the status, by today's codes. Those with a sentence behind them are known by how
 * they begin; verified is one word only.
 */
const STATUS_WORDS: readonly (readonly [code: string, word: RegExp])[] = [
  ["01", /^number-present-and-verified$/],
  ["02", /^number-present-but-not-traced$/],
  ["03", /^trace-required$/],
  ["04", /^trace-attempted(-|$)/],
  ["05", /^trace-needs-to-be-resolved(-|$)/],
  ["06", /^trace-in-progress$/],
  ["07", /^number-not-present(-|$)/],
  ["08", /^trace-postponed(-|$)/],
];

/** What a Patient says of itself; who sent it is still to be found. */
export interface PatientParts {
  readonly kind: "patient";
  readonly localId: string;
  readonly organisation: Reference | undefined;
  /** By what it may be referred to, as `system|value`. */
  readonly identifiers: readonly string[];
  readonly demographics: Omit<IdentityRecord, "provider" | "localId">;
}

/**
 * Reads a Patient of UK Core or plain FHIR R4.
 *
 * @param today names, addresses and numbers that ended before it are not how the patient is known.
 */
export function readPatient(resource: Json, today: string): PatientParts | Rejected {
  const elements = readElements(PATIENT, resource);
  if ("rejected" in elements) return elements;
  const patient = elements.read;
  if (patient.link?.some(({ type }) => type === "replaced-by") === true) {
    return reject("Patient.link", "replaced by another Patient: a merge is not for a file to make");
  }
  if (patient.active === false) return reject("Patient.active", "no longer in use at its source");

  const isCurrent = makeIsCurrent(today);
  const current = (patient.identifier ?? []).filter(isCurrent);
  const localId = patient.id ?? localIdentifier(current);
  if (localId === undefined) return reject("Patient.id", "missing, and there is no identifier of its source's own");
  const number = nhsNumberOf(current);
  if ("rejected" in number) return number;
  return {
    kind: "patient",
    localId,
    organisation: patient.managingOrganization,
    identifiers: current.filter(({ system, value }) => system !== undefined && value !== undefined).map(keyOf),
    demographics: {
      ...number,
      ...nameOf(patient, isCurrent),
      ...addressOf(patient, isCurrent),
      ...plainParts(patient, isCurrent),
    },
  };
}

export function keyOf({ system, value }: Identifier): string {
  return `${system ?? ""}|${value ?? ""}`;
}

/** What names, addresses, numbers and contacts have alike. */
interface Used {
  readonly use?: string | undefined;
  readonly period?: z.output<typeof period> | undefined;
}
type IsCurrent = (item: Used) => boolean;

function makeIsCurrent(today: string): IsCurrent {
  return ({ use, period: span }) => use !== "old" && !(span?.end !== undefined && span.end.slice(0, 10) < today);
}

function nhsNumberOf(
  current: readonly NumberIdentifier[],
): Pick<IdentityRecord, "nhsNumber" | "nhsNumberStatus"> | Rejected {
  const numbers = current.filter(({ system }) => NHS_NUMBER_SYSTEMS.has(system));
  const values = new Set(numbers.map(({ value }) => value?.replace(/[ -]/g, "") ?? "").filter((value) => value !== ""));
  if (values.size > 1) return reject("Patient.identifier", "two different NHS numbers are in use");
  const [nhsNumber = ""] = values;
  const given = numbers.find(({ value }) => value !== undefined) ?? numbers[0];
  const status = given?.extension?.find(({ url }) => STATUS_EXTENSION.test(url))?.valueCodeableConcept?.coding?.[0];
  return { nhsNumber, nhsNumberStatus: statusOf(status?.code ?? "") };
}

function statusOf(word: string): string {
  return STATUS_WORDS.find(([, pattern]) => pattern.test(word))?.[0] ?? word;
}

/** The source's own number for the patient: marked as such, or the only one that is no NHS number. */
function localIdentifier(current: readonly NumberIdentifier[]): string | undefined {
  const own = current.filter(({ system, value }) => value !== undefined && !NHS_NUMBER_SYSTEMS.has(system));
  const marked = own.find(({ type }) => type?.coding?.some(({ code }) => code === "MR" || code === "PI") === true);
  return marked?.value ?? (own.length === 1 ? own[0]?.value : undefined);
}

/** First what the law knows the person by, then what they go by; a name that has ended only where there is no other. */
const NAME_ORDER = ["official", "usual", undefined, "nickname", "temp", "maiden", "old"];

type Name = Pick<IdentityRecord, "givenName" | "middleName" | "familyName">;

function nameOf({ name: names = [] }: Patient, isCurrent: IsCurrent): Name {
  const known = names.filter(({ use }) => use !== "anonymous");
  const best = bestOf(known, NAME_ORDER, isCurrent);
  const [givenName = "", ...others] = present(best?.given);
  return { givenName, middleName: others.join(" "), familyName: best?.family ?? "" };
}

/** Where the person lives; where they stay for a while only if that is all there is. An old address is never taken. */
const ADDRESS_ORDER = ["home", undefined, "temp"];

type Address = Pick<IdentityRecord, "addressLine1" | "addressLine2" | "locality" | "postcode">;

function addressOf({ address: addresses = [] }: Patient, isCurrent: IsCurrent): Address {
  const current = addresses.filter((each) => ADDRESS_ORDER.includes(each.use) && isCurrent(each));
  const best = bestOf(current, ADDRESS_ORDER, isCurrent);
  const lines = best?.line ?? best?.text?.split(/\r?\n/);
  const [addressLine1 = "", ...others] = present(lines);
  return {
    addressLine1,
    addressLine2: others.join(", "),
    locality: best?.city ?? best?.district ?? "",
    postcode: best?.postalCode ?? "",
  };
}

const PHONE_ORDER = ["mobile", "home", undefined, "temp", "work"];

function plainParts({ telecom: contacts = [], gender, birthDate, meta: about }: Patient, isCurrent: IsCurrent) {
  const phones = contacts.filter((each) => each.system === "phone" && each.value !== undefined && isCurrent(each));
  const labels = about?.security ?? [];
  return {
    gender: gender ?? "",
    birthDate: birthDate ?? "",
    phone: bestOf(phones, PHONE_ORDER, isCurrent)?.value ?? "",
    recordedOn: dayOf(about?.lastUpdated),
    restricted: labels.some(({ system, code }) => CONFIDENTIALITY.test(system ?? "") && (code === "R" || code === "V")),
  };
}

/** The first of the best use, what is current before what has ended. */
function bestOf<Item extends Used>(
  items: readonly Item[],
  order: readonly (string | undefined)[],
  isCurrent: IsCurrent,
): Item | undefined {
  const rank = (item: Item): number => {
    const place = order.indexOf(item.use);
    return (place === -1 ? order.length : place) + (isCurrent(item) ? 0 : order.length + 1);
  };
  return items.reduce<Item | undefined>(
    (best, item) => (best === undefined || rank(item) < rank(best) ? item : best),
    undefined,
  );
}

function present(some: readonly (string | null)[] = []): string[] {
  return some.flatMap((each) => (each === null || each.trim() === "" ? [] : [each]));
}
