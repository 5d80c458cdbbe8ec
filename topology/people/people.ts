import { BirthDate } from "../../node/base/birth-date.ts";
import { checkDigit } from "../../node/base/nhs-number.ts";
import type { Random } from "../../node/base/random.ts";
import { between, chance, daysBefore, pick, pickWeighted } from "./chance.ts";
import { CAST_DAY } from "./characters.ts";
import type { CastNode } from "./characters.ts";
import { COMMUNITIES } from "./names.ts";
import type { Community } from "./names.ts";
import { PLACES, STREETS, STREET_KINDS } from "./places.ts";

export interface Address {
  readonly line1: string;
  readonly line2: string;
  readonly locality: string;
  readonly postcode: string;
}

/** One invented person, as they are today and as they once were. */
export interface Person {
  readonly nhsNumber: string;
  readonly home: CastNode;
  readonly givenName: string;
  readonly middleName: string;
  readonly familyName: string;
  /** Surname before marriage or divorce, where it changed. */
  readonly formerFamilyName?: string;
  readonly gender: Gender;
  readonly birthDate: string;
  readonly address: Address;
  /** Where they lived before, where they moved. */
  readonly formerAddress?: Address;
  readonly phone: string;
}

type Gender = "female" | "male";

/** Hands out NHS numbers of the range that is never issued, each once, and none of those taken. */
export function makeNumbers(random: Random, taken: readonly string[]): () => string {
  const given = new Set(taken);
  return () => {
    for (;;) {
      const nine = `9${String(between(random, 0, 99_999_999)).padStart(8, "0")}`;
      const digit = checkDigit(nine);
      const number = `${nine}${digit}`;
      if (digit === 10 || given.has(number) || new Set(number).size === 1) continue;
      given.add(number);
      return number;
    }
  };
}

/** The people of one area, household by household. Where the area holds adults only, its children are not among them. */
export function makePeople(random: Random, home: CastNode, adultsOnly: boolean, nextNumber: () => string): Person[] {
  const people: Person[] = [];
  while (people.length < PLACES[home].people) {
    const household = makeHousehold(random, home, nextNumber);
    people.push(...household.filter(({ birthDate }) => !adultsOnly || ageOf(birthDate) >= 18));
  }
  return people;
}

/** Whole years of age on the day of the cast. */
export function ageOf(birthDate: string): number {
  return BirthDate.parse(birthDate, CAST_DAY)?.ageOn(CAST_DAY) ?? 0;
}

type HouseholdKind = "one" | "couple" | "parents" | "one-parent" | "generations" | "sharers" | "care-home";

function makeHousehold(random: Random, home: CastNode, nextNumber: () => string): Person[] {
  const community = COMMUNITIES[pickWeighted(random, PLACES[home].communities)];
  const kind = pickWeighted<HouseholdKind>(random, [
    ["one", 30],
    ["couple", 26],
    ["parents", 24],
    ["one-parent", 8],
    ["generations", 100 * community.multigenerational],
    ["sharers", 4],
    ["care-home", 1.2],
  ]);
  const address = makeAddress(random, home, kind === "care-home" ? "care-home" : "house");
  const make = (gender: Gender, age: number, familyName: string, of: Community = community): Person =>
    makePerson(random, { home, community: of, address, gender, age, familyName, nhsNumber: nextNumber() });
  const gender = (): Gender => pick(random, ["female", "male"]);
  const family = pick(random, community.family);
  switch (kind) {
    case "one":
      return [make(gender(), between(random, 22, 95), family)];
    case "couple":
      return couple(random, make, community, family, between(random, 24, 90));
    case "parents":
    case "one-parent": {
      const age = between(random, 25, 56);
      const adults = kind === "parents" ? couple(random, make, community, family, age) : [make("female", age, family)];
      return [...adults, ...childrenOf(random, make, gender, age, family)];
    }
    case "generations": {
      const age = between(random, 32, 50);
      const elders = couple(random, make, community, family, age + between(random, 22, 30)).slice(
        0,
        between(random, 1, 2),
      );
      return [
        ...elders,
        ...couple(random, make, community, family, age),
        ...childrenOf(random, make, gender, age, family),
      ];
    }
    case "sharers":
    case "care-home": {
      const ages = kind === "sharers" ? ([19, 30] as const) : ([74, 99] as const);
      return Array.from({ length: between(random, 3, 7) }, () => {
        const own: Community = COMMUNITIES[pickWeighted(random, PLACES[home].communities)];
        return make(gender(), between(random, ages[0], ages[1]), pick(random, own.family), own);
      });
    }
  }
}

