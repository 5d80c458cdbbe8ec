/** How far an attendance or a stay has come. One that was cancelled is not told of. */
export type EncounterState = "planned" | "open" | "closed";

export type EncounterClass = "emergency" | "inpatient" | "outpatient" | "other";

/** What an answer says of an attendance or a stay, besides when it began. */
export interface EncounterView {
  readonly class: EncounterClass;
  readonly state: EncounterState;
  /** `YYYY-MM-DD`; empty unless it is closed. */
  readonly endedOn: string;
}
