import type { Database } from "better-sqlite3";

/** Removes rows that are otherwise never removed: see DESIGN.md on protected changes. Walks no table. */
export function makeForgetting(db: Pick<Database, "prepare">) {
  const onPair = "((one = :a AND other = :b) OR (one = :b AND other = :a))";
  const eventsOfNumbers = db
    .prepare<{ a: number; b: number }, number>(
      `SELECT event_no FROM link_event WHERE kind IN ('supersede', 'revert') AND event_no IN (
         SELECT made_by FROM statement WHERE says = 'superseded' AND ${onPair})
       UNION SELECT event_no FROM link_event WHERE kind = 'revert' AND event_no IN (
         SELECT ended_by FROM statement WHERE says = 'superseded' AND ${onPair})`,
    )
    .pluck();
  const wordsOnNumbers = db.prepare<{ a: number; b: number }>(
    `DELETE FROM statement WHERE says = 'superseded' AND ${onPair}`,
  );
  const wordsOnIdentities = db.prepare<{ a: number; b: number }>(
    `DELETE FROM statement WHERE says IN ('same', 'different') AND ${onPair}`,
  );
  const eventsOfPair = db
    .prepare<{ a: number; b: number }, number>(
      `SELECT event_no FROM link_event WHERE (identity_no = :a AND other_identity_no = :b)
         OR (identity_no = :b AND other_identity_no = :a)`,
    )
    .pluck();
  const moves = db.prepare<[number]>("DELETE FROM event_move WHERE event_no = ?");
  const event = db.prepare<[number]>("DELETE FROM link_event WHERE event_no = ?");
  const movesWith = db.prepare<[number, number, number]>(
    "DELETE FROM event_move WHERE identity_no = ? AND (from_person_id = ? OR to_person_id = ?)",
  );
  const eventsWith = db.prepare<[number, number, number]>(
    "DELETE FROM link_event WHERE identity_no = ? AND (from_person_id = ? OR to_person_id = ?)",
  );
  const movesOf = db.prepare<[number]>("DELETE FROM event_move WHERE identity_no = ?");
  const eventsNaming = db.prepare<[number, number]>(
    "DELETE FROM link_event WHERE identity_no = ? OR other_identity_no = ?",
  );
  const redirects = db.prepare<[number, number]>(
    "DELETE FROM person_redirect WHERE from_person_id = ? OR to_person_id = ?",
  );
  function events(eventNos: readonly number[]): void {
    for (const eventNo of eventNos) {
      moves.run(eventNo);
      event.run(eventNo);
    }
  }
  return {
    wordsOnNumbers(a: number, b: number): void {
      events(eventsOfNumbers.all({ a, b }));
      wordsOnNumbers.run({ a, b });
    },
    /** All that was said of two identities, and every event that names both. */
    pair(a: number, b: number): void {
      events(eventsOfPair.all({ a, b }));
      wordsOnIdentities.run({ a, b });
    },
    /** All events that name it, on either side. */
    eventsOf(identityNo: number): void {
      movesOf.run(identityNo);
      eventsNaming.run(identityNo, identityNo);
    },
    eventsWith(identityNo: number, personKey: number): void {
      movesWith.run(identityNo, personKey, personKey);
      eventsWith.run(identityNo, personKey, personKey);
    },
    redirectsOf: (personKey: number) => void redirects.run(personKey, personKey),
  };
}
