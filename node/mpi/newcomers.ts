import type { Database } from "better-sqlite3";

import { RULE_VERSION } from "./matching.ts";
import type { PersonParts, Persons } from "./persons.ts";
import type { Placing } from "./placing.ts";
import { makeReviewQueue } from "./review-queue.ts";

/** Those whom the machine placed with a person while it was joined to another. Only inside a transaction of the writer. */
export interface Newcomers {
  /**
   * After an event was undone: whoever the machine has put with that person since may have come for the sake of those who
   * have left, and is placed anew.
   */
  placeAnew(undoneEventNo: number, atMs: number): void;
}

export function makeNewcomers(
  db: Database,
  { rows, events }: Pick<PersonParts, "rows" | "events">,
  persons: Persons,
  placing: Placing,
): Newcomers {
  const queue = makeReviewQueue(db);
  const cameAfter = db
    .prepare<[number, number, number], number>(
      `SELECT EXISTS (SELECT 1 FROM link_event
         WHERE identity_no = ? AND event_no > ? AND to_person_id = ? AND actor = 'machine' AND undone_by IS NULL)`,
    )
    .pluck();

  return {
    placeAnew(undoneEventNo, atMs) {
      const person = events.byNo(undoneEventNo)?.to;
      if (person === undefined || person === null) return;
      for (const identity of rows.ofPerson(person)) {
        const { identityNo } = identity;
        if (cameAfter.get(identityNo, undoneEventNo, person) !== 1) continue;
        if (persons.isHeldWith(identity, "reviewer") || persons.isHeldWith(identity, "feed")) continue;
        const decision = placing.decide(identity, identity);
        if (decision.kind === "review") queue.add({ identityNo, sinceMs: atMs, ...decision });
        if (decision.kind === "link" && decision.personKey === person) continue;
        if (decision.kind !== "link" && rows.ofPerson(person).length === 1) continue;
        const to = decision.kind === "link" ? decision.personKey : rows.makePerson();
        const actor = { kind: "machine", ruleVersion: RULE_VERSION } as const;
        const [kind, score] = decision.kind === "link" ? (["link", decision.score] as const) : (["break"] as const);
        events.add({ kind, actor, atMs, identityNo, from: person, to, reason: "placed-anew", score });
        rows.move(identity, to);
        persons.settle([{ identityNo, from: person, to }]);
      }
    },
  };
}
