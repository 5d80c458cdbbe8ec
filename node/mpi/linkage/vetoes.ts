import type { Comparable } from "./comparable.ts";
import { type Comparison, levelOf } from "./levels.ts";

/** Why two records are never one person's by machine, whatever else agrees. */
export type Veto = "two verified numbers" | "given name and sex differ" | "same birth and household, other given name";

/** Symmetric. */
export function vetoOf(one: Comparable, other: Comparable, comparison: Comparison): Veto | undefined {
  if (one.verified && other.verified && one.number !== other.number) return "two verified numbers";
  const { given = 0, sex = 0 } = comparison;
  if (given === GIVEN_DIFFERENT && sex === SEX_DIFFERENT) return "given name and sex differ";
  if (given >= GIVEN_SIMILAR && mayBeTwins(comparison)) return "same birth and household, other given name";
  return undefined;
}

/**
 * Twins share birth date, family name, address, and now and then even the number, by a slip: their given names are all that
 * tells them apart. Only a number of another kind, with which that has not been seen, says otherwise.
 */
function mayBeTwins({ birth, family = 9, place = 9, otherId }: Comparison): boolean {
  const sameHousehold = family <= FAMILY_SLIP && place <= MUCH_THE_SAME_ADDRESS;
  return birth === 0 && sameHousehold && (otherId === undefined || otherId > OTHER_ID_SLIP);
}

/**
 * True where a pair is no link by itself, whatever its weight: a household shares family name and place, and fathers and
 * sons the given name as well. Without a number, a telephone or an e-mail in common, the birth date must agree, but for a
 * slip, or else both names, where it is not known or close.
 */
export function lacksProof(comparison: Comparison): boolean {
  const { number, otherId = 9, phone, email = 9, given = 9, family = 9, birth } = comparison;
  if (number === 0 || otherId <= OTHER_ID_SLIP || phone === 0 || email <= EMAIL_NEAR) return false;
  if (birth === BIRTH_DIFFERENT) return true;
  if (birth !== undefined && birth < BIRTH_NEAR) return false;
  return given >= GIVEN_DIFFERENT || family > FAMILY_SIMILAR;
}

const GIVEN_SIMILAR = levelOf("given", "similar");
const GIVEN_DIFFERENT = levelOf("given", "different");
const SEX_DIFFERENT = levelOf("sex", "different");
const FAMILY_SLIP = levelOf("family", "slip");
const FAMILY_SIMILAR = levelOf("family", "similar");
const MUCH_THE_SAME_ADDRESS = levelOf("place", "much the same address");
const OTHER_ID_SLIP = levelOf("otherId", "slip");
const EMAIL_NEAR = levelOf("email", "near");
const BIRTH_NEAR = levelOf("birth", "near");
const BIRTH_DIFFERENT = levelOf("birth", "different");
