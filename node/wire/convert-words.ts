import type { FeedState, Outcome, PointerView, Scope } from "../base/answer.ts";
import type { EncounterClass, EncounterState } from "../base/encounter.ts";
import type { RecordFault, RecordOrigin } from "../base/record.ts";
import type { Assurance, Purpose, RelationshipKind, Setting, Trigger } from "../base/words.ts";
import {
  AccessLevel as WireAccess,
  EncounterClass as WireEncounterClass,
  EncounterState as WireEncounterState,
  FeedState as WireFeedState,
  Outcome as WireOutcome,
} from "./generated/corridor/v1/answer.ts";
import { Scope as WireScope } from "./generated/corridor/v1/federation_service.ts";
import {
  Assurance as WireAssurance,
  Purpose as WirePurpose,
  RelationshipKind as WireRelationshipKind,
  Setting as WireSetting,
  Trigger as WireTrigger,
} from "./generated/corridor/v1/identity.ts";
import {
  RecordFault as WireRecordFault,
  RecordOrigin as WireRecordOrigin,
} from "./generated/corridor/v1/record_service.ts";

/** The closed sets of words, here and on the wire. A word that one side lacks does not compile, or is not read. */

export const RECORD_ORIGIN = {
  "fhir-server": WireRecordOrigin.RECORD_ORIGIN_FHIR_SERVER,
  "document-server": WireRecordOrigin.RECORD_ORIGIN_DOCUMENT_SERVER,
  "file-store": WireRecordOrigin.RECORD_ORIGIN_FILE_STORE,
} as const satisfies Record<RecordOrigin, WireRecordOrigin>;

export const RECORD_FAULT = {
  "not-responding": WireRecordFault.RECORD_FAULT_NOT_RESPONDING,
  "source-error": WireRecordFault.RECORD_FAULT_SOURCE_ERROR,
  gone: WireRecordFault.RECORD_FAULT_GONE,
  "unexpected-content": WireRecordFault.RECORD_FAULT_UNEXPECTED_CONTENT,
  "too-large": WireRecordFault.RECORD_FAULT_TOO_LARGE,
  "broke-off": WireRecordFault.RECORD_FAULT_BROKE_OFF,
  damaged: WireRecordFault.RECORD_FAULT_DAMAGED,
  "not-connected": WireRecordFault.RECORD_FAULT_NOT_CONNECTED,
  busy: WireRecordFault.RECORD_FAULT_BUSY,
} as const satisfies Record<RecordFault, WireRecordFault>;

export const SETTING = {
  emergency: WireSetting.SETTING_EMERGENCY,
  ambulance: WireSetting.SETTING_AMBULANCE,
  "urgent-care": WireSetting.SETTING_URGENT_CARE,
  acute: WireSetting.SETTING_ACUTE,
  "general-practice": WireSetting.SETTING_GENERAL_PRACTICE,
  community: WireSetting.SETTING_COMMUNITY,
  "mental-health": WireSetting.SETTING_MENTAL_HEALTH,
  "adult-social-care": WireSetting.SETTING_ADULT_SOCIAL_CARE,
  "childrens-social-care": WireSetting.SETTING_CHILDRENS_SOCIAL_CARE,
  "care-home": WireSetting.SETTING_CARE_HOME,
  "community-pharmacy": WireSetting.SETTING_COMMUNITY_PHARMACY,
  hospice: WireSetting.SETTING_HOSPICE,
} as const satisfies Record<Setting, WireSetting>;

export const PURPOSE = {
  TREAT: WirePurpose.PURPOSE_TREAT,
  ETREAT: WirePurpose.PURPOSE_ETREAT,
  CAREMGT: WirePurpose.PURPOSE_CAREMGT,
  BTG: WirePurpose.PURPOSE_BTG,
  OTHER: WirePurpose.PURPOSE_OTHER,
} as const satisfies Record<Purpose, WirePurpose>;