type Make = (gender: Gender, age: number, familyName: string) => Person;

function couple(random: Random, make: Make, community: Community, family: string, age: number): Person[] {
  const own = community.ways === "begum" || community.ways === "fathers" || chance(random, 0.15);
  const woman = make("female", age + between(random, -4, 3), own ? pick(random, community.family) : family);
  const man = make("male", age, family);
  return [woman, man];
}

function childrenOf(random: Random, make: Make, gender: () => Gender, parentAge: number, family: string): Person[] {
  const oldest = Math.min(24, parentAge - 20);
  return Array.from({ length: between(random, 1, 3) }, () => make(gender(), between(random, 0, oldest), family));
}

interface Traits {
  readonly nhsNumber: string;
  readonly home: CastNode;
  readonly community: Community;
  readonly address: Address;
  readonly gender: Gender;
  readonly age: number;
  readonly familyName: string;
}

function makePerson(random: Random, traits: Traits): Person {
  const { community, gender, age } = traits;
  const names = namesOf(random, traits);
  const married = gender === "female" && age > 24 && community.ways === "shared" && chance(random, 0.4);
  const moved = chance(random, 0.22);
  return {
    nhsNumber: traits.nhsNumber,
    home: traits.home,
    ...names,
    ...(married
      ? {
          formerFamilyName: pick(
            random,
            community.family.filter((name) => name !== names.familyName),
          ),
        }
      : {}),
    gender,
    birthDate: daysBefore(CAST_DAY, Math.floor((age + random.fraction()) * 365.24) + 1),
    address: traits.address,
    ...(moved ? { formerAddress: makeAddress(random, traits.home, "house") } : {}),
    phone: chance(random, 0.8) ? `07700 900${String(between(random, 0, 999)).padStart(3, "0")}` : "",
  };
}

function namesOf(random: Random, { community, gender, familyName }: Traits) {
  const givenName = pick(random, community[gender]);
  const another = chance(random, 0.55)
    ? pick(
        random,
        community[gender].filter((name) => name !== givenName),
      )
    : "";
  switch (community.ways) {
    case "kaur-singh": {
      const title = gender === "female" ? "Kaur" : "Singh";
      return chance(random, 0.35)
        ? { givenName, middleName: "", familyName: title }
        : { givenName, middleName: title, familyName };
    }
    case "begum": {
      const title = chance(random, 0.35) ? pick(random, ["Begum", "Bibi", "Begum"]) : undefined;
      return gender === "female" && title !== undefined && community.male.includes("Mohammed")
        ? { givenName, middleName: "", familyName: title }
        : { givenName, middleName: "", familyName };
    }
    case "ski-ska":
      return {
        givenName,
        middleName: another,
        familyName: gender === "female" ? familyName.replace(/i$/, "a") : familyName,
      };
    case "fathers":
      return { givenName, middleName: pick(random, community.male), familyName: pick(random, community.family) };
    case "shared":
      return { givenName, middleName: another, familyName };
  }
}

function makeAddress(random: Random, home: CastNode, kind: "house" | "care-home"): Address {
  const town = pick(random, PLACES[home].towns);
  const street = `${between(random, 1, 180)} ${pick(random, STREETS)} ${pick(random, STREET_KINDS)}`;
  const flat =
    kind === "care-home"
      ? `${pick(random, STREETS)} House Care Home`
      : chance(random, 0.12)
        ? `Flat ${between(random, 1, 24)}`
        : "";
  // The letters that inward codes use: never C, I, K, M, O or V.
  const inward = `${between(random, 1, 9)}${letter(random)}${letter(random)}`;
  return {
    line1: flat === "" ? street : flat,
    line2: flat === "" ? "" : street,
    locality: town.name,
    postcode: `${pick(random, town.districts)} ${inward}`,
  };
}

function letter(random: Random): string {
  return pick(random, [..."ABDEFGHJLNPQRSTUWXYZ"]);
}
