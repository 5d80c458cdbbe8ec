import {
  OBJECTION_STATES,
  type ObjectionRecord,
  type ObjectionState,
  parseObjectionScope,
} from "../access/objection-store.ts";
import { isCalendarDate } from "../base/birth-date.ts";
import { Concealed } from "../base/concealed.ts";
import { containsNhsNumber, NhsNumber } from "../base/nhs-number.ts";
import { parseRecordType, PROTECTED_RECORD_TYPES, type RecordTypeKey } from "../base/record-types.ts";
import { parseOrganisationCode, type Sensitivity } from "../base/words.ts";
import type { PointerRecord } from "../locator/pointer-store.ts";
import type { IdentityRecord } from "../mpi/identity-record.ts";
import type { FeedItem, ParsedItem, Rejection } from "../requests/load-batch.ts";

export const ITEM_KINDS = ["identity", "pointer", "objection"] as const;
export type ItemKind = (typeof ITEM_KINDS)[number];

/** An item as a feed gave it, not yet looked at. Fields go by their names in code (`localId`, not `local_id`). */
export interface RawItem {
  readonly kind: ItemKind;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A provider's feed into this node, as far as admission asks. */
export interface AdmittedFeed {
  readonly state: "planned" | "testing" | "viewing-only" | "feeding" | "paused" | "left";
  readonly recordTypes: ReadonlySet<RecordTypeKey> | "all";
}

export interface ItemRules {
  /** The day of the load, `YYYY-MM-DD`: nothing was born or recorded after it. */
  readonly today: string;
  /** Which providers may feed this node what. Absent at a door that does not know: then the node decides. */
  readonly feeds?: ReadonlyMap<string, AdmittedFeed>;
  /** The providers for which the feeder may speak. Absent at a door that does not know: then the node decides. */
  readonly organisations?: readonly string[];
}

/** The reason that counts the pointers of legally protected kinds: the same words each time. */
export const PROTECTED_KIND_REASON = "legally protected kind of record: never held as a pointer";

/** Says what is wrong with a text, without the text; `undefined` where it will do. */
type Rule = (text: string, rules: ItemRules) => string | undefined;

/** Line breaks, NUL and other controls; marks that turn the direction of text; what is left of broken encoding. */
const UNFIT = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffd]/u;

const MIME_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$/i;

const BIRTH_DATE_MIN = "1860-01-01";

/** A field of free text: source spelling kept, whatever the normalisation form. */
const text =
  (charactersMax: number): Rule =>
  (value) =>
    value.length > charactersMax ? `longer than ${charactersMax} characters` : undefined;

const optional =
  (rule: Rule): Rule =>
  (value, rules) =>
    value === "" ? undefined : rule(value, rules);

const oneOf =
  (words: readonly string[]): Rule =>
  (value) =>
    words.includes(value) ? undefined : `not one of ${words.join(", ")}`;

/** The provider's own ids. */
const id: Rule = (value) => {
  if (value === "") return "missing";
  if (value !== value.trim()) return "begins or ends with a space";
  return value.length > 64 ? "longer than 64 characters" : undefined;
};

const flag = optional(oneOf(["true", "false"]));

const code: Rule = (value) =>
  parseOrganisationCode(value) === undefined ? "not an organisation code, nor a placeholder X-NO-ODS-…" : undefined;

const nhsNumber: Rule = (value) =>
  NhsNumber.parse(value) === undefined
    ? "not an NHS number: ten digits 0 to 9 with the right check digit, not all equal"
    : undefined;

const day: Rule = (value) => (isCalendarDate(value) ? undefined : "not a day written YYYY-MM-DD");

/** A day in the future would make every later word on the same patient look older. */
const pastDay: Rule = (value, rules) => day(value, rules) ?? (value > rules.today ? "in the future" : undefined);

