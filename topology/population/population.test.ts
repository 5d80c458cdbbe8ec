import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import { NhsNumber, containsNhsNumber } from "../../node/base/nhs-number.ts";
import { PROTECTED_RECORD_TYPES, parseRecordType } from "../../node/base/record-types.ts";
import { CAST_DAY } from "../people/characters.ts";
import type { PointerRow } from "../people/rows.ts";
import { feedCarries, parseTopology, readTopology, takesLoads, type Topology } from "../topology.ts";
import { makeAreas } from "./areas.ts";
import { dayText } from "./calendar.ts";
import { COMMUNITIES, type Community } from "./communities.ts";
import { plain } from "./misspelling.ts";
import { Numbers } from "./numbers.ts";
import type { Person } from "./person.ts";
import { makePopulation, peopleOf, type PopulationOrder, type ProviderRecord } from "./population.ts";
import { CHOSEN, MEASURED, NUMBER_KNOWN } from "./rates.ts";
import { peopleAtScale, peopleInAll } from "./size.ts";

const topology = readTopology(fileURLToPath(new URL("../west-midlands.yaml", import.meta.url)));
const SEED = 20_261_116;
const PEOPLE = 60_000;

const orderOf = (people: number, more: Partial<PopulationOrder> = {}): PopulationOrder => ({
  topology,
  seed: SEED,
  people: peopleInAll(topology, people),
  ...more,
});

function peopleByName(order: PopulationOrder): Map<string, Person> {
  const people = makeAreas(order.topology).flatMap((area) => [...peopleOf(order, area)]);
  return new Map(people.map((person) => [`${person.area.node.id}.${person.sequence}`, person]));
}

/** Share of things, as often as chance lets it be: five standard deviations to either side. */
function assertShare<T>(of: readonly T[], holds: (thing: T) => boolean, expected: number, what: string): void {
  const share = of.filter(holds).length / of.length;
  const margin = 5 * Math.sqrt((expected * (1 - expected)) / of.length);
  assert.ok(Math.abs(share - expected) <= margin, `${what}: ${share} of ${of.length}, not ${expected} ± ${margin}`);
}

const assertBetween = (value: number, low: number, high: number, what: string): void =>
  assert.ok(value >= low && value <= high, `${what}: ${value}, not from ${low} to ${high}`);

