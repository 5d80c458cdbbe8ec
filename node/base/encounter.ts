/** How far an attendance or a stay has come. One that was cancelled is not told of. */
export const ENCOUNTER_STATES = ["planned", "open", "closed"] as const;
export type EncounterState = (typeof ENCOUNTER_STATES)[number];

export const ENCOUNTER_CLASSES = ["emergency", "inpatient", "outpatient", "other"] as const;
export type EncounterClass = (typeof ENCOUNTER_CLASSES)[number];

/** What an answer says of an attendance or a stay, besides when it began. */
export interface EncounterView {
  readonly class: EncounterClass;
  readonly state: EncounterState;
  /** `YYYY-MM-DD`; empty unless it is closed. */
  readonly endedOn: string;
}
