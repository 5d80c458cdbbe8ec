import type { Database } from "better-sqlite3";

import { damagedRow, type RawRow } from "../base/row-checksum.ts";
import { makeStatements } from "./statements.ts";

/** What is known of NHS numbers themselves. A number is as the table has it: an integer of up to ten digits. */
export interface Numbers {
  /** The number, and each that replaced the one before. */
  chain(nhsNumber: number): readonly number[];
  /** The number that replaced it in the end; itself where none did. */
  canonical(nhsNumber: number): number;
  /** The number, those that it replaced, and those that replaced it. */
  family(nhsNumber: number): readonly number[];
  /** True where two people were given it: it is no evidence of anything. */
  isConfused(nhsNumber: number): boolean;
  /** True where it was given up or taken up under protection. */
  isProtected(nhsNumber: number): boolean;
}

/** For the reader as well as for the writer. */
export function makeNumbers(db: Database): Numbers {
  const statements = makeStatements(db);
  const isProtected = db
    .prepare<[number], RawRow>("SELECT nhs_number FROM protected_number WHERE nhs_number = ?")
    .raw();

  function replacement(nhsNumber: number): number | undefined {
    return statements.about(nhsNumber, "superseded").find(({ one }) => one === nhsNumber)?.other;
  }

  function chain(nhsNumber: number): readonly number[] {
    const numbers = new Set([nhsNumber]);
    for (const number of numbers) {
      const next = replacement(number);
      if (next === undefined) break;
      if (numbers.has(next)) throw damagedRow("statement", undefined); // none that was ever written leads in a circle
      numbers.add(next);
    }
    return [...numbers];
  }

  function canonical(nhsNumber: number): number {
    return chain(nhsNumber).at(-1) ?? nhsNumber;
  }

  function family(nhsNumber: number): readonly number[] {
    if (statements.about(nhsNumber, "superseded").length === 0) return [nhsNumber];
    const members = [canonical(nhsNumber)];
    for (const member of members) {
      for (const { one, other } of statements.about(member, "superseded")) {
        if (other === member && !members.includes(one)) members.push(one);
      }
    }
    return members;
  }

  return {
    chain,
    canonical,
    family,
    isConfused: (nhsNumber) => statements.about(nhsNumber, "confused").length > 0,
    isProtected: (nhsNumber) => isProtected.get(nhsNumber) !== undefined,
  };
}
