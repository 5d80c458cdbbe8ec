import type { IdentityRecord } from "./identity-record.ts";
import { type Candidate as KnownCandidate, type Chooser, makeChooser } from "./linkage/choose.ts";
import { toComparable, type Comparable } from "./linkage/comparable.ts";
import { frequenciesOf } from "./linkage/frequencies.ts";
import { linkFrom, makeLinker } from "./linkage/linker.ts";
import { ownModel } from "./linkage/model.ts";
import { scorePair } from "./linkage/score.ts";
import { decideLink } from "./matching.ts";
import { normaliseName, normalisePostcode } from "./names.ts";

/** Bits for (above 0) or against two records' being one person's, and how each field agrees; never a value. */
export interface PairScore {
  readonly weight: number;
  readonly fields: readonly { readonly field: string; readonly level: string; readonly weight: number }[];
}

/** Somebody whom a record may be. */
export interface Candidate {
  readonly personKey: number;
  readonly score: PairScore;
}

/** What the machine makes of a record. */
export type Decision =
  | {
      readonly kind: "link";
      readonly personKey: number;
      readonly reason: string;
      readonly score?: PairScore;
      /** Persons whom the record shows to be this one. */
      readonly also: readonly Candidate[];
    }
  /** The record has a person of its own, and somebody is to look at it. */
  | { readonly kind: "review"; readonly reason: string; readonly candidates: readonly Candidate[] }
  | { readonly kind: "none"; readonly reason: string };

/** A person whom a record may be, with all their current records. */
export interface CandidatePerson {
  readonly personKey: number;
  readonly records: readonly IdentityRecord[];
}

/**
 * People among whom a record is one of, for the odds before it is compared: as many as the largest area has, and the same for
 * good, so that a node links alike however many it has loaded so far.
 */
const PEOPLE = 2_000_000;

/**
 * What a node asks for beyond even odds, in bits: of the links at the very threshold less than one in a hundred is to be
 * wrong, because a stranger's record is shown by it. Two namesakes of one birth date are not enough; somebody looks at them.
 */
const CARE_BITS = 6;

/**
 * Says whose a record is. Pure.
 *
 * @param holders everybody with the record's number: the rule of the number decides first, and most records by it alone.
 * @param alike everybody else who shares a key with the record; asked for only where the number does not decide. Absent:
 * only a number links, and those of the number who are in doubt are for somebody to look at.
 */
export function decide(
  incoming: IdentityRecord,
  holders: readonly CandidatePerson[],
  alike: (() => readonly CandidatePerson[]) | undefined,
): Decision {
  const decided = decideLink(
    incoming,
    holders.map(({ personKey, records }) => ({ personId: personKey, records })),
  );
  if (decided.kind === "link") {
    const { personId: personKey, reason } = decided;
    const also = alike === undefined ? [] : alsoOf(incoming, personKey, holders, alike);
    return { kind: "link", personKey, reason, also };
  }
  if (alike === undefined) return inDoubt(incoming, holders, decided.reason);
  const persons = new Map([...holders, ...alike()].map((person) => [person.personKey, person]));
  if (persons.size === 0) return { kind: "none", reason: decided.reason };
  const choice = linking().chooser.choose(toComparable(incoming), [...persons.values()].map(asKnown));
  switch (choice.kind) {
    case "one":
      return {
        ...{ kind: "link", personKey: choice.candidate.key, reason: "score", score: choice.candidate.score },
        also: choice.also.map(asCandidate),
      };
    case "doubt":
      return { kind: "review", reason: choice.doubt, candidates: choice.candidates.map(asCandidate) };
    case "nobody":
      return { kind: "none", reason: decided.reason };
  }
}

/** Of those with the number, who may be the same person all the same. */
function inDoubt(incoming: IdentityRecord, holders: readonly CandidatePerson[], reason: string): Decision {
  const candidates = candidatesOf(incoming, holders).filter(({ score }) => score.weight >= linking().reviewFrom);
  if (candidates.length === 0) return { kind: "none", reason };
  return { kind: "review", reason, candidates };
}

/** Who else the person of the number is; nobody is looked for who would have been found with the person's records before. */
function alsoOf(
  incoming: IdentityRecord,
  personKey: number,
  holders: readonly CandidatePerson[],
  alike: () => readonly CandidatePerson[],
): Candidate[] {
  const own = holders.find((person) => person.personKey === personKey);
  if (own === undefined || !hasNews(incoming, own.records)) return [];
  const others = [...holders, ...alike()].filter((person) => person.personKey !== personKey);
  const persons = [...new Map(others.map((person) => [person.personKey, person])).values()];
  return linking().chooser.alsoOf(toComparable(incoming), asKnown(own), persons.map(asKnown)).map(asCandidate);
}

/** True where the record has a name or a place that none of the others has, and so may find somebody whom they did not. */
function hasNews(incoming: IdentityRecord, records: readonly IdentityRecord[]): boolean {
  return !records.some(
    ({ familyName, givenName, postcode }) =>
      normaliseName(familyName) === normaliseName(incoming.familyName) &&
      normaliseName(givenName) === normaliseName(incoming.givenName) &&
      normalisePostcode(postcode) === normalisePostcode(incoming.postcode),
  );
}

function asKnown({ personKey, records }: CandidatePerson) {
  return { key: personKey, records: records.map(toComparable) };
}

function asCandidate({ key, score }: KnownCandidate<number>): Candidate {
  return { personKey: key, score };
}

/** Each of these people with the score of the record of theirs that is most alike, the best first. */
export function candidatesOf(incoming: IdentityRecord, persons: readonly CandidatePerson[]): readonly Candidate[] {
  const one = toComparable(incoming);
  return persons
    .flatMap(({ personKey, records }): Candidate[] => {
      const [best] = records.map((other) => linking().score(one, toComparable(other))).sort(byWeight);
      return best === undefined ? [] : [{ personKey, score: best }];
    })
    .sort((a, b) => byWeight(a.score, b.score));
}

function byWeight(a: PairScore, b: PairScore): number {
  return b.weight - a.weight;
}

interface Linking {
  readonly chooser: Chooser;
  readonly reviewFrom: number;
  readonly score: (one: Comparable, other: Comparable) => PairScore;
}

let made: Linking | undefined;

/** Made when it is first needed: a node that only answers has no use for it. */
function linking(): Linking {
  if (made !== undefined) return made;
  const model = ownModel();
  const frequencies = frequenciesOf(model);
  const linker = makeLinker(model, frequencies);
  made = {
    chooser: makeChooser(model, PEOPLE, CARE_BITS),
    reviewFrom: linkFrom(model, PEOPLE) + CARE_BITS - model.reviewBits,
    score: (one, other) => scorePair(one, other, linker.pair(one, other).comparison, model, frequencies),
  };
  return made;
}
