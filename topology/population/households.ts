import { unreachable } from "../../node/base/check.ts";
import { type Address, type Area, makeAddress } from "./areas.ts";
import { LAST_DAY, YEAR_DAYS } from "./calendar.ts";
import { COMMUNITIES, type Community } from "./communities.ts";
import type { Draws } from "./draws.ts";
import { birthYear, childNames, coupleNames, ownNames } from "./naming.ts";
import type { Sex } from "./person.ts";
import { Weighted } from "./weighted.ts";

/** Somebody of a household, before they are given a number. Names may still change: a child after its grandfather. */
export interface Member {
  readonly sex: Sex;
  readonly birthDay: number;
  readonly community: Community;
  givenName: string;
  middleName: string;
  familyName: string;
  /** Of the same birth, where two were born at once. */
  twin?: Member;
}

export interface Household {
  readonly address: Address;
  readonly members: readonly Member[];
}

type Kind = "one" | "couple" | "parents" | "one-parent" | "generations" | "sharers" | "care-home";

/** Shares of the kinds by the Census of 2021, before a community's own ways. A care home has many residents. */
const KINDS_OF: ReadonlyMap<Community, Weighted<Kind>> = new Map(
  Object.values(COMMUNITIES).map((community: Community) => [community, kindsOf(community)]),
);

function kindsOf({ familial, multigenerational }: Community): Weighted<Kind> {
  return new Weighted<Kind>(
    ["one", "couple", "parents", "one-parent", "generations", "sharers", "care-home"],
    [30, 29, 24 * familial, 10, 100 * multigenerational, 3, 0.06],
  );
}

/** Of maternities, those in which two are born. */
const TWINS = 0.015;

/** Of families in which a son could be, those that name him as his father and grandfather are named, or his father alone. */
const NAMED_AFTER_GRANDFATHER = 0.12;
const NAMED_AFTER_FATHER = 0.02;

/** A couple whose children carry names of two communities. */
const MIXED = 0.06;

export function makeHousehold(draws: Draws, area: Area): Household {
  const community = COMMUNITIES[area.communities.pick(draws)];
  const kind = KINDS_OF.get(community)!.pick(draws);
  const address = makeAddress(draws, area, kind === "care-home" ? "care-home" : "house");
  return { address, members: makeMembers(draws, area, community, kind) };
}

function makeMembers(draws: Draws, area: Area, community: Community, kind: Kind): Member[] {
  switch (kind) {
    case "one":
      return [makeAdult(draws, community, ageAlone(draws))];
    case "couple":
      return makeCouple(draws, community, ageOfCouple(draws));
    case "parents":
      return makeFamily(draws, community, draws.between(24, 56), 2);
    case "one-parent":
      return makeFamily(draws, community, draws.between(20, 56), 1);
    case "generations":
      return makeGenerations(draws, community);
    case "sharers":
      return Array.from({ length: draws.between(2, 5) }, () =>
        makeAdult(draws, COMMUNITIES[area.communities.pick(draws)], draws.between(18, 34)),
      );
    case "care-home":
      return Array.from({ length: draws.between(10, 40) }, () =>
        makeAdult(draws, COMMUNITIES[area.communities.pick(draws)], draws.between(72, 102), 0.7),
      );
    default:
      return unreachable(kind);
  }
}

/** Of those who live alone, half are of the age of retirement. */
function ageAlone(draws: Draws): number {
  return draws.chance(0.45) ? draws.between(65, 96) : draws.between(19, 64);
}

function ageOfCouple(draws: Draws): number {
  return draws.chance(0.48) ? draws.between(60, 90) : draws.between(22, 60);
}

function makeAdult(draws: Draws, community: Community, age: number, women = 0.5): Member {
  return withNames(draws, community, draws.chance(women) ? "female" : "male", bornAgo(draws, age));
}

function withNames(draws: Draws, community: Community, sex: Sex, birthDay: number): Member {
  return { sex, birthDay, community, ...ownNames(draws, community, sex, birthYear(birthDay)) };
}

/** A day of birth that makes somebody that old. */
function bornAgo(draws: Draws, age: number): number {
  return LAST_DAY - Math.floor((age + draws.fraction()) * YEAR_DAYS);
}

