import { BirthDate } from "../../node/base/birth-date.ts";
import { unreachable } from "../../node/base/check.ts";
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
  const community: Community = COMMUNITIES[pickWeighted(random, PLACES[home].communities)];
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
  const household = new Household(random, community, (traits) =>
    makePerson(random, { home, community, address, nhsNumber: nextNumber(), ...traits }),
  );
  switch (kind) {
    case "one":
      return [household.adult(between(random, 22, 95))];
    case "couple":
      return household.couple(between(random, 24, 90));
    case "parents":
    case "one-parent":
      return household.parents(kind === "parents" ? 2 : 1, between(random, 25, 56));
    case "generations":
      return household.generations(between(random, 32, 50));
    case "sharers":
    case "care-home":
      return Array.from({ length: between(random, 3, 7) }, () => {
        const own = COMMUNITIES[pickWeighted(random, PLACES[home].communities)];
        return household.adult(kind === "sharers" ? between(random, 19, 30) : between(random, 74, 99), own);
      });
    default:
      return unreachable(kind);
  }
}

type Make = (traits: Pick<Traits, "gender" | "age" | "familyName"> & Partial<Pick<Traits, "community">>) => Person;

/** People under one roof, who share an address and, by their community's ways, a surname. */
class Household {
  readonly #random: Random;
  readonly #community: Community;
  readonly #make: Make;
  readonly #family: string;

  constructor(random: Random, community: Community, make: Make) {
    this.#random = random;
    this.#community = community;
    this.#make = make;
    this.#family = pick(random, community.family);
  }

  /** Somebody by themselves, of a community of their own where one is given. */
  adult(age: number, community?: Community): Person {
    const familyName = community === undefined ? this.#family : pick(this.#random, community.family);
    return this.#make({ gender: this.#gender(), age, familyName, community: community ?? this.#community });
  }

  couple(age: number): Person[] {
    const { ways } = this.#community;
    const keepsHers = ways === "begum" || ways === "fathers" || chance(this.#random, 0.15);
    return [
      this.#make({
        gender: "female",
        age: age + between(this.#random, -4, 3),
        familyName: keepsHers ? pick(this.#random, this.#community.family) : this.#family,
      }),
      this.#make({ gender: "male", age, familyName: this.#family }),
    ];
  }

  parents(count: 1 | 2, age: number): Person[] {
    const adults = count === 2 ? this.couple(age) : [this.#make({ gender: "female", age, familyName: this.#family })];
    return [...adults, ...this.#children(age)];
  }

  generations(age: number): Person[] {
    const elders = this.couple(age + between(this.#random, 22, 30)).slice(0, between(this.#random, 1, 2));
    return [...elders, ...this.parents(2, age)];
  }

  #children(parentAge: number): Person[] {
    const oldest = Math.min(24, parentAge - 20);
    return Array.from({ length: between(this.#random, 1, 3) }, () =>
      this.#make({ gender: this.#gender(), age: between(this.#random, 0, oldest), familyName: this.#family }),
    );
  }

  #gender(): Gender {
    return pick(this.#random, ["female", "male"]);
  }
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
      const title = chance(random, 0.35) ? pick(random, ["Begum", "Bibi"]) : undefined;
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
    default:
      return unreachable(community.ways);
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
  return "ABDEFGHJLNPQRSTUWXYZ".charAt(between(random, 0, 19));
}
