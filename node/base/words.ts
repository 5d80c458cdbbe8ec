/** Words of the domain that are plain text with a form. Parse once at the door, then trust the type. */

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A node's stable, opaque id, for example `wm-bsol`. Not an ODS code: those are dated attributes. */
export type NodeId = Branded<"NodeId">;

/** 2 to 40 lower-case letters, digits and inner hyphens: it is also a DNS label. */
export function parseNodeId(text: string): NodeId | undefined {
  return /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])$/.test(text) ? (text as NodeId) : undefined;
}

/** A collaborative's id: same form as a node's. */
export type CollaborativeId = Branded<"CollaborativeId">;

export function parseCollaborativeId(text: string): CollaborativeId | undefined {
  return parseNodeId(text) === undefined ? undefined : (text as CollaborativeId);
}

/**
 * An organisation's code: an ODS code (3 to 10 upper-case letters and digits), or a placeholder `X-NO-ODS-…` where no
 * code has been verified. A placeholder cannot be mistaken for an ODS code: those have no hyphens.
 */
export type OrganisationCode = Branded<"OrganisationCode">;

export function parseOrganisationCode(text: string): OrganisationCode | undefined {
  return /^(?:[A-Z0-9]{3,10}|X-NO-ODS-[A-Z0-9-]{1,60})$/.test(text) ? (text as OrganisationCode) : undefined;
}

/** A UUID in lower case, of any version. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}

/** Key of a record type, for example `discharge-letter`. The closed list is in `record-types.ts`. */
export type { RecordTypeKey } from "./record-types.ts";

export const SETTINGS = [
  "emergency",
  "ambulance",
  "urgent-care",
  "acute",
  "general-practice",
  "community",
  "mental-health",
  "adult-social-care",
  "childrens-social-care",
  "care-home",
  "community-pharmacy",
  "hospice",
] as const;
export type Setting = (typeof SETTINGS)[number];

/** HL7 v3 ActReason codes of individual care, and `OTHER` for anything else, which is refused. */
export const PURPOSES = ["TREAT", "ETREAT", "CAREMGT", "BTG", "OTHER"] as const;
export type Purpose = (typeof PURPOSES)[number];

export const ASSURANCES = ["smartcard", "two-factor", "local"] as const;
export type Assurance = (typeof ASSURANCES)[number];

export const RELATIONSHIP_KINDS = ["attendance", "referral", "caseload", "registered", "self-claimed"] as const;
export type RelationshipKind = (typeof RELATIONSHIP_KINDS)[number];

export const TRIGGERS = ["person", "automatic"] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** Confidentiality, HL7 v3: normal, restricted, very restricted. */
export const SENSITIVITIES = ["N", "R", "V"] as const;
export type Sensitivity = (typeof SENSITIVITIES)[number];

/** The protocol spoken between nodes. Nodes talk when majors are equal and minors differ by at most one. */
export interface ProtocolVersion {
  readonly major: number;
  readonly minor: number;
}
export const PROTOCOL: ProtocolVersion = { major: 1, minor: 0 };

export function speaksWith(own: ProtocolVersion, other: ProtocolVersion): boolean {
  return own.major === other.major && Math.abs(own.minor - other.minor) <= 1;
}
