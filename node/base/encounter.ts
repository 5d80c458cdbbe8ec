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

/** As far as the custodian has told, in words: whoever reads "under way" phones before they rely on it. @param heardOn the day of what was told last. */
export function encounterText({ class: kind, state, endedOn }: EncounterView, heardOn: string): string {
  const how = { planned: "expected", open: `under way when last heard, ${heardOn}`, closed: `ended ${endedOn}` };
  return kind === "other" ? how[state] : `${kind}, ${how[state]}`;
}