const birthDate: Rule = (value, { today }) => {
  const firstDay = `${value}${"-01-01".slice(value.length - 4)}`; // of the year or month, where that is all there is
  const wellFormed = /^\d{4}(?:-\d{2}){0,2}$/.test(value) && isCalendarDate(firstDay);
  if (!wellFormed) return "not a date written YYYY-MM-DD, YYYY-MM or YYYY";
  if (value > today) return "in the future";
  return value < BIRTH_DATE_MIN.slice(0, value.length) ? "before 1860" : undefined;
};

const recordType: Rule = (value) => {
  const type = parseRecordType(value);
  if (type === undefined) return "not a known record type";
  return PROTECTED_RECORD_TYPES.has(type) ? PROTECTED_KIND_REASON : undefined;
};

/** Where a record is fetched. Its words end up in logs of other systems: no patient may be in them. */
const fetchAddress: Rule = (value) => {
  if (value.length > 500) return "longer than 500 characters";
  const url = URL.parse(value);
  if (url?.protocol !== "https:" || url.username !== "" || url.password !== "") {
    return "not an https address without user name and password";
  }
  return containsNhsNumber(value) || containsNhsNumber(decode(value))
    ? "holds what looks like an NHS number: give an address without patient identifiers"
    : undefined;
};

function decode(address: string): string {
  try {
    return decodeURIComponent(address);
  } catch {
    return address;
  }
}

const mimeType: Rule = (value) => (MIME_TYPE.test(value) ? undefined : "not a MIME type");

const objectionScope: Rule = (value) =>
  parseObjectionScope(value) === undefined || containsNhsNumber(value)
    ? "neither empty nor organisation:CODE, type:RECORD_TYPE or record:ID"
    : undefined;

/** Kept in the open, for reviewers. */
const declineReason: Rule = (value, rules) =>
  text(200)(value, rules) ?? (containsNhsNumber(value) ? "holds what looks like an NHS number" : undefined);

const IDENTITY_RULES = {
  provider: code,
  localId: id,
  nhsNumber: optional(nhsNumber),
  nhsNumberStatus: optional(oneOf(["01", "02", "03", "04", "05", "06", "07", "08"])),
  givenName: text(100),
  middleName: text(100),
  familyName: text(100),
  birthDate: optional(birthDate),
  gender: optional(oneOf(["male", "female", "other", "unknown"])),
  addressLine1: text(200),
  addressLine2: text(200),
  locality: text(100),
  postcode: text(10),
  phone: text(40),
  recordedOn: optional(pastDay),
  restricted: flag,
} as const satisfies Record<keyof IdentityRecord, Rule>;

const POINTER_RULES = {
  provider: code,
  localId: id,
  recordId: id,
  recordType,
  recordedOn: optional(day),
  format: optional(mimeType),
  fetch: fetchAddress,
  sensitivity: optional(oneOf(["N", "R", "V"])),
} as const satisfies Record<keyof PointerRecord, Rule>;

const OBJECTION_RULES = {
  provider: code,
  localId: id,
  objectionId: id,
  state: oneOf(OBJECTION_STATES),
  receivedOn: pastDay,
  overrideInEmergency: flag,
  scope: optional(objectionScope),
  reason: optional(declineReason),
} as const satisfies Record<keyof ObjectionRecord, Rule>;

/** Fields for which a file need have no column: without one they are empty. */
export const OPTIONAL_FIELDS: ReadonlySet<string> = new Set<keyof ObjectionRecord>(["scope", "reason"]);

/** Names of each kind's fields in code, in the order of the files' columns. */
export const FIELDS_OF: Readonly<Record<ItemKind, readonly string[]>> = {
  identity: Object.keys(IDENTITY_RULES),
  pointer: Object.keys(POINTER_RULES),
  objection: Object.keys(OBJECTION_RULES),
};

/** A field's name in files and messages: `localId` is `local_id`. */
export function columnOf(field: string): string {
  return field.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
}

