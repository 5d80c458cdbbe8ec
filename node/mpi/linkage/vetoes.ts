import type { Comparable } from "./comparable.ts";
import { type Comparison, levelOf } from "./levels.ts";

/** Why two records are never one person's by machine, whatever else agrees. */
export type Veto = "two verified numbers" | "given name and sex differ" | "same birth and household, other given name";

/** Symmetric. */
export function vetoOf(one: Comparable, other: Comparable, comparison: Comparison): Veto | undefined {
  if (one.verified && other.verified && one.number !== other.number) return "two verified numbers";
  const { given = 0, sex = 0 } = comparison;
  if (given === GIVEN_DIFFERENT && sex === SEX_DIFFERENT) return "given name and sex differ";
  const isOtherName =
    comparison.number === 0 ? given > GIVEN_SIMILAR && comparison.middle !== 0 : given >= GIVEN_SIMILAR;
  const isUnnamed = comparison.given === undefined;
  const isOther =
    isOtherName || (isUnnamed && (comparison.middle === MIDDLE_DIFFERENT || areOthersOfSeveral(one, other)));
  if (isOther && mayBeTwins(comparison)) return "same birth and household, other given name";
  return undefined;
}

function areOthersOfSeveral({ ofSeveral: one }: Comparable, { ofSeveral: other }: Comparable): boolean {
  return one !== "" && other !== "" && one !== "?" && other !== "?" && one !== other;
}

/**
 * Twins share birth date, family name, address, and now and then even the number, by a slip: their given names are all that
 * tells them apart. Only a number of another kind, with which that has not been seen, says otherwise; or the NHS number
 * together with a given name much alike or the same middle name, where one person, once mistaken, is hundreds of times
 * likelier than a twin with the other's number.
 */
function mayBeTwins({ birth, family = 0, place = 9, otherId }: Comparison): boolean {
  const sameHousehold = family <= FAMILY_SIMILAR && place <= MUCH_THE_SAME_ADDRESS;
  return birth === 0 && sameHousehold && (otherId === undefined || otherId > OTHER_ID_SLIP);
}

/**
 * True where a pair is no link by itself, whatever its weight: a household shares family name, place, telephone and often an
 * e-mail address, a mother's number stands on her newborn's record, twins share a birth date wherever they live, and fathers
 * and sons share the given name as well.
 */
export function lacksProof(one: Comparable, other: Comparable, comparison: Comparison): boolean {
  const { birth, given, family, place = 9, phone } = comparison;
  const byNumber = sharesOwnNumber(comparison);
  const byEmail = (comparison.email ?? 9) <= EMAIL_NEAR;
  const otherGiven = given === GIVEN_DIFFERENT;
  const sameGiven = given !== undefined && !otherGiven;
  const otherFamily = family !== undefined && family > FAMILY_SIMILAR;
  const bothNames = sameGiven && family !== undefined && !otherFamily;

  // A newborn twin without a name is either of the two until a number says which.
  if ((one.ofSeveral !== "" || other.ofSeveral !== "") && one.ofSeveral !== other.ofSeveral && !byNumber) return true;
  if (otherGiven && !byNumber && !byEmail && !isSamePlace(one, other, place)) return true;
  switch (birth) {
    case BIRTH_SAME:
      return otherGiven && otherFamily && !byEmail && !isSamePlace(one, other, place);
    case BIRTH_SWAPPED:
    case BIRTH_SLIP:
    case ONE_PART_DIFFERENT:
      return otherGiven; // a brother's number, by a slip, and a birthday like his
    case BIRTH_DIFFERENT:
      if (comparison.otherId !== undefined && comparison.otherId <= OTHER_ID_SLIP) return false;
      // A father's number stands on his son's record sooner than two verified ones are wrong.
      if (byNumber) return !bothNames || (isGenerationApart(one, other) && !(one.verified && other.verified));
      return !(byEmail && sameGiven && !otherFamily && !isGenerationApart(one, other));
    case BIRTH_NEAR:
      return !(byNumber || (byEmail && !otherGiven) || bothNames);
    default: // too little is known of it
      return !(byNumber || (byEmail && !otherGiven) || (bothNames && (place <= SAME_TOWN || phone === 0)));
  }
}

/** A number that only one person has, as far as such numbers can be relied on. */
function sharesOwnNumber({ number, otherId = 9, localId }: Comparison): boolean {
  return number === 0 || otherId <= OTHER_ID_SLIP || localId === 0;
}

/** The same address; or the same town where nothing closer is known. */
function isSamePlace(one: Comparable, other: Comparable, place: number): boolean {
  const isKnown = ({ postcode, addressWords }: Comparable): boolean => postcode !== "" || addressWords.length > 0;
  return place <= (isKnown(one) && isKnown(other) ? MUCH_THE_SAME_ADDRESS : SAME_TOWN);
}

/** True where the birth dates are two people's, unless something that only one person has says that one of them is wrong. */
export function haveOtherBirthDates(one: Comparable, other: Comparable, comparison: Comparison): boolean {
  if (comparison.birth !== BIRTH_DIFFERENT) return false;
  const byEmail = (comparison.email ?? 9) <= EMAIL_NEAR && !isGenerationApart(one, other);
  return !(sharesOwnNumber(comparison) || byEmail);
}

function isGenerationApart(one: Comparable, other: Comparable): boolean {
  return Math.abs(Number(one.year) - Number(other.year)) > GENERATION_YEARS;
}

/** Years that lie between parents and their children, at least. */
const GENERATION_YEARS = 12;

const GIVEN_SIMILAR = levelOf("given", "similar");
const GIVEN_DIFFERENT = levelOf("given", "different");
const MIDDLE_DIFFERENT = levelOf("middle", "different");
const SEX_DIFFERENT = levelOf("sex", "different");
const FAMILY_SIMILAR = levelOf("family", "similar");
const MUCH_THE_SAME_ADDRESS = levelOf("place", "much the same address");
const OTHER_ID_SLIP = levelOf("otherId", "slip");
const EMAIL_NEAR = levelOf("email", "near");
const SAME_TOWN = levelOf("place", "same town");
const BIRTH_SAME = levelOf("birth", "same");
const BIRTH_SWAPPED = levelOf("birth", "day and month swapped");
const BIRTH_SLIP = levelOf("birth", "slip");
const ONE_PART_DIFFERENT = levelOf("birth", "one part different");
const BIRTH_NEAR = levelOf("birth", "near");
const BIRTH_DIFFERENT = levelOf("birth", "different");
