import { createHash } from "node:crypto";

import type { RawItem } from "../items.ts";
import { type Described, NOT_A_RECORD, PROTECTED } from "./describe.ts";
import { type Reference, reject, type Rejected } from "./elements.ts";
import type { FoundResource } from "./found.ts";
import { type Directory, NO_PROVIDER, type PatientKey, type Place } from "./references.ts";

/** What is known of the Bundle around a resource. */
export interface Around {
  readonly directory: Directory;
  /** Whose patients alone are taken; empty where anybody's are. */
  readonly only: string;
  /** True where the Bundle is a document: that is then the record, and its parts are none. */
  readonly isDocument: boolean;
  /** True where anything in the Bundle is of a legally protected kind. */
  readonly holdsProtected: boolean;
  /** The newest entry of each list, where the Bundle is held whole. */
  readonly newest?: ReadonlyMap<string, NewestEntry>;
  /** True the first time that it is asked of a list. */
  readonly isNew: (list: string) => boolean;
}

export interface NewestEntry {
  /** `YYYY-MM-DD`, or empty. */
  readonly day: string;
  readonly address: string;
}

type Of<Kind extends Described["kind"]> = Extract<Described, { readonly kind: Kind }>;
type Item = { readonly item: RawItem };

const NO_ID = reject("id", "missing, and there is no identifier");
const NO_ADDRESS = reject("fullUrl", "no https address to fetch it from: name the address of its server");
const PART_OF_DOCUMENT = reject("Bundle.type", "part of a document: the document is the record");
const OTHER_CUSTODIAN = reject("custodian", "not the organisation whose patient it names");
const OTHER_ORGANISATION = reject(
  "managingOrganization",
  "not the organisation that speaks: give its patients in a file of its own, or in one Bundle with their records",
);
const FHIR_JSON = "application/fhir+json";

/** The item that a resource becomes; `undefined` where it belongs to a list that has its pointer already. */
export function itemOf(found: FoundResource, around: Around): Item | Rejected | undefined {
  const { described } = found;
  switch (described.kind) {
    case "none":
      return { rejected: described.rejected };
    case "organisation":
      return NOT_A_RECORD;
    case "patient":
      return identityOf(described, placeOf(found), around);
    case "objection":
      return objectionOf(described, placeOf(found), around);
    case "record":
      return pointerOf(described, found, around);
  }
}

function placeOf({ described, home }: FoundResource): Place {
  return { home, contained: described.contained };
}

function identityOf(patient: Of<"patient">, place: Place, { directory, only }: Around): Item | Rejected {
  const provider = directory.senderOf(patient.organisation, place);
  if (provider === "") return NO_PROVIDER;
  if (only !== "" && provider !== only) return OTHER_ORGANISATION;
  return { item: { kind: "identity", fields: { provider, localId: patient.localId, ...patient.demographics } } };
}

function objectionOf(objection: Of<"objection">, place: Place, { directory }: Around): Item | Rejected {
  const patient = firstPatient(objection.patients, place, directory);
  if ("rejected" in patient) return patient;
  const objectionId = recordIdOf(objection);
  if (objectionId === "") return NO_ID;
  const { state, receivedOn, overrideInEmergency, scope, reason } = objection;
  const said = { state, receivedOn, overrideInEmergency, scope, reason };
  return { item: { kind: "objection", fields: { ...patient, objectionId, ...said } } };
}

function pointerOf(record: Of<"record">, found: FoundResource, around: Around): Item | Rejected | undefined {
  const { directory, isDocument, holdsProtected } = around;
  const place = placeOf(found);
  const isTheDocument = isDocument && record.type === "Composition";
  if (isTheDocument ? holdsProtected : directory.touchesProtected(record.references, place)) return PROTECTED;
  if (isDocument && !isTheDocument) return PART_OF_DOCUMENT;
  const patient = firstPatient(record.patients, place, directory);
  if ("rejected" in patient) return patient;
  const custodian = directory.organisationOf(record.custodian, place);
  if (custodian !== "" && custodian !== patient.provider) return OTHER_CUSTODIAN;
  return record.listedAs === undefined ? oneRecord(record, patient, found) : wholeList(record, patient, found, around);
}

