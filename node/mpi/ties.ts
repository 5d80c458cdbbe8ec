import { check } from "../base/check.ts";
import type { StoredIdentity } from "./identity-record.ts";
import type { MatchDetails } from "./matching.ts";
import type { PersonParts } from "./persons.ts";
import { canonically } from "./placing.ts";
import type { Authority, Statement } from "./statements.ts";

/** What has been said of identities, and what their records say: whatever joining and parting are decided by. Only reads. */
export interface Ties {
  /** An identity that an event or a statement names: it is there. */
  heldBy(identityNo: number): StoredIdentity;
  /** Those of the same person who were said to be the same as this one, directly or through others; itself first. */
  bodyOf(identity: StoredIdentity, authority: Authority): StoredIdentity[];
  /** What says of any of the ones that they are not any of the others. */
  differences(ones: readonly StoredIdentity[], others: readonly StoredIdentity[]): Statement[];
  /** The statement of this authority that the two are the same, if there is one. */
  sameness(one: StoredIdentity, other: StoredIdentity, authority: Authority): Statement | undefined;
  /** True where others than the machine have said with whom this identity belongs, and it is there. */
  isHeldWith(identity: StoredIdentity, authority: Authority): boolean;
  /** What these records say together, by numbers as they are now. */
  detailsOf(records: readonly StoredIdentity[]): MatchDetails;
  /** True where both have a verified number, and not the same one. */
  haveTwoNumbers(ones: readonly StoredIdentity[], others: readonly StoredIdentity[]): boolean;
}

/** The one of the two that a statement about `identityNo` names besides. */
export function otherOf({ one, other }: Statement, identityNo: number): number {
  return one === identityNo ? other : one;
}

export function makeTies({ rows, statements, numbers }: Omit<PersonParts, "events">): Ties {
  function bodyOf(identity: StoredIdentity, authority: Authority): StoredIdentity[] {
    const members = new Map(rows.ofPerson(identity.personKey).map((member) => [member.identityNo, member]));
    const body = new Map([[identity.identityNo, identity]]);
    for (const [identityNo] of body) {
      for (const statement of statements.about(identityNo, "same")) {
        if (authority === "reviewer" && statement.authority === "feed") continue;
        const member = members.get(otherOf(statement, identityNo));
        if (member !== undefined && !body.has(member.identityNo)) body.set(member.identityNo, member);
      }
    }
    return [...body.values()];
  }

  function differences(ones: readonly StoredIdentity[], others: readonly StoredIdentity[]): Statement[] {
    const there = new Set(others.map(({ identityNo }) => identityNo));
    return ones.flatMap(({ identityNo }) =>
      statements.about(identityNo, "different").filter((statement) => there.has(otherOf(statement, identityNo))),
    );
  }

  function haveTwoNumbers(ones: readonly StoredIdentity[], others: readonly StoredIdentity[]): boolean {
    const [a, b] = [detailsOf(ones), detailsOf(others)];
    return a.verifiedNumbers.some((one) => b.verifiedNumbers.some((other) => one !== other));
  }

  function detailsOf(records: readonly StoredIdentity[]): MatchDetails {
    const current = records.map((record) => canonically(record, numbers));
    const verified = current.filter(({ nhsNumberStatus, nhsNumber }) => nhsNumberStatus === "01" && nhsNumber !== "");
    return {
      verifiedNumbers: verified.map(({ nhsNumber }) => nhsNumber),
      birthDates: current.map(({ birthDate }) => birthDate),
      genders: current.map(({ gender }) => gender),
      givenNames: current.map(({ givenName }) => givenName),
    };
  }

  function isHeldWith(identity: StoredIdentity, authority: Authority): boolean {
    return statements
      .about(identity.identityNo, "same")
      .filter((statement) => statement.authority === authority)
      .some((statement) => heldBy(otherOf(statement, identity.identityNo)).personKey === identity.personKey);
  }

  function heldBy(identityNo: number): StoredIdentity {
    const identity = rows.byNo(identityNo);
    check(identity !== undefined, "an identity that is named by an event is held");
    return identity;
  }

  function sameness(one: StoredIdentity, other: StoredIdentity, authority: Authority): Statement | undefined {
    return statements
      .about(one.identityNo, "same")
      .find(
        (statement) => statement.authority === authority && otherOf(statement, one.identityNo) === other.identityNo,
      );
  }

  return { heldBy, bodyOf, differences, sameness, isHeldWith, detailsOf, haveTwoNumbers };
}
