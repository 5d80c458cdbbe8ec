import type { Database } from "better-sqlite3";

/** Who has a person's identities now: itself, unless it was merged into another one and nobody of it is left. */
export type PersonNow = (personKey: number) => number;

/** Only a person of whom nobody is left redirects, and only to one of whom somebody was: there is no circle. */
export function makePersonNow(db: Database): PersonNow {
  const redirectOf = db
    .prepare<[number], number>("SELECT to_person_id FROM person_redirect WHERE from_person_id = ?")
    .pluck();
  return (personKey) => {
    let now = personKey;
    for (let steps = 0; steps < REDIRECTS_MAX; steps++) {
      const next = redirectOf.get(now);
      if (next === undefined) break;
      now = next;
    }
    return now;
  };
}

const REDIRECTS_MAX = 100;
