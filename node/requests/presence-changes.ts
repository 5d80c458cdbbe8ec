import type { Database } from "better-sqlite3";

import { PLACES_PER_IDENTITY } from "../locator/pointer-store.ts";
import { makeCurrentIdentities } from "../mpi/current-identities.ts";
import type { CommandHandlers } from "../storage/executor.ts";

/** What a write touched: an identity, a person or an NHS number, by its number in the index. */
export interface PresenceChange {
  readonly kind: "identity" | "person" | "number";
  readonly id: number;
}

/** Who follows what writes touch: each is given every change once. */
export type ChangeFollower = "filter" | "nrl";

declare module "../storage/executor.ts" {
  interface StoreCommands {
    /** From now on, until the store is closed, what writes touch is noted. Doing it twice does no harm. */
    "presence.watch": { payload: { readonly by: ChangeFollower }; result: void };
    /** Notes nothing more, and forgets what it has noted. */
    "presence.unwatch": { payload: { readonly by: ChangeFollower }; result: void };
    /** Gives what was noted, once: everything, or nothing where it is more than `most`, which is then forgotten. */
    "presence.changes": {
      payload: { readonly by: ChangeFollower; readonly most: number };
      result: readonly PresenceChange[] | "too-many";
    };
  }
}

/** Statements that are about numbers; the others are about identities. */
const OF_NUMBERS = "'superseded', 'confused'";

/**
 * Triggers of the writer's own connection, not of the file: a node that shares no filter has none, and none are left behind.
 * They note both sides of a change, because whom somebody leaves may be shown more than before.
 */
const NOTED = [
  ...["NEW", "OLD"].flatMap((row) => [
    { table: "identity_record", row, kind: "person", id: `${row}.person_id` },
    { table: "identity_record", row, kind: "number", id: `${row}.nhs_number` },
    { table: "pointer", row, kind: "identity", id: `${row}.pointer_no / ${PLACES_PER_IDENTITY}` },
    { table: "objection", row, kind: "identity", id: `${row}.identity_no` },
    {
      ...{ table: "objection_detail", row, kind: "identity" },
      id: `(SELECT identity_no FROM objection WHERE objection_no = ${row}.objection_no)`,
    },
    { table: "review_candidate", row, kind: "identity", id: `${row}.identity_no` },
    { table: "review_candidate", row, kind: "identity", id: `${row}.in_review_no` },
    { table: "statement", row, kind: "number", id: `CASE WHEN ${row}.says IN (${OF_NUMBERS}) THEN ${row}.one END` },
    { table: "statement", row, kind: "number", id: `CASE WHEN ${row}.says IN (${OF_NUMBERS}) THEN ${row}.other END` },
    // A death, a number withdrawn or under protection: of these only who is published nationally depends.
    { table: "number_standing", row, kind: "number", id: `${row}.nhs_number` },
    { table: "protected_number", row, kind: "number", id: `${row}.nhs_number` },
  ]),
];
const EVENTS = { NEW: ["INSERT", "UPDATE"], OLD: ["UPDATE", "DELETE"] } as const;

function triggers(by: ChangeFollower): { readonly name: string; readonly sql: string }[] {
  return NOTED.flatMap(({ table, row, kind, id }, at) =>
    EVENTS[row as "NEW" | "OLD"].map((event) => {
      const name = `presence_${by}_${at}_${event}`;
      const sql = `CREATE TEMP TRIGGER IF NOT EXISTS ${name} AFTER ${event} ON main.${table}
        WHEN ${id} IS NOT NULL BEGIN INSERT OR IGNORE INTO presence_change_${by} VALUES ('${kind}', ${id}); END`;
      return { name, sql };
    }),
  );
}

