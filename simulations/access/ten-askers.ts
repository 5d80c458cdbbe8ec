import type { RelationshipKind, Setting } from "../../node/base/words.ts";

/** What one who asks is told of a patient of whom one ordinary record of every type is held. */
export interface TenthAsker {
  readonly who: string;
  readonly role: string;
  readonly setting: Setting;
  readonly purpose: "TREAT" | "CAREMGT" | "OTHER";
  readonly relationship: RelationshipKind;
  /** Records shown in full, records of which a summary is shown, and types of which the notice tells; or why refused. */
  readonly told:
    { readonly full: number; readonly summary: number; readonly sealed: number } | { readonly refused: string };
}

const treat = { purpose: "TREAT", relationship: "attendance" } as const;
const manage = { purpose: "CAREMGT", relationship: "caseload" } as const;

/** The same question by ten people. `docs/access.md` has the same table. */
export const TEN_ASKERS: readonly TenthAsker[] = [
  { who: "ED doctor", role: "R8000", setting: "emergency", ...treat, told: { full: 34, summary: 4, sealed: 4 } },
  { who: "paramedic", role: "R1070", setting: "ambulance", ...treat, told: { full: 20, summary: 9, sealed: 12 } },
  { who: "GP", role: "R0260", setting: "general-practice", ...treat, told: { full: 35, summary: 3, sealed: 3 } },
  { who: "AMHP", role: "R1340", setting: "mental-health", ...manage, told: { full: 24, summary: 7, sealed: 7 } },
  {
    who: "pharmacist",
    role: "R1290",
    setting: "community-pharmacy",
    ...treat,
    told: { full: 7, summary: 3, sealed: 3 },
  },
  {
    who: "social worker",
    role: "R8014",
    setting: "adult-social-care",
    ...manage,
    told: { full: 17, summary: 7, sealed: 8 },
  },
  { who: "care home staff", role: "R9725", setting: "care-home", ...manage, told: { full: 14, summary: 7, sealed: 7 } },
  { who: "administrator", role: "R8008", setting: "acute", ...manage, told: { full: 1, summary: 0, sealed: 0 } },
  { who: "privacy officer", role: "R0001", setting: "acute", ...manage, told: { refused: "role-refused" } },
  {
    who: "researcher",
    role: "R8000",
    setting: "acute",
    ...treat,
    purpose: "OTHER",
    told: { refused: "purpose-refused" },
  },
];
