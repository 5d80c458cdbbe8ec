import type { RecordTypeKey } from "../../node/base/record-types.ts";
import { LAST_DAY } from "./calendar.ts";
import type { Draws } from "./draws.ts";
import {
  AMBULANCE_ELSEWHERE,
  EPISODE_AGAIN,
  HOSPITAL_EPISODE,
  KNOWN_TO,
  MARKED_SENSITIVE,
  OUT_OF_AREA,
  type ProviderType,
  SPECIALIST,
  bandOf,
} from "./frequencies.ts";
import type { Outlet, Outlets } from "./outlets.ts";
import type { Person } from "./person.ts";

/** What one provider sends one node about one contact with a person. */
export interface Contact {
  readonly outlet: Outlet;
  readonly day: number;
  readonly records: readonly RecordTypeKey[];
  /** The provider marks them as more sensitive than their type is. */
  readonly sensitive: boolean;
  /** How many records the person's contacts before this one brought: they are counted through. */
  readonly recordsBefore: number;
}

/** Feeds bring some eight years. */
const HISTORY_DAYS = 3_000;

/** Episodes of one person, at most. */
const EPISODES_MAX = 8;

/** Draws for an area that has a hospital for somebody of this age, before they stay at home. */
const TRIES_ELSEWHERE = 8;

const KINDS = Object.keys(KNOWN_TO) as (keyof typeof KNOWN_TO)[];

/** A person's contacts with care, as far as anybody sends them. */
export function careOf(draws: Draws, person: Person, outlets: readonly Outlets[]): Contact[] {
  const band = bandOf(person.age);
  const contacts: Contact[] = [];
  let recordsBefore = 0;
  const meet = (outlet: Outlet | undefined): void => {
    if (outlet === undefined) return;
    const records = recordsOf(draws, outlet, person);
    const sensitive = draws.chance(MARKED_SENSITIVE[outlet.type] ?? 0);
    contacts.push({ outlet, day: aDay(draws, person), records, sensitive, recordsBefore });
    recordsBefore += records.length;
  };
  for (const kind of KINDS) {
    if (!draws.chance(KNOWN_TO[kind][band])) continue;
    const elsewhere = kind === "ambulance" && draws.chance(AMBULANCE_ELSEWHERE);
    meet((elsewhere ? awayFromHome(draws, person, outlets, kind) : undefined) ?? atHome(person, outlets, kind));
  }
  if (!draws.chance(HOSPITAL_EPISODE[band])) return contacts;
  for (let episodes = 1; episodes <= EPISODES_MAX; episodes++) {
    meet(hospital(draws, person, outlets));
    if (!draws.chance(EPISODE_AGAIN[band])) break;
  }
  return contacts;
}

function hospital(draws: Draws, person: Person, outlets: readonly Outlets[]): Outlet | undefined {
  const elsewhere = draws.chance(OUT_OF_AREA) ? awayFromHome(draws, person, outlets, "acute") : undefined;
  const specialist = draws.chance(SPECIALIST) ? atHome(person, outlets, "specialist") : undefined;
  return elsewhere ?? specialist ?? atHome(person, outlets, "acute");
}

function atHome(person: Person, outlets: readonly Outlets[], kind: ProviderType): Outlet | undefined {
  return oneOf(outlets[person.area.number]![kind], person, person.catchment);
}

function awayFromHome(
  draws: Draws,
  person: Person,
  outlets: readonly Outlets[],
  kind: ProviderType,
): Outlet | undefined {
  for (let tries = 0; tries < TRIES_ELSEWHERE; tries++) {
    const area = draws.pick(person.area.neighbours);
    const outlet = area === person.area.number ? undefined : oneOf(outlets[area]![kind], person, draws.fraction());
    if (outlet !== undefined) return outlet;
  }
  return undefined;
}

/** One of the outlets that somebody of this age and sex may go to, by a fraction from 0 up to 1. */
function oneOf(outlets: readonly Outlet[], person: Person, fraction: number): Outlet | undefined {
  const fitting = outlets.every((each) => serves(each, person))
    ? outlets
    : outlets.filter((each) => serves(each, person));
  return fitting[Math.floor(fraction * fitting.length)];
}

function serves({ ages, womenAndChildren }: Outlet, person: Person): boolean {
  if (person.age < ages.from || person.age > ages.to) return false;
  return !womenAndChildren || person.age < 18 || mayBePregnant(person);
}

function mayBePregnant({ sex, age }: Person): boolean {
  return sex === "female" && age >= 18 && age <= 48;
}

function recordsOf(draws: Draws, outlet: Outlet, person: Person): RecordTypeKey[] {
  const records: RecordTypeKey[] = [];
  for (const { type, likely } of outlet.records[bandOf(person.age)]) {
    if (draws.chance(likely) && (type !== "maternity" || mayBePregnant(person))) records.push(type);
  }
  return records;
}

/** A day in the person's life, likelier a late one. */
function aDay(draws: Draws, person: Person): number {
  const days = Math.min(HISTORY_DAYS, LAST_DAY - person.birthDay);
  return LAST_DAY - Math.floor(draws.fraction() ** 2 * (days + 1));
}
