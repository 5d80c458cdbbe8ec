import type { Comparable } from "./comparable.ts";
import { frequenciesOf } from "./frequencies.ts";
import { type Comparison, levelOf } from "./levels.ts";
import { isTelling, type Linker, linkFrom, makeLinker, OTHER_NUMBERS_BITS } from "./linker.ts";
import type { LinkModel } from "./model.ts";
import { type PairScore, scorePair } from "./score.ts";

/** A person whom a record may be, with all their records. */
export interface KnownPerson<Key> {
  readonly key: Key;
  readonly records: readonly Comparable[];
}

export interface Candidate<Key> {
  readonly key: Key;
  /** Of the person's record that is most like the one that is placed. */
  readonly score: PairScore;
}

/** Why a record is for somebody to look at: too little agrees, something speaks against it, or two would do. */
export type Doubt = "in-doubt" | "agrees-but-for-one-thing" | "several-agree";

export type Choice<Key> =
  | {
      readonly kind: "one";
      readonly candidate: Candidate<Key>;
      /** Who the record shows to be the same person: what they had in common was too little without it. */
      readonly also: readonly Candidate<Key>[];
    }
  | { readonly kind: "doubt"; readonly doubt: Doubt; readonly candidates: readonly Candidate<Key>[] }
  | { readonly kind: "nobody" };

export interface Chooser {
  /** Whose a record is, of the people that it may be. The order in which they are given does not matter. */
  choose<Key>(record: Comparable, persons: readonly KnownPerson<Key>[]): Choice<Key>;
  /** Who else, of these, is the person whose the record is known to be. */
  alsoOf<Key>(record: Comparable, own: KnownPerson<Key>, persons: readonly KnownPerson<Key>[]): Candidate<Key>[];
}

/** Most people that a doubt names. */
const CANDIDATES_MAX = 5;

/**
 * @param people how many a record is one of, for the odds before it is compared; the same for good, or the order in which
 * records arrive would decide who is whom.
 * @param careBits how many more than the model's own must speak for a link.
 */
export function makeChooser(model: LinkModel, people: number, careBits: number): Chooser {
  const frequencies = frequenciesOf(model);
  const linker = makeLinker(model, frequencies);
  const from = linkFrom(model, people) + careBits;

  const judgeAll = <Key>(record: Comparable, persons: readonly KnownPerson<Key>[]): Judged<Key>[] =>
    persons
      .map((person) => judge(record, person, linker, from))
      .filter(({ weight, haveOtherNumbers }) => weight >= (haveOtherNumbers ? from : from - model.reviewBits))
      .toSorted((a, b) => b.weight - a.weight);

  const asCandidate = <Key>(record: Comparable, { person, closest }: Judged<Key>): Candidate<Key> => ({
    key: person.key,
    score: scorePair(record, closest, linker.pair(record, closest).comparison, model, frequencies),
  });

  /** The persons of the others that link, and with all whom they join nothing speaks against it. */
  function joining<Key>(record: Comparable, own: KnownPerson<Key>, others: readonly Judged<Key>[]): Candidate<Key>[] {
    const together = [record, ...own.records];
    const joined: Judged<Key>[] = [];
    for (const other of others) {
      if (!other.links || other.person.key === own.key) continue;
      if (linker.obstacle(together, other.person.records) !== undefined) continue;
      together.push(...other.person.records);
      joined.push(other);
    }
    return joined.map((each) => asCandidate(record, each));
  }

  return {
    choose(record, persons) {
      const judged = judgeAll(record, persons);
      const [best] = judged;
      if (best === undefined) return { kind: "nobody" };
      const doubt = (why: Doubt) => ({
        kind: "doubt" as const,
        doubt: why,
        candidates: judged.slice(0, CANDIDATES_MAX).map((each) => asCandidate(record, each)),
      });
      if (best.weight < from) return doubt("in-doubt");
      if (!best.links) return doubt("agrees-but-for-one-thing");
      const hasRival = judged.some(
        ({ person, weight }) =>
          person !== best.person &&
          weight >= best.weight - model.marginBits &&
          areTwo(best.person.records, person.records, linker),
      );
      if (hasRival) return doubt("several-agree");
      return { kind: "one", candidate: asCandidate(record, best), also: joining(record, best.person, judged) };
    },
    alsoOf: (record, own, persons) => joining(record, own, judgeAll(record, persons)),
  };
}

interface Judged<Key> {
  readonly person: KnownPerson<Key>;
  /** The heaviest pair's bits; where any may link, the heaviest of those. */
  readonly weight: number;
  readonly closest: Comparable;
  readonly links: boolean;
  /** The closest record has another number: two people, unless all else agrees. */
  readonly haveOtherNumbers: boolean;
}

function judge<Key>(record: Comparable, person: KnownPerson<Key>, linker: Linker, from: number): Judged<Key> {
  let [weight, closest, proven, haveOtherNumbers] = [-Infinity, person.records[0]!, false, false];
  for (const other of person.records) {
    const pair = linker.pair(record, other);
    const isProof = areOneByName(pair.comparison) && pair.veto === undefined && !pair.lacksProof && pair.weight >= from;
    if ((isProof && !proven) || (isProof === proven && pair.weight > weight)) {
      [weight, closest, proven] = [pair.weight, other, isProof];
      haveOtherNumbers = pair.comparison.number === NUMBERS_DIFFERENT;
    }
  }
  const obstacle = proven ? linker.obstacle([record], person.records) : undefined;
  const isOutweighed = obstacle === "other numbers" && weight >= from + OTHER_NUMBERS_BITS;
  return { person, weight, closest, links: proven && (obstacle === undefined || isOutweighed), haveOtherNumbers };
}

/**
 * True where the names are one person's, as far as a stranger is concerned to whom all else may be common: in a hall of
 * residence or a care home all share address and telephone, and two of them the birth date; in a household, twins share the
 * family name too, and now and then the number. Whether two live together is only known where both addresses are.
 */
function areOneByName({ number, given, middle, family, birth, place }: Comparison): boolean {
  const hasNumber = number === NUMBER_SAME;
  const familyAgrees = family === undefined ? hasNumber : family <= FAMILY_SIMILAR;
  if (given === undefined) return hasNumber || familyAgrees;
  if (given < GIVEN_SIMILAR) return true;
  if (!familyAgrees || (place === undefined && !hasNumber)) return false;
  if (given === GIVEN_SIMILAR) return true;
  return hasNumber && birth === BIRTH_SAME && place !== undefined && middle !== MIDDLE_DIFFERENT;
}

const BIRTH_SAME = levelOf("birth", "same");
const NUMBER_SAME = levelOf("number", "same");
const NUMBERS_DIFFERENT = levelOf("number", "different");
const GIVEN_SIMILAR = levelOf("given", "similar");
const MIDDLE_DIFFERENT = levelOf("middle", "different");
const FAMILY_SIMILAR = levelOf("family", "similar");

/** Something says that they are two: otherwise they may be one person whom nothing has linked yet, and either will do. */
function areTwo(ones: readonly Comparable[], others: readonly Comparable[], linker: Linker): boolean {
  const obstacle = linker.obstacle(ones, others);
  return obstacle !== undefined && isTelling(obstacle);
}