export const ASSURANCE = {
  smartcard: WireAssurance.ASSURANCE_SMARTCARD,
  "two-factor": WireAssurance.ASSURANCE_TWO_FACTOR,
  local: WireAssurance.ASSURANCE_LOCAL,
} as const satisfies Record<Assurance, WireAssurance>;

export const RELATIONSHIP_KIND = {
  attendance: WireRelationshipKind.RELATIONSHIP_KIND_ATTENDANCE,
  referral: WireRelationshipKind.RELATIONSHIP_KIND_REFERRAL,
  caseload: WireRelationshipKind.RELATIONSHIP_KIND_CASELOAD,
  registered: WireRelationshipKind.RELATIONSHIP_KIND_REGISTERED,
  "self-claimed": WireRelationshipKind.RELATIONSHIP_KIND_SELF_CLAIMED,
} as const satisfies Record<RelationshipKind, WireRelationshipKind>;

export const TRIGGER = {
  person: WireTrigger.TRIGGER_PERSON,
  automatic: WireTrigger.TRIGGER_AUTOMATIC,
} as const satisfies Record<Trigger, WireTrigger>;

export const OUTCOME = {
  records: WireOutcome.OUTCOME_RECORDS,
  "nothing-to-show": WireOutcome.OUTCOME_NOTHING_TO_SHOW,
  "identity-check": WireOutcome.OUTCOME_IDENTITY_CHECK,
  "possible-match": WireOutcome.OUTCOME_POSSIBLE_MATCH,
  "no-agreement": WireOutcome.OUTCOME_NO_AGREEMENT,
  refused: WireOutcome.OUTCOME_REFUSED,
  "not-covered": WireOutcome.OUTCOME_NOT_COVERED,
  "timed-out": WireOutcome.OUTCOME_TIMED_OUT,
  unreachable: WireOutcome.OUTCOME_UNREACHABLE,
  resting: WireOutcome.OUTCOME_RESTING,
  incompatible: WireOutcome.OUTCOME_INCOMPATIBLE,
  "directory-stale": WireOutcome.OUTCOME_DIRECTORY_STALE,
  "not-in-network": WireOutcome.OUTCOME_NOT_IN_NETWORK,
} as const satisfies Record<Outcome, WireOutcome>;

export const ACCESS = {
  full: WireAccess.ACCESS_LEVEL_FULL,
  summary: WireAccess.ACCESS_LEVEL_SUMMARY,
} as const satisfies Record<PointerView["access"], WireAccess>;

export const ENCOUNTER_CLASS = {
  emergency: WireEncounterClass.ENCOUNTER_CLASS_EMERGENCY,
  inpatient: WireEncounterClass.ENCOUNTER_CLASS_INPATIENT,
  outpatient: WireEncounterClass.ENCOUNTER_CLASS_OUTPATIENT,
  other: WireEncounterClass.ENCOUNTER_CLASS_OTHER,
} as const satisfies Record<EncounterClass, WireEncounterClass>;

export const ENCOUNTER_STATE = {
  planned: WireEncounterState.ENCOUNTER_STATE_PLANNED,
  open: WireEncounterState.ENCOUNTER_STATE_OPEN,
  closed: WireEncounterState.ENCOUNTER_STATE_CLOSED,
} as const satisfies Record<EncounterState, WireEncounterState>;

export const FEED_STATE = {
  feeding: WireFeedState.FEED_STATE_FEEDING,
  stale: WireFeedState.FEED_STATE_STALE,
  paused: WireFeedState.FEED_STATE_PAUSED,
  "not-connected": WireFeedState.FEED_STATE_NOT_CONNECTED,
} as const satisfies Record<FeedState, WireFeedState>;

export const SCOPE = {
  collaborative: WireScope.SCOPE_COLLABORATIVE,
  region: WireScope.SCOPE_REGION,
  network: WireScope.SCOPE_NETWORK,
} as const satisfies Record<Scope, WireScope>;

/** The word for a number of the wire; `undefined` for the unspecified and for any that is not known here. */
export function wordOf<Word extends string>(table: Readonly<Record<Word, number>>, value: number): Word | undefined {
  for (const word in table) if (table[word] === value) return word;
  return undefined;
}