export function makeHandlers(db: Database): CommandHandlers {
  return {
    "presence.watch": ({ by }) => {
      db.exec(
        `CREATE TEMP TABLE IF NOT EXISTS presence_change_${by}
           (kind TEXT, id INTEGER, PRIMARY KEY (kind, id)) WITHOUT ROWID`,
      );
      for (const { sql } of triggers(by)) db.exec(sql);
    },
    "presence.unwatch": ({ by }) => {
      for (const { name } of triggers(by)) db.exec(`DROP TRIGGER IF EXISTS temp.${name}`);
      db.exec(`DROP TABLE IF EXISTS temp.presence_change_${by}`);
    },
    "presence.changes": ({ by, most }) => {
      const noted = db
        .prepare<[number], PresenceChange>(`SELECT kind, id FROM temp.presence_change_${by} LIMIT ?`)
        .all(most + 1);
      db.exec(`DELETE FROM temp.presence_change_${by}`);
      return noted.length > most ? "too-many" : noted;
    },
  };
}

/** What of the index a filter is made of. Every method throws {@link Failure} `store-unavailable` where a row is damaged. */
export interface PresenceReader {
  /** The next NHS numbers by which somebody may be asked for here, in rising order, as integers. */
  numbersAfter(number: number, most: number): readonly number[];
  /** The NHS numbers of everybody of whom another answer may be given since these changed. */
  numbersTouched(changes: readonly PresenceChange[]): ReadonlySet<number>;
}

/** @param db a read-only connection to the index. */
export function makePresenceReader(db: Database): PresenceReader {
  const identities = makeCurrentIdentities(db);
  const numbersAfter = db
    .prepare<[number, number, number, number, number, number, number], number>(
      `SELECT n FROM (
         SELECT n FROM (SELECT DISTINCT nhs_number AS n FROM identity_record
           WHERE current = 1 AND nhs_number IS NOT NULL AND nhs_number > ? ORDER BY nhs_number LIMIT ?)
         UNION SELECT n FROM (SELECT one AS n FROM statement WHERE says = 'superseded' AND one > ? ORDER BY one LIMIT ?)
         UNION SELECT n FROM (SELECT other AS n FROM statement WHERE says = 'superseded' AND other > ? ORDER BY other LIMIT ?)
       ) ORDER BY n LIMIT ?`,
    )
    .pluck();
  const personsOf = db
    .prepare<[number], number>("SELECT DISTINCT person_id FROM identity_record WHERE current = 1 AND nhs_number = ?")
    .pluck();
  const inDoubtWith = db
    .prepare<[number, number], number>(
      "SELECT in_review_no FROM review_candidate WHERE identity_no = ? UNION SELECT identity_no FROM review_candidate WHERE in_review_no = ?",
    )
    .pluck();
  const supersededWith = db
    .prepare<[number, number], number>(
      "SELECT other FROM statement WHERE says = 'superseded' AND one = ? UNION SELECT one FROM statement WHERE says = 'superseded' AND other = ?",
    )
    .pluck();

  function personOf(identityNo: number): number[] {
    const person = identities.byNo(identityNo)?.personKey;
    return person === undefined ? [] : [person];
  }

  function numbersOf(person: number): number[] {
    return identities.ofPerson(person).flatMap(({ nhsNumber }) => (nhsNumber === "" ? [] : [Number(nhsNumber)]));
  }

  return {
    numbersAfter: (number, most) => numbersAfter.all(number, most, number, most, number, most, most),
    numbersTouched(changes) {
      const numbers = new Set<number>();
      const persons = new Set<number>();
      for (const { kind, id } of changes) {
        if (kind === "number") numbers.add(id);
        else for (const person of kind === "person" ? [id] : personOf(id)) persons.add(person);
      }
      // Whoever shares a number with them, or is in doubt with one of those, may be answered otherwise too.
      const steps = [
        () => [...persons].flatMap(numbersOf).forEach((number) => numbers.add(number)),
        () => [...numbers].flatMap((number) => personsOf.all(number)).forEach((person) => persons.add(person)),
        () => {
          const records = [...persons].flatMap((person) => identities.ofPerson(person));
          const doubted = records.flatMap(({ identityNo }) => inDoubtWith.all(identityNo, identityNo));
          doubted.flatMap(personOf).forEach((person) => persons.add(person));
        },
        () => [...persons].flatMap(numbersOf).forEach((number) => numbers.add(number)),
      ];
      for (const step of steps) step();
      for (const number of numbers) for (const other of supersededWith.all(number, number)) numbers.add(other);
      return numbers;
    },
  };
}
