import { decide, type CandidatePerson, type Decision } from "./decision.ts";
import type { IdentityRecord, StoredIdentity } from "./identity-record.ts";
import type { IdentityRows } from "./identity-rows.ts";
import type { LinkCandidates } from "./link-candidates.ts";
import { type Comparable, toComparable } from "./linkage/comparable.ts";
import type { Numbers } from "./numbers.ts";
import type { Statements } from "./statements.ts";

/** Most identities of one person to whom the machine adds: above it somebody made a mistake, and it is reported. */
export const PERSON_IDENTITIES_MAX = 100;

/** The machine's way to a decision: whom a record may be, and what others have said that the machine never overrides. */
export interface Placing {
  decide(record: IdentityRecord, held: StoredIdentity | undefined): Decision;
}

/** @param alikeOf absent where only a number links. */
export function makePlacing(
  rows: IdentityRows,
  alikeOf: ((record: Comparable) => LinkCandidates) | undefined,
  statements: Statements,
  numbers: Numbers,
): Placing {
  return {
    decide(record, held) {
      const number = record.nhsNumber === "" ? undefined : numbers.canonical(Number(record.nhsNumber));
      const isConfused = number !== undefined && [Number(record.nhsNumber), number].some(numbers.isConfused);
      if (isConfused) return { kind: "none", reason: "number-confused" };
      const mayBe = (persons: readonly StoredPerson[]): StoredPerson[] =>
        withoutDifferent(persons, held, statements).filter(
          ({ records }) => !isProtectedPair([record], records, numbers),
        );
      const holders = mayBe(number === undefined ? [] : personsOf(number, rows, numbers, held?.identityNo));
      const roomy = holders.filter(hasRoom);
      if (roomy.length < holders.length) return { kind: "none", reason: "person-too-large" };
      let hasMoreAlike = false;
      const alike = (find: NonNullable<typeof alikeOf>): CandidatePerson[] => {
        const { identities, isCut } = find(toComparable(record));
        hasMoreAlike = isCut;
        const others = mayBe(personsWith(identities, rows, held?.identityNo)).filter(hasRoom);
        return others.map((person) => canonicalPerson(person, numbers));
      };
      const decision = decide(
        canonically(record, numbers),
        roomy.map((person) => canonicalPerson(person, numbers)),
        alikeOf && (() => alike(alikeOf)),
      );
      return decision.kind === "none" && hasMoreAlike ? { kind: "none", reason: "more-alike-than-compared" } : decision;
    },
  };
}

function hasRoom({ records }: CandidatePerson): boolean {
  return records.length < PERSON_IDENTITIES_MAX;
}

/** Everybody who has one of these identities, without the one that is being placed. */
function personsWith(
  identities: readonly StoredIdentity[],
  rows: IdentityRows,
  withoutIdentityNo: number | undefined,
): StoredPerson[] {
  const keys = new Set(identities.map(({ personKey }) => personKey));
  return [...keys].flatMap((personKey): StoredPerson[] => {
    const records = rows.ofPerson(personKey).filter(({ identityNo }) => identityNo !== withoutIdentityNo);
    return records.length === 0 ? [] : [{ personKey, records }];
  });
}

/**
 * True where one side has a number that was given up or taken up under protection, and the other side another number: the
 * two are never brought together, whatever else agrees, and nobody is told why.
 */
export function isProtectedPair(
  ones: readonly IdentityRecord[],
  others: readonly IdentityRecord[],
  numbers: Numbers,
): boolean {
  const [a, b] = [distinctNumbers(ones), distinctNumbers(others)];
  return a.some((one) => b.some((other) => one !== other && (numbers.isProtected(one) || numbers.isProtected(other))));
}

function distinctNumbers(records: readonly IdentityRecord[]): number[] {
  return [...new Set(records.map(({ nhsNumber }) => nhsNumber))].filter((text) => text !== "").map(Number);
}

/** The record with the number that replaced its own. One that is two people's leads to neither. */
export function canonically<Record extends IdentityRecord>(record: Record, numbers: Numbers): Record {
  if (record.nhsNumber === "") return record;
  const now = String(numbers.canonical(Number(record.nhsNumber))).padStart(10, "0");
  const stays = now === record.nhsNumber || numbers.isConfused(Number(record.nhsNumber));
  return stays ? record : { ...record, nhsNumber: now };
}

interface StoredPerson extends CandidatePerson {
  readonly records: readonly StoredIdentity[];
}

function canonicalPerson({ personKey, records }: StoredPerson, numbers: Numbers): StoredPerson {
  return { personKey, records: records.map((record) => canonically(record, numbers)) };
}

/** Everybody with this number or one that it replaced, each one person's, without the identity that is being placed. */
function personsOf(
  number: number,
  rows: IdentityRows,
  numbers: Numbers,
  withoutIdentityNo: number | undefined,
): StoredPerson[] {
  const persons = new Map<number, Map<number, StoredIdentity>>();
  for (const member of numbers.family(number).filter((each) => !numbers.isConfused(each))) {
    for (const record of rows.ofNumber(member)) {
      if (record.identityNo === withoutIdentityNo) continue;
      const records = persons.get(record.personKey) ?? new Map<number, StoredIdentity>();
      persons.set(record.personKey, records.set(record.identityNo, record));
    }
  }
  return [...persons].map(([personKey, records]) => ({ personKey, records: [...records.values()] }));
}

/** A new identity cannot have been told apart from anybody. */
function withoutDifferent(
  persons: readonly StoredPerson[],
  held: StoredIdentity | undefined,
  statements: Statements,
): readonly StoredPerson[] {
  if (held === undefined || persons.length === 0) return persons;
  const different = new Set(
    statements.about(held.identityNo, "different").map(({ one, other }) => (one === held.identityNo ? other : one)),
  );
  return persons.filter(({ records }) => !records.some(({ identityNo }) => different.has(identityNo)));
}
