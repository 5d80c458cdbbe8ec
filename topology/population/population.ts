import { Failure } from "../../node/base/failure.ts";
import type { NodeId } from "../../node/base/words.ts";
import { formatOf } from "../people/records.ts";
import type { IdentityRow, PointerRow } from "../people/rows.ts";
import type { Topology } from "../topology.ts";
import { type Area, makeAddress, makeAreas } from "./areas.ts";
import { LAST_DAY, dayText } from "./calendar.ts";
import { type Contact, careOf } from "./care.ts";
import { Draws } from "./draws.ts";
import { type Household, type Member, makeHousehold } from "./households.ts";
import { knownAs } from "./known-as.ts";
import type { NumberNeeds } from "./known-number.ts";
import { otherSurname } from "./naming.ts";
import { Numbers, PEOPLE_MAX } from "./numbers.ts";
import { makeOutlets } from "./outlets.ts";
import type { Person } from "./person.ts";
import { CHOSEN, MEASURED } from "./rates.ts";

export interface PopulationOrder {
  readonly topology: Topology;
  /** A whole number from 0 to 4,294,967,295. The same seed gives the same people. */
  readonly seed: number;
  /** People of each node, in the order of the topology. */
  readonly people: readonly number[];
  /** Only what this node is sent; the people of all areas are made all the same, for they go there too. */
  readonly only?: NodeId;
}

/** What one provider sends one node about one person. */
export interface ProviderRecord {
  readonly node: NodeId;
  /** Who it truly is: `<node>.<number>`, the number counted from 0 at home. */
  readonly person: string;
  /** The provider has sent the same identity to another node already: the truth knows it. */
  readonly again: boolean;
  readonly identity: IdentityRow;
  readonly pointers: readonly PointerRow[];
}

/** Kinds of sequences: each thing that is drawn has one of its own. */
const HOUSEHOLDS = 1;
const CARE = 2;
const RECORDS = 16; // and the provider's number added

/** Share of people whom every provider marks restricted; chosen, so as to be plausible. */
const RESTRICTED = 0.002;

const PHONE = 0.9;

/** Households in a row without anybody of an age that the node holds: then there is nobody. */
const EMPTY_HOUSEHOLDS_MAX = 100_000;

/**
 * Makes a population, one person after the other; nothing is remembered but where it is.
 *
 * @throws {Failure} `invalid-input`, at once: more people than there are numbers for.
 */
export function makePopulation(order: PopulationOrder): Generator<ProviderRecord> {
  refuseTooMany(order.people);
  return recordsOfAll(order);
}

function* recordsOfAll(order: PopulationOrder): Generator<ProviderRecord> {
  const areas = makeAreas(order.topology);
  const outlets = makeOutlets(order.topology);
  const numbers = new Numbers(order.seed);
  const needs: NumberNeeds = { numbers, another };
  const draws = new Draws();
  for (const area of areas) {
    for (const person of peopleOf(order, area)) {
      draws.startAt(order.seed, CARE, area.number, person.sequence);
      const contacts = careOf(draws, person, outlets);
      yield* recordsOf(order, person, contacts, needs);
    }
  }
}

function refuseTooMany(people: readonly number[]): void {
  if (Math.max(...people) * people.length <= PEOPLE_MAX) return;
  const most = Math.floor(PEOPLE_MAX / people.length);
  throw new Failure(
    "invalid-input",
    `There are NHS numbers for ${most} people of each of ${people.length} areas: ask for a smaller scale.`,
  );
}

/**
 * The people of one area, household by household. Ages that its node does not hold are not among them.
 *
 * @throws {Failure} `invalid-input`: hardly anybody is of an age that the node holds.
 */
export function* peopleOf({ seed, people }: PopulationOrder, area: Area): Generator<Person> {
  const { from, to = Infinity } = area.node.ages;
  const wanted = people[area.number] ?? 0;
  const draws = new Draws();
  let sequence = 0;
  let filled = 0;
  for (let number = 0; sequence < wanted; number++) {
    if (number - filled > EMPTY_HOUSEHOLDS_MAX) throw nobodyThere(area);
    draws.startAt(seed, HOUSEHOLDS, area.number, number);
    const household = makeHousehold(draws, area);
    const shared = { catchment: draws.fraction(), phone: phoneNumber(draws) };
    const sequences = new Map<Member, number>();
    for (const member of household.members) {
      const age = ageOf(member);
      if (age < from || age > to) continue;
      if (sequence === wanted) return;
      // An earlier member: a later one might not be in a smaller population.
      const relative = sequences.get(member.twin ?? household.members[0]!) ?? sequences.values().next().value;
      sequences.set(member, sequence);
      yield toPerson(draws, area, household, member, {
        ...shared,
        sequence,
        age,
        index: sequence * people.length + area.number,
        relative: relative === undefined ? undefined : relative * people.length + area.number,
      });
      sequence++;
      filled = number;
    }
  }
}

