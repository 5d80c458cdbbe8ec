import { unreachable } from "../../node/base/check.ts";
import { dayText } from "./calendar.ts";
import type { Community, Ways } from "./communities.ts";
import type { Draws } from "./draws.ts";
import type { Sex } from "./person.ts";

interface Names {
  givenName: string;
  middleName: string;
  familyName: string;
}

/** Of those who marry in a `shared` way, those who keep their own surname, and those who carry both. */
const KEEPS_HERS = 0.15;
const CARRIES_BOTH = 0.03;

export function birthYear(birthDay: number): number {
  return Number(dayText(birthDay).slice(0, 4));
}

/** Names of somebody by themselves, by the ways of a community. */
export function ownNames(draws: Draws, community: Community, sex: Sex, year: number): Names {
  const givenNames = community[sex](year);
  const givenName = givenNames.pick(draws);
  const second = draws.chance(0.6) ? givenNames.pick(draws) : "";
  const middleName = second === givenName ? "" : second;
  const familyName = community.family.pick(draws);
  switch (community.ways) {
    case "shared":
      return { givenName, middleName, familyName };
    case "kaur-singh":
      return draws.chance(0.3)
        ? { givenName, middleName: "", familyName: titleOf(sex) }
        : { givenName, middleName: titleOf(sex), familyName: isTitle(familyName) ? titleOf(sex) : familyName };
    case "begum":
      return sex === "female" && draws.chance(0.35)
        ? { givenName, middleName: "", familyName: draws.chance(0.7) ? "Begum" : "Bibi" }
        : { givenName, middleName: draws.chance(0.4) ? middleName : "", familyName };
    case "own":
      return { givenName, middleName: "", familyName };
    case "ski-ska":
      return { givenName, middleName, familyName: formFor(sex, familyName) };
    case "fathers":
      return { givenName, middleName: community.male(year).pick(draws), familyName };
    case "one-name":
      return draws.chance(0.08)
        ? { givenName: "", middleName: "", familyName: givenName }
        : { givenName, middleName: "", familyName };
    default:
      return unreachable(community.ways);
  }
}

const titleOf = (sex: Sex): string => (sex === "female" ? "Kaur" : "Singh");
const isTitle = (name: string): boolean => name === "Kaur" || name === "Singh";

/** Wiśniewski's wife is Wiśniewska. */
function formFor(sex: Sex, familyName: string): string {
  if (sex === "female") return familyName.replace(/([sc]k|dzk)i$/, "$1a");
  return familyName.replace(/([sc]k|dzk)a$/, "$1i");
}

/** Ways in which nobody takes a husband's surname. */
const KEEP_THEIRS: ReadonlySet<Ways> = new Set(["begum", "own", "fathers", "one-name"]);

type Spouse = Names & { readonly community: Community };

/** Gives a woman the surname that she has with her husband, by the ways of his community and hers. */
export function coupleNames(draws: Draws, woman: Spouse, man: Spouse): void {
  const { ways } = man.community;
  if (KEEP_THEIRS.has(ways) || draws.chance(KEEPS_HERS)) return;
  if (ways === "kaur-singh" && isTitle(woman.familyName)) return;
  const his = isTitle(man.familyName) ? titleOf("female") : formFor("female", man.familyName);
  woman.familyName = draws.chance(CARRIES_BOTH) ? `${woman.familyName}-${his}` : his;
}

/** A child's names after its father's, by the ways of their community. */
export function childNames(
  community: Community,
  sex: Sex,
  father: Names,
  givenName: string,
  middleName: string,
): Names {
  switch (community.ways) {
    case "kaur-singh":
      return isTitle(father.familyName)
        ? { givenName, middleName: "", familyName: titleOf(sex) }
        : { givenName, middleName: titleOf(sex), familyName: father.familyName };
    case "fathers":
      return { givenName, middleName: father.givenName, familyName: father.middleName };
    case "ski-ska":
      return { givenName, middleName, familyName: formFor(sex, father.familyName) };
    case "one-name": {
      const own = givenName === "" ? father.familyName : givenName;
      return {
        givenName: own,
        middleName: "",
        familyName: father.givenName === "" ? father.familyName : father.givenName,
      };
    }
    case "shared":
    case "begum":
    case "own":
      return { givenName, middleName, familyName: father.familyName };
    default:
      return unreachable(community.ways);
  }
}

/**
 * Another surname under which somebody is known: the one before marriage or after divorce, or another form of the same,
 * as the ways of a community have it.
 */
export function otherSurname(draws: Draws, community: Community, sex: Sex, familyName: string): string {
  if (community.ways === "kaur-singh" && !isTitle(familyName)) return titleOf(sex);
  if (community.ways === "begum" && sex === "female" && familyName !== "Begum" && draws.chance(0.5)) return "Begum";
  if (draws.chance(CARRIES_BOTH) && !familyName.includes("-")) return `${familyName}-${community.family.pick(draws)}`;
  for (let tries = 0; tries < 10; tries++) {
    const other = formFor(sex, community.family.pick(draws));
    if (other !== familyName) return other;
  }
  return `${familyName}-Jones`;
}