/** Validates one item. The first fault counts; its reason never carries a value. */
export function parseFeedItem(raw: RawItem, rules: ItemRules): ParsedItem {
  switch (raw.kind) {
    case "identity":
      return parseIdentity(raw, rules);
    case "pointer":
      return parsePointer(raw, rules);
    case "objection":
      return parseObjection(raw, rules);
  }
}

function parseIdentity(raw: RawItem, rules: ItemRules): ParsedItem {
  const read = readFields(raw.fields, IDENTITY_RULES, rules);
  if ("rejected" in read) return read;
  const { values } = read;
  if (values.nhsNumber === "" && values.nhsNumberStatus === "01") {
    return reject("nhsNumberStatus", "verified (01), but there is no number");
  }
  const record: IdentityRecord = {
    ...values,
    nhsNumber: NhsNumber.parse(values.nhsNumber)?.expose() ?? "",
    restricted: values.restricted === "true",
  };
  return admit({ kind: "identity", values: new Concealed(record) }, record.provider, rules);
}

function parsePointer(raw: RawItem, rules: ItemRules): ParsedItem {
  const read = readFields(raw.fields, POINTER_RULES, rules);
  if ("rejected" in read) return read;
  const { values } = read;
  const record: PointerRecord = {
    ...values,
    recordType: values.recordType as RecordTypeKey, // its rule has parsed it
    sensitivity: values.sensitivity === "" ? "N" : (values.sensitivity as Sensitivity),
  };
  const types = rules.feeds?.get(record.provider)?.recordTypes ?? "all";
  const admitted = admit({ kind: "pointer", values: new Concealed(record) }, record.provider, rules);
  if ("rejected" in admitted || types === "all" || types.has(record.recordType)) return admitted;
  return reject("recordType", "not among the record types of this provider's feed");
}

function parseObjection(raw: RawItem, rules: ItemRules): ParsedItem {
  const read = readFields(raw.fields, OBJECTION_RULES, rules);
  if ("rejected" in read) return read;
  const { values } = read;
  const record: ObjectionRecord = {
    ...values,
    state: values.state as ObjectionState,
    overrideInEmergency: values.overrideInEmergency === "true",
  };
  if (record.state === "declined" && record.reason.trim() === "") {
    return reject("reason", "declined without a reason: what was said before stands until one is given");
  }
  return admit({ kind: "objection", values: new Concealed(record) }, record.provider, rules);
}

/** Only a provider whose feed into this node is on may load anything. */
function admit(item: FeedItem, provider: string, { feeds, organisations }: ItemRules): ParsedItem {
  if (organisations?.includes(provider) === false) {
    return reject("provider", "not among the organisations that this feeder's certificate names");
  }
  if (feeds === undefined) return item;
  const feed = feeds.get(provider);
  if (feed === undefined) return reject("provider", "does not feed this node: see the node's topology");
  return feed.state === "feeding" ? item : reject("provider", `its feed into this node is ${feed.state}, not feeding`);
}

/** Every field as text: absent is empty, true and false are words. */
function readFields<Field extends string>(
  fields: Readonly<Record<string, unknown>>,
  fieldRules: Readonly<Record<Field, Rule>>,
  rules: ItemRules,
): { readonly values: Readonly<Record<Field, string>> } | { readonly rejected: Rejection } {
  const values: Partial<Record<Field, string>> = {};
  for (const field of Object.keys(fieldRules) as Field[]) {
    const given = Object.hasOwn(fields, field) ? fields[field] : "";
    const value = typeof given === "boolean" ? String(given) : given;
    if (typeof value !== "string") return reject(field, "not text");
    if (UNFIT.test(value) || !value.isWellFormed()) {
      return reject(field, "holds control characters, marks that turn the direction of text, or broken encoding");
    }
    const fault = fieldRules[field](value, rules);
    if (fault !== undefined) return reject(field, fault);
    values[field] = value;
  }
  return { values: values as Record<Field, string> };
}

function reject(field: string, reason: string): { readonly rejected: Rejection } {
  return { rejected: { field: columnOf(field), reason } };
}