function nobodyThere({ node: { id, ages } }: Area): Failure {
  const message = `${id} holds people from ${ages.from} years on${ages.to === undefined ? "" : ` to ${ages.to}`}: there are too few to make.`;
  return new Failure("invalid-input", message, { where: `nodes.${id}.ages` });
}

type Placed = Pick<Person, "catchment" | "phone" | "sequence" | "age" | "index" | "relative">;

function toPerson(draws: Draws, area: Area, { address }: Household, member: Member, placed: Placed): Person {
  const { sex, birthDay, community, givenName, middleName, familyName } = member;
  // Half of the systems have the earlier one, so that any two differ in half of these.
  const renamed = placed.age >= 18 && draws.chance(2 * MEASURED.surnameChanged[sex]);
  return {
    ...{ area, sex, birthDay, community, givenName, middleName, familyName, address },
    ...placed,
    formerFamilyName: renamed ? otherSurname(draws, community, sex, familyName) : "",
    formerAddress: draws.chance(2 * CHOSEN.oldAddress) ? makeAddress(draws, area, "house") : undefined,
    phone: draws.chance(1 - PHONE) ? "" : placed.age < 16 || draws.chance(0.2) ? placed.phone : phoneNumber(draws),
    restricted: draws.chance(RESTRICTED),
    hadAnotherNumber: draws.chance(CHOSEN.twoNumbers),
    twin: member.twin !== undefined,
  };
}

function ageOf({ birthDay }: Member): number {
  const [born, last] = [dayText(birthDay), dayText(LAST_DAY)];
  const years = Number(last.slice(0, 4)) - Number(born.slice(0, 4));
  return last.slice(5) < born.slice(5) ? years - 1 : years;
}

/** Numbers beginning 06 are nobody's: the numbering plan keeps them back. Those for drama would be too few. */
function phoneNumber(draws: Draws): string {
  return `06${draws.between(100, 999)} ${draws.between(100_000, 999_999)}`;
}

function another(draws: Draws, { area, sequence, index, relative }: Person): number | undefined {
  if (relative !== undefined) return relative;
  if (sequence === 0) return undefined;
  const areas = (index - area.number) / sequence;
  return Math.floor(draws.fraction() * sequence) * areas + area.number;
}

/** A person's contacts, provider by provider: each has one record of them, and sends it to every node it meets them in. */
function* recordsOf(
  { seed, only }: PopulationOrder,
  person: Person,
  contacts: readonly Contact[],
  needs: NumberNeeds,
): Generator<ProviderRecord> {
  const truth = `${person.area.node.id}.${person.sequence}`;
  const draws = new Draws();
  for (const ofProvider of groupBy(contacts, ({ outlet }) => outlet.code)) {
    const nodes = groupBy(ofProvider, ({ outlet }) => outlet.node).filter(
      ([contact]) => only === undefined || contact!.outlet.node === only,
    );
    if (nodes.length === 0) continue;
    const { outlet } = ofProvider[0]!;
    const day = Math.max(...ofProvider.map((contact) => contact.day));
    draws.startAt(seed, RECORDS + outlet.number, person.area.number, person.sequence);
    const identity = knownAs(draws, person, outlet, day, needs);
    for (const [at, here] of nodes.entries()) {
      const pointers = here.flatMap((contact) => pointersOf(contact, identity, person, needs.numbers));
      yield { node: here[0]!.outlet.node, person: truth, again: at > 0, identity, pointers };
    }
  }
}

function pointersOf(contact: Contact, identity: IdentityRow, person: Person, numbers: Numbers): PointerRow[] {
  const { outlet, records, recordsBefore } = contact;
  if (records.length === 0) return [];
  const address = `https://records.${outlet.host}.example/d/r${numbers.addressDigits(outlet.number, person.index)}`;
  return records.map((type, at) => ({
    provider: outlet.code,
    local_id: identity.local_id,
    record_id: `D${identity.local_id.slice(1)}-${recordsBefore + at + 1}`,
    record_type: type,
    recorded_on: dayText(contact.day),
    format: formatOf(type),
    fetch: `${address}-${recordsBefore + at + 1}`,
    sensitivity: contact.sensitive ? "R" : "",
  }));
}

/** Things that share a key, in the order of their firsts. */
function groupBy<T>(things: readonly T[], keyOf: (thing: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const thing of things) {
    const group = groups.get(keyOf(thing));
    if (group === undefined) groups.set(keyOf(thing), [thing]);
    else group.push(thing);
  }
  return [...groups.values()];
}
