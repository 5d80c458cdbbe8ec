import type { Random } from "../../node/base/random.ts";
import type { RecordTypeKey } from "../../node/base/record-types.ts";
import type { CastNode } from "./characters.ts";
import type { Person } from "./people.ts";
import type { IdentityRow, ObjectionRow, PointerRow } from "./rows.ts";

/** Everything that one node's files hold. */
export interface NodeRecords {
  readonly identities: IdentityRow[];
  readonly pointers: PointerRow[];
  readonly objections: ObjectionRow[];
}

/** What providers hold about the cast, node by node, while it is being made. */
export class CastRecords {
  readonly nodes: Readonly<Record<CastNode, NodeRecords>> = {
    "wm-bsol": emptyNode(),
    "wm-cw": emptyNode(),
    "wm-hw": emptyNode(),
    "wm-bc": emptyNode(),
    "wm-stw": emptyNode(),
    "wm-sst": emptyNode(),
  };
  readonly #random: Random;
  readonly #ids = new Set<string>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** A provider's own id for a person: two letters and seven digits, so that it can never read as an NHS number. */
  nextLocalId(provider: string): string {
    const prefix = provider.startsWith("X-NO-ODS-") ? initialsOf(provider) : provider.slice(1);
    return this.#unused(provider, () => `${prefix}${digits(this.#random, 7)}`);
  }

  addIdentity(node: CastNode, row: IdentityRow): void {
    this.nodes[node].identities.push(row);
  }

  /** Adds a record to the index of one node, or of several that a provider feeds with the same record. */
  addPointer(nodes: readonly CastNode[], made: PointerMade): void {
    const { provider, localId, recordType, recordedOn } = made;
    const row: PointerRow = {
      provider,
      local_id: localId,
      record_id: this.#unused(`record ${provider}`, () => `D${digits(this.#random, 7)}`),
      record_type: recordType,
      recorded_on: recordedOn,
      format: formatOf(recordType),
      fetch: `https://records.${hostOf(provider)}.example/${folderOf(recordType)}/${opaque(this.#random)}`,
      sensitivity: made.sensitivity ?? "",
    };
    for (const node of nodes) this.nodes[node].pointers.push(row);
  }

  addObjection(node: CastNode, made: ObjectionMade): void {
    this.nodes[node].objections.push({
      provider: made.provider,
      local_id: made.localId,
      objection_id: this.#unused(`objection ${made.provider}`, () => `O${digits(this.#random, 6)}`),
      state: made.state,
      received_on: made.receivedOn,
      override_in_emergency: String(made.overrideInEmergency),
      scope: "",
      reason: made.state === "declined" ? "Needed for the safety of others" : "",
    });
  }

  #unused(scope: string, make: () => string): string {
    for (;;) {
      const id = make();
      if (this.#ids.has(`${scope} ${id}`)) continue;
      this.#ids.add(`${scope} ${id}`);
      return id;
    }
  }
}

export interface PointerMade {
  readonly provider: string;
  readonly localId: string;
  readonly recordType: RecordTypeKey;
  readonly recordedOn: string;
  readonly sensitivity?: "R" | "V";
}

export interface ObjectionMade {
  readonly provider: string;
  readonly localId: string;
  readonly state: "received" | "upheld" | "declined" | "withdrawn";
  readonly receivedOn: string;
  readonly overrideInEmergency: boolean;
}

/** A person's demographics as a provider with nothing to hide or to mistake would send them. */
export function identityOf(person: Person, provider: string, localId: string, recordedOn: string): IdentityRow {
  return {
    provider,
    local_id: localId,
    nhs_number: person.nhsNumber,
    nhs_number_status: "01",
    given_name: person.givenName,
    middle_name: person.middleName,
    family_name: person.familyName,
    birth_date: person.birthDate,
    gender: person.gender,
    address_line1: person.address.line1,
    address_line2: person.address.line2,
    locality: person.address.locality,
    postcode: person.address.postcode,
    phone: person.phone,
    recorded_on: recordedOn,
    restricted: "false",
  };
}

/** Formats of records that are not FHIR. */
const FORMATS: Partial<Record<RecordTypeKey, string>> = {
  "discharge-letter": "application/pdf",
  "clinical-letter": "application/pdf",
  "imaging-report": "application/pdf",
  ecg: "application/pdf",
  "respect-form": "application/pdf",
  "advance-decision": "application/pdf",
  "lasting-power-of-attorney": "application/pdf",
  ambulance: "text/html",
  "social-care-involvement": "text/html",
  "social-care-assessment": "text/html",
  "childrens-social-care": "text/html",
  safeguarding: "text/html",
};

/** MIME type in which records of a type are kept. */
export function formatOf(recordType: RecordTypeKey): string {
  return FORMATS[recordType] ?? "application/fhir+json";
}

/** FHIR servers and document servers lay out their addresses otherwise. */
function folderOf(recordType: RecordTypeKey): string {
  return formatOf(recordType) === "application/fhir+json" ? "r4/Bundle" : "d";
}

function emptyNode(): NodeRecords {
  return { identities: [], pointers: [], objections: [] };
}

function initialsOf(provider: string): string {
  const words = provider.slice("X-NO-ODS-".length).split("-");
  return (words[0] === "WM" ? `G${words[1]?.[0] ?? ""}` : `${words[0]?.[0] ?? ""}C`).padEnd(2, "X");
}

/** A provider's name in the addresses of its records. */
export function hostOf(provider: string): string {
  return provider.replace("X-NO-ODS-", "").toLowerCase();
}

function digits(random: Random, count: number): string {
  return Array.from({ length: count }, () => Math.floor(random.fraction() * 10)).join("");
}

/** A letter and nine more: ten digits in a row could read as an NHS number. */
function opaque(random: Random): string {
  return `r${Array.from({ length: 9 }, () => Math.floor(random.fraction() * 16).toString(16)).join("")}`;
}