function makeCouple(draws: Draws, community: Community, age: number): [woman: Member, man: Member] {
  const hers = draws.chance(MIXED) ? COMMUNITIES.british : community;
  const man = withNames(draws, community, "male", bornAgo(draws, age));
  const woman = withNames(draws, hers, "female", bornAgo(draws, Math.max(18, age + draws.between(-5, 2))));
  coupleNames(draws, woman, man);
  return [woman, man];
}

/** Parents and the children who live with them. */
function makeFamily(draws: Draws, community: Community, age: number, parents: 1 | 2): Member[] {
  const [mother, father] = makeCouple(draws, community, Math.max(age, 18));
  const adults = parents === 2 ? [mother, father] : [draws.chance(0.87) ? mother : father];
  const children = makeChildren(draws, mother, father);
  const son = children.find(({ sex }) => sex === "male");
  if (son !== undefined && draws.chance(NAMED_AFTER_FATHER)) son.givenName = father.givenName;
  return [...adults, ...children];
}

function makeGenerations(draws: Draws, community: Community): Member[] {
  const age = draws.between(30, 50);
  const elders = makeCouple(draws, community, age + draws.between(22, 30));
  const grandfather = elders[1];
  const [mother, father] = makeCouple(draws, community, age);
  fatherAndSon(grandfather, father);
  coupleNames(draws, mother, father);
  const children = makeChildren(draws, mother, father);
  const son = children.find(({ sex }) => sex === "male");
  const bothElders = draws.chance(0.5);
  const named = draws.chance(NAMED_AFTER_GRANDFATHER);
  if (named && son !== undefined) {
    for (const each of [father, son]) {
      each.givenName = grandfather.givenName;
      each.middleName = grandfather.middleName;
      each.familyName = grandfather.familyName;
    }
  }
  return [...(bothElders || named ? elders : [elders[draws.between(0, 1)]!]), mother, father, ...children];
}

function fatherAndSon(father: Member, son: Member): void {
  const names = childNames(son.community, "male", father, son.givenName, son.middleName);
  son.middleName = names.middleName;
  son.familyName = names.familyName;
}

/** The oldest who still lives at home, at most. */
const CHILD_AGE_MAX = 26;

function makeChildren(draws: Draws, mother: Member, father: Member): Member[] {
  const children: Member[] = [];
  const motherDays = LAST_DAY - mother.birthDay;
  const count = CHILDREN.pick(draws);
  let ageDays = Math.min(
    motherDays - draws.between(19, 35) * YEAR_DAYS,
    CHILD_AGE_MAX * YEAR_DAYS * draws.fraction() ** 0.45,
  );
  ageDays = Math.max(ageDays, draws.fraction() * 700);
  while (children.length < count && ageDays >= 0) {
    const birthDay = LAST_DAY - Math.floor(ageDays);
    const child = makeChild(draws, father, draws.chance(0.512) ? "male" : "female", birthDay);
    children.push(child);
    if (draws.chance(TWINS)) children.push(makeTwin(draws, father, child));
    ageDays -= draws.between(420, 1_700);
  }
  return children;
}

const CHILDREN = new Weighted([1, 2, 3, 4, 5], [42, 39, 13, 4, 2]);

function makeChild(draws: Draws, father: Member, sex: Sex, birthDay: number): Member {
  const { community } = father;
  const own = ownNames(draws, community, sex, birthYear(birthDay));
  return { sex, birthDay, community, ...childNames(community, sex, father, own.givenName, own.middleName) };
}

/** Two in three are of the same sex; some parents like names that begin alike. */
function makeTwin(draws: Draws, father: Member, first: Member): Member {
  const sex = draws.chance(0.66) ? first.sex : first.sex === "male" ? "female" : "male";
  const alike = draws.chance(0.35);
  let twin = makeChild(draws, father, sex, first.birthDay);
  for (let tries = 0; tries < 20; tries++) {
    const near = !alike || twin.givenName[0] === first.givenName[0];
    if (twin.givenName !== first.givenName && near) break;
    twin = makeChild(draws, father, sex, first.birthDay);
  }
  if (twin.givenName === first.givenName) twin.givenName = `${twin.givenName}-Ann`;
  twin.twin = first;
  first.twin = twin;
  return twin;
}