describe("a population", () => {
  let people: Map<string, Person>;
  let records: ProviderRecord[];
  let pointers: PointerRow[];
  const truthOf = ({ person }: ProviderRecord): Person => people.get(person) ?? assert.fail("nobody's record");
  const typeOf = ({ identity }: ProviderRecord): string =>
    topology.providers.find(({ code }) => code === identity.provider)?.type ?? assert.fail(identity.provider);
  /** Those of systems that are not a practice, whose errors are what was measured. */
  let others: ProviderRecord[];

  before(() => {
    const order = orderOf(PEOPLE);
    people = peopleByName(order);
    records = [...makePopulation(order)];
    pointers = records.flatMap((record) => record.pointers);
    const practices = new Set(
      topology.providers.filter(({ type }) => type === "general-practice").map(({ code }) => code as string),
    );
    others = records.filter(({ identity, again }) => !again && !practices.has(identity.provider));
  });

  it("has the people asked for, some three records for every two of them, and no more pointers than a load can bear", () => {
    assert.equal(people.size, PEOPLE);
    assertBetween(records.length / PEOPLE, 1.35, 1.65, "identity records each");
    assertBetween(pointers.length / PEOPLE, 3, 4, "pointers each");
    assertBetween(new Set(records.map(({ person }) => person)).size / PEOPLE, 0.97, 1, "have a record");
  });

  it("sends only from feeds that are on, only types that they bring, only ages that they hold, and nothing protected", () => {
    for (const { node, identity, pointers: own, ...record } of records) {
      const feed = topology.providers
        .find(({ code }) => code === identity.provider)
        ?.feeds.find((each) => each.node === node);
      assert.ok(feed !== undefined && takesLoads(feed));
      const { age } = people.get(record.person) ?? assert.fail(record.person);
      assert.ok(age >= (topology.nodes.find(({ id }) => id === node)?.ages.from ?? 0));
      for (const pointer of own) {
        const type = parseRecordType(pointer.record_type) ?? assert.fail(pointer.record_type);
        assert.ok(feedCarries(feed, type) && !PROTECTED_RECORD_TYPES.has(type));
        assert.ok(pointer.provider === identity.provider && pointer.local_id === identity.local_id);
        assert.ok(pointer.recorded_on <= CAST_DAY && pointer.recorded_on <= identity.recorded_on);
        assert.ok(!containsNhsNumber(pointer.fetch) && !pointer.fetch.includes(identity.local_id.slice(1)));
      }
    }
  });

  it("uses every feed that is on, and every record type that one brings", () => {
    const seen = new Set(records.map(({ node, identity }) => `${identity.provider} ${node}`));
    for (const { code, feeds } of topology.providers) {
      for (const feed of feeds)
        assert.equal(seen.has(`${code} ${feed.node}`), takesLoads(feed), `${code} ${feed.node}`);
    }
    const types = new Set(pointers.map((pointer) => pointer.record_type));
    const brought = topology.providers.flatMap(({ feeds }) =>
      feeds.filter(takesLoads).flatMap(({ recordTypes }) => (recordTypes === "all" ? [] : recordTypes)),
    );
    assert.deepEqual(
      [...new Set(brought)].filter((type) => !types.has(type)),
      [],
    );
  });

  it("names each record and each local id of a provider once", () => {
    const ids = pointers.map((pointer) => `${pointer.provider} ${pointer.record_id}`);
    const addresses = pointers.map(({ fetch }) => fetch);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(new Set(addresses).size, addresses.length);
    const owners = new Map<string, string>();
    for (const { identity, person, again } of records) {
      const id = `${identity.provider} ${identity.local_id}`;
      assert.equal(again, owners.has(id));
      assert.equal(owners.get(id) ?? person, person);
      owners.set(id, person);
    }
  });

  it("gives a number to two people nowhere but where a record carries another's, about as often as real feeds do", () => {
    const numbers = new Numbers(SEED);
    const owners = new Map<string, string>();
    for (const [name, { index }] of people) {
      owners.set(numbers.nhsNumber(index), name);
      owners.set(numbers.earlierNhsNumber(index), name);
    }
    assert.equal(owners.size, 2 * PEOPLE);
    const numbered = others.filter(({ identity }) => identity.nhs_number !== "");
    for (const { identity } of numbered) {
      assert.ok(identity.nhs_number >= "9120000000" && NhsNumber.parse(identity.nhs_number) !== undefined);
    }
    const ownerOf = ({ identity }: ProviderRecord): string | undefined => owners.get(identity.nhs_number);
    assertShare(numbered, (each) => ownerOf(each) === undefined, CHOSEN.numberMistyped, "a number mistyped");
    assertShare(
      numbered,
      (each) => ![undefined, each.person].includes(ownerOf(each)),
      CHOSEN.numberOfAnother,
      "another's number",
    );
    const earlier = numbered.filter(
      (each) => each.identity.nhs_number === numbers.earlierNhsNumber(truthOf(each).index),
    );
    assertBetween(earlier.length / numbered.length, 0.0005, 0.003, "an earlier number");
  });

  it("knows a number, and has it verified, as often as each kind of provider does", () => {
    for (const [type, { present }] of Object.entries(NUMBER_KNOWN)) {
      const own = records.filter((each) => typeOf(each) === type && dayOfBirth(each) + "~" < weeksBefore(each));
      if (own.length > 500) assertShare(own, ({ identity }) => identity.nhs_number !== "", present, `${type} numbers`);
    }
    const statuses = new Set(records.map(({ identity }) => identity.nhs_number_status));
    assert.deepEqual([...statuses].sort(), ["01", "02", "03", "04", "05", "06", "07", "08"]);
    assert.ok(records.every(({ identity }) => identity.nhs_number !== "" || identity.nhs_number_status !== "01"));
    assertShare(
      records.filter((each) => typeOf(each) === "general-practice"),
      ({ identity }) => identity.nhs_number_status === "01",
      NUMBER_KNOWN["general-practice"].present * NUMBER_KNOWN["general-practice"].verified,
      "verified at practices",
    );
  });

  const dayOfBirth = (record: ProviderRecord): string => dayText(truthOf(record).birthDay);
  const weeksBefore = ({ identity }: ProviderRecord): string =>
    new Date(Date.parse(identity.recorded_on) - 43 * 86_400_000).toISOString().slice(0, 10);

  it("has women's surnames differ between systems in 5.7 % and men's in 1.3 %", () => {
    const same = (one: string, other: string): boolean => plain(one).toUpperCase() === plain(other).toUpperCase();
    for (const sex of ["female", "male"] as const) {
      const adults = others.filter((each) => truthOf(each).age >= 18 && truthOf(each).sex === sex);
      const stale = (each: ProviderRecord): boolean =>
        truthOf(each).formerFamilyName !== "" && same(each.identity.family_name, truthOf(each).formerFamilyName);
      assertShare(adults, stale, MEASURED.surnameChanged[sex] * 0.99, `surnames changed, ${sex}`); // some are misspelled too
    }
  });

  it("makes the mistakes of real feeds, as often as they were measured or chosen", () => {
    const known = others.filter(({ identity }) => identity.family_name.toUpperCase() !== "UNKNOWN");
    const grown = known.filter((each) => dayOfBirth(each) < weeksBefore(each));
    const share = (what: string, expected: number, holds: (each: ProviderRecord) => boolean) =>
      assertShare(grown, holds, expected, what);
    share("birth date missing", CHOSEN.birthDateMissing, ({ identity }) => identity.birth_date === "");
    share("birth date 1900-01-01", CHOSEN.birthOn1900, ({ identity }) => identity.birth_date === "1900-01-01");
    share("sex missing", CHOSEN.sexMissing, ({ identity }) => identity.gender === "unknown");
    share("sex wrong", MEASURED.sexWrong, (each) => ![truthOf(each).sex, "unknown"].includes(each.identity.gender));
    share("postcode missing", CHOSEN.postcodeMissing, ({ identity }) => identity.postcode === "");
    share("no fixed abode", CHOSEN.postcodeNoAbode, ({ identity }) => identity.postcode === "ZZ99 3VZ");
    share("address unknown", CHOSEN.postcodeUnknown, ({ identity }) => identity.postcode === "ZZ99 3WZ");
    share("old address", CHOSEN.oldAddress, ({ identity, ...each }) => {
      const { formerAddress } = people.get(each.person)!;
      return (
        formerAddress !== undefined &&
        identity.address_line1 === formerAddress.line1 &&
        identity.address_line2 === formerAddress.line2
      );
    });
    share("phone missing", 1 - 0.9 * (1 - CHOSEN.phoneMissing), ({ identity }) => identity.phone === "");
    share("names swapped", CHOSEN.namesSwapped, (each) => {
      const { givenName, familyName } = truthOf(each);
      return (
        givenName !== familyName &&
        each.identity.family_name.toUpperCase() === givenName.toUpperCase() &&
        givenName !== ""
      );
    });
    const swapped = (each: ProviderRecord): string => {
      const born = dayOfBirth(each);
      return `${born.slice(0, 4)}-${born.slice(8)}-${born.slice(5, 7)}`;
    };
    const swappable = grown.filter((each) => swapped(each) !== dayOfBirth(each) && dayOfBirth(each).slice(8) <= "12");
    assertShare(
      swappable,
      (each) => each.identity.birth_date === swapped(each),
      MEASURED.dayAndMonthSwapped,
      "day and month swapped",
    );
    const parts = (one: string, other: string): number =>
      one.split("-").filter((part, at) => part !== other.split("-")[at]).length;
    const born = grown.filter(({ identity }) => !["", "1900-01-01"].includes(identity.birth_date));
    assertShare(
      born,
      (each) => parts(each.identity.birth_date, dayOfBirth(each)) === 1 && !each.identity.birth_date.endsWith("-01-01"),
      MEASURED.birthDateWrong,
      "birth date wrong in one part",
    );
    const wrong = others.filter((each) => plain(each.identity.given_name) !== plain(truthOf(each).givenName));
    assertBetween(wrong.length / others.length, 0.02, 0.045, "given names that differ");
    const placeholders = ["UNKNOWN", "BABY", "BABY OF", "TWIN ONE", "Unknown", "X"];
    for (const name of placeholders.slice(0, 2))
      assert.ok(
        others.some(({ identity }) => identity.given_name === name),
        name,
      );
    assert.ok(
      others.some(({ identity }) => identity.family_name.toUpperCase() === "UNKNOWN" && identity.nhs_number === ""),
    );
  });

  it("makes far fewer of them at practices", () => {
    const practices = records.filter((each) => typeOf(each) === "general-practice");
    assertShare(practices, ({ identity }) => identity.gender === "unknown", CHOSEN.sexMissing / 10, "sex missing");
    assert.ok(
      practices.every(
        (each) => truthOf(each).formerFamilyName === "" || each.identity.family_name !== truthOf(each).formerFamilyName,
      ),
    );
  });

  it("goes outside the home area for one hospital episode in five", () => {
    const episodes = records.flatMap((record) => {
      const hospital = ["acute", "specialist"].includes(typeOf(record));
      const own = hospital ? record.pointers.filter((pointer) => pointer.record_type === "encounters") : [];
      return own.map(() => ({ away: !record.person.startsWith(`${record.node}.`) }));
    });
    assert.ok(episodes.length > 15_000);
    assertShare(episodes, ({ away }) => away, 0.2, "episodes elsewhere");
  });

  it("has the ages of England", () => {
    const everyAge = [...people.values()].filter(({ area }) => area.node.ages.from === 0);
    const share = (from: number, to: number): number =>
      everyAge.filter(({ age }) => age >= from && age <= to).length / everyAge.length;
    assertBetween(share(0, 17), 0.19, 0.25, "under 18");
    assertBetween(share(65, 120), 0.155, 0.2, "65 and over");
    assertBetween(share(85, 120), 0.015, 0.05, "85 and over");
    assert.ok([...people.values()].every(({ age, area }) => age >= area.node.ages.from && age <= 104));
    assertBetween([...people.values()].filter(({ sex }) => sex === "female").length / PEOPLE, 0.49, 0.54, "women");
  });

  it("has households of the sizes of England, and care homes", () => {
    const households = Map.groupBy(
      [...people.values()].filter(({ area }) => area.node.ages.from === 0),
      ({ address, area }) => `${area.number} ${address.line1} ${address.line2} ${address.postcode}`,
    );
    const sizes = [...households.values()].map((household) => household.length);
    const share = (size: number): number => sizes.filter((each) => each === size).length / sizes.length;
    assertBetween(share(1), 0.26, 0.34, "alone");
    assertBetween(share(2), 0.3, 0.39, "two");
    assertBetween(share(3) + share(4), 0.24, 0.34, "three or four");
    assertBetween(sizes.reduce((sum, size) => sum + size, 0) / sizes.length, 2.2, 2.55, "mean size");
    const inCareHomes = [...people.values()].filter(({ address }) => address.line1.endsWith("Care Home"));
    assertBetween(inCareHomes.length / PEOPLE, 0.001, 0.015, "in care homes");
    assert.ok(inCareHomes.every(({ age }) => age >= 72));
  });

  it("has the communities of the region, roughly as the census counted them", () => {
    const name = new Map<Community, string>(Object.entries(COMMUNITIES).map(([key, value]) => [value, key]));
    const share = (...names: string[]): number =>
      [...people.values()].filter(({ community }) => names.includes(name.get(community)!)).length / PEOPLE;
    assertBetween(share("british"), 0.68, 0.76, "British"); // 71.8 %, and most people of mixed groups
    assertBetween(share("pakistani"), 0.04, 0.075, "Pakistani");
    assertBetween(share("punjabi", "gujarati", "tamil"), 0.045, 0.075, "Indian and other South Asian");
    assertBetween(share("bangladeshi"), 0.009, 0.022, "Bangladeshi");
    assertBetween(share("caribbean", "nigerian", "ghanaian", "somali", "eritrean"), 0.035, 0.065, "Black");
    assertBetween(share("irish"), 0.006, 0.016, "Irish");
    for (const key of Object.keys(COMMUNITIES)) assert.ok(share(key) > 0, key);
  });

  it("names people by the ways of their communities", () => {
    const of = (community: Community): Person[] =>
      [...people.values()].filter((person) => person.community === community);
    const sikhs = of(COMMUNITIES.punjabi);
    const carries = ({ middleName, familyName }: Person, title: string) => [middleName, familyName].includes(title);
    assert.ok(sikhs.some((person) => person.sex === "female" && carries(person, "Kaur")));
    assert.ok(sikhs.some((person) => person.sex === "male" && carries(person, "Singh")));
    assert.ok(sikhs.every((person) => !carries(person, person.sex === "male" ? "Kaur" : "Singh")));
    assert.ok(of(COMMUNITIES.pakistani).some(({ familyName }) => familyName === "Begum"));
    assert.ok(
      of(COMMUNITIES.pakistani).every(
        (person) => person.sex === "female" || !["Begum", "Bibi"].includes(person.familyName),
      ),
    );
    const polish = of(COMMUNITIES.polish);
    assert.ok(polish.some(({ familyName }) => familyName.endsWith("ska")));
    assert.ok(polish.every(({ sex, familyName }) => !familyName.endsWith(sex === "female" ? "ski" : "ska")));
    assert.ok(of(COMMUNITIES.tamil).some(({ givenName, familyName }) => givenName === "" && familyName !== ""));
    const families = new Set([...people.values()].map(({ familyName }) => familyName));
    for (const sort of [/^O'/, /^Mc/, /-/, /^(?:de|van den) /, /[ńśéíçš]/, /^(?:Al|El)-/]) {
      assert.ok(
        [...families].some((family) => sort.test(family)),
        String(sort),
      );
    }
    const given = new Set([...people.values()].map(({ givenName }) => givenName));
    for (const sort of [/[ŁáéíóÓł]/, /-/])
      assert.ok(
        [...given].some((name) => sort.test(name)),
        String(sort),
      );
  });

  it("is not made of namesakes: names are many, and birth date and name together all but never shared", () => {
    const all = [...people.values()];
    const families = new Set(all.map(({ familyName }) => familyName));
    assert.ok(families.size > 4_000, String(families.size));
    assertBetween(all.filter(({ familyName }) => familyName === "Smith").length / PEOPLE, 0.01, 0.02, "Smith");
    const keys = new Set(all.map(({ givenName, familyName, birthDay }) => `${givenName} ${familyName} ${birthDay}`));
    assertBetween(all.length - keys.size, 0, 12, "strangers with name and birth date alike");
  });

  it("has twins: one day, one home, two names, mostly one sex, and names that often begin alike", () => {
    const births = Map.groupBy(
      [...people.values()].filter(({ twin }) => twin),
      ({ area, address, birthDay, familyName }) =>
        `${area.number} ${address.postcode} ${address.line1} ${birthDay} ${plain(familyName).slice(0, 2)}`,
    );
    const pairs = [...births.values()].filter((pair) => pair.length === 2) as [Person, Person][];
    assertBetween(pairs.length / PEOPLE, 0.0012, 0.004, "pairs of twins");
    assert.ok(pairs.every(([one, other]) => one.givenName !== other.givenName && other.relative === one.index));
    assertShare(pairs, ([one, other]) => one.sex === other.sex, 0.66, "of one sex");
    assertBetween(
      pairs.filter(([one, other]) => one.givenName[0] === other.givenName[0]).length / pairs.length,
      0.15,
      0.6,
      "alike",
    );
  });

  it("has three generations with one name in one home", () => {
    const namesakes = Map.groupBy(
      people.values(),
      ({ area, address, givenName, familyName }) =>
        `${area.number} ${address.line1} ${address.postcode} ${givenName} ${familyName}`,
    );
    const three = [...namesakes.values()].filter((home) => {
      const ages = home.map(({ age }) => age).sort((a, b) => a - b);
      return home.length === 3 && ages[1]! - ages[0]! >= 15 && ages[2]! - ages[1]! >= 15;
    });
    assertBetween(three.length, 5, 200, "homes with three of a name");
  });

  it("marks some as restricted, at every provider alike", () => {
    assert.ok(records.every((each) => each.identity.restricted === String(truthOf(each).restricted)));
    assertShare([...people.values()], ({ restricted }) => restricted, 0.002, "restricted");
  });
});

describe("a population, made again", () => {
  const made = (more: Partial<PopulationOrder>, people = 3_000): ProviderRecord[] => [
    ...makePopulation(orderOf(people, more)),
  ];

  it("is the same with the same seed, and another with another", () => {
    assert.deepEqual(made({}), made({}));
    assert.notDeepEqual(made({})[0]?.identity, made({ seed: 2 })[0]?.identity);
  });

  it("has the same people at every size", () => {
    const few = made({});
    const many = new Map(Map.groupBy(made({}, 30_000), ({ person }) => person));
    for (const [person, own] of Map.groupBy(few, (record) => record.person)) assert.deepEqual(own, many.get(person));
  });

  it("is for one node what of the whole goes to that node", () => {
    for (const { id } of topology.nodes) {
      const only = made({ only: id });
      const ofNode = made({}).filter(({ node }) => node === id);
      const bare = (all: ProviderRecord[]) => all.map((record) => ({ ...record, again: false }));
      assert.deepEqual(bare(only), bare(ofNode));
      assert.ok(only.every(({ again }) => !again));
    }
  });

  it("ends where nobody is of an age that a node holds", () => {
    const [first, ...others] = topology.nodes;
    const aged = { ...topology, nodes: [{ ...first!, ages: { from: 115 } }, ...others] };
    assert.throws(() => [...makePopulation(orderOf(60, { topology: aged }))], /holds people from 115 years on/);
  });

  it("refuses more people than there are numbers for", () => {
    const people = topology.nodes.map(() => 4_000_000);
    assert.throws(() => [...makePopulation({ topology, seed: 1, people })], /There are NHS numbers for 3666666 people/);
  });
});

describe("a population's size", () => {
  it("is each node's population times the scale, or so many in all", () => {
    assert.deepEqual(
      peopleAtScale(topology, 1),
      topology.nodes.map(({ population }) => population),
    );
    assert.equal(peopleAtScale(topology, 0.001)[0], 1_550);
    for (const people of [1, 5, 6, 7, 1_000, 6_100_001]) {
      assert.equal(
        peopleInAll(topology, people).reduce((sum, count) => sum + count, 0),
        people,
      );
    }
  });
});

describe("a population of another topology", () => {
  const elsewhere: Topology = parseTopology(
    `network: { name: One area, domain: one.corridor.example, authority: Nobody }
collaboratives: [{ id: both, name: Both }]
nodes:
  - id: north
    name: North, East and West
    collaborative: both
    region: The region
    population: 5000
    ages: { from: 0, to: 64 }
    ics: [{ code: QAA, name: North, from: 2022-07-01 }]
    coverageContact: { name: Desk, phone: 01632 960001, hours: 24 hours }
    status: live
providers:
  - { code: RAA, name: A hospital, type: acute, phone: 01632 960003, feeds: [{ node: north, state: feeding, recordTypes: all, ages: { from: 16, to: 64 } }] }
`,
    "elsewhere.yaml",
  );

  it("stays at home where there is nowhere else, keeps to the ages, and needs no practice", () => {
    const records = [...makePopulation({ topology: elsewhere, seed: 1, people: [5_000] })];
    assert.ok(records.length > 500);
    const people = peopleByName({ topology: elsewhere, seed: 1, people: [5_000] });
    for (const { identity, person } of records) {
      assert.equal(identity.provider, "RAA");
      assertBetween(people.get(person)!.age, 16, 64, "age");
    }
    assert.ok(
      records.some(
        ({ identity }) =>
          identity.locality === "North, East and West" && /^V[A-Z]\d+ \d[A-Z]{2}$/.test(identity.postcode),
      ),
    );
  });
});