function oneRecord(record: Of<"record">, patient: PatientKey, found: FoundResource): Item | Rejected {
  const recordId = recordIdOf(record);
  if (recordId === "") return NO_ID;
  const { url, contentType = "" } = record.attachment ?? {};
  const fetch = url === undefined ? found.address : absolute(url, found.server);
  if (fetch === "") return NO_ADDRESS;
  // "application/pdf; charset=…": the parameters say nothing to who fetches it.
  const format = url === undefined ? FHIR_JSON : (contentType.split(";")[0]?.trim() ?? "");
  const { recordType, sensitivity, day: recordedOn } = record;
  return {
    item: { kind: "pointer", fields: { ...patient, recordId, recordType, recordedOn, fetch, format, sensitivity } },
  };
}

/** An attachment's address may be relative to its server. */
function absolute(url: string, server: string): string {
  if (URL.canParse(url)) return url;
  return server === "" ? "" : (URL.parse(url, server)?.href ?? "");
}

function wholeList(
  record: Of<"record">,
  patient: PatientKey,
  found: FoundResource,
  { newest, isNew }: Around,
): Item | Rejected | undefined {
  const list = listOf(record, patient);
  const { day, address } = newest?.get(list) ?? { day: "", ...found };
  // Without the patient: whoever fetches it posts a search. An address of another form is that of the newest entry.
  const fetch = found.server === "" ? address : `${found.server}${record.listedAs}`;
  if (fetch === "") return NO_ADDRESS;
  if (!isNew(list)) return undefined;
  const { recordType, sensitivity } = record;
  const recordId = `list/${recordType}/${sensitivity}/${digestOf(patient.localId)}`;
  const fields = { ...patient, recordId, recordType, recordedOn: day, fetch, format: FHIR_JSON, sensitivity };
  return { item: { kind: "pointer", fields } };
}

function listOf({ recordType, sensitivity }: Of<"record">, { provider, localId }: PatientKey): string {
  return [recordType, sensitivity, provider, localId].join("\n");
}

/** Keeps a list's newest day, and the address of the entry that has it. */
export function noteNewest(found: FoundResource, directory: Directory, newest: Map<string, NewestEntry>): void {
  const { described, address } = found;
  if (described.kind !== "record" || described.listedAs === undefined) return;
  if (directory.touchesProtected(described.references, placeOf(found))) return;
  const patient = firstPatient(described.patients, placeOf(found), directory);
  if ("rejected" in patient) return;
  const list = listOf(described, patient);
  const held = newest.get(list);
  if (held === undefined || described.day > held.day) newest.set(list, { day: described.day, address });
}

const NO_PATIENT = reject("subject", "missing: nothing says whose it is");

function firstPatient(some: readonly Reference[], place: Place, directory: Directory): PatientKey | Rejected {
  let first: PatientKey | Rejected | undefined;
  for (const each of some) {
    const patient = directory.patientOf(each, place);
    if (!("rejected" in patient)) return patient;
    first ??= patient;
  }
  return first ?? NO_PATIENT;
}

/** An id of 64 characters at most; ids of a source are its own within one kind of resource only. */
function recordIdOf({ type, id }: { readonly type: string; readonly id: string }): string {
  if (id === "") return "";
  const whole = `${type}/${id}`;
  return whole.length <= 64 ? whole : `${type}/~${digestOf(id)}`;
}

/** 22 characters: no one will meet two alike, and no one reads the id out of it by looking. */
function digestOf(id: string): string {
  return createHash("sha256").update(id).digest().subarray(0, 16).toString("base64url");
}
