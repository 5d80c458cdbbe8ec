import { isCalendarDate } from "../../node/base/birth-date.ts";
import type { Random } from "../../node/base/random.ts";
import type { RecordTypeKey } from "../../node/base/record-types.ts";
import { RECORD_TYPE_KEYS } from "../../node/base/record-types.ts";
import { feedCarries, feedsInto, takesLoads } from "../topology.ts";
import type { NodeFeed, Topology, TopologyNode } from "../topology.ts";
import { DAY_MS, between, chance, daysBefore, pick, pickSome } from "./chance.ts";
import { CAST_DAY } from "./characters.ts";
import type { CastNode } from "./characters.ts";
import { ageOf } from "./people.ts";
import type { Person } from "./people.ts";
import { PLACES } from "./places.ts";
import { identityOf } from "./records.ts";
import type { CastRecords } from "./records.ts";
import type { IdentityRow } from "./rows.ts";

/** Share of people who have been to a hospital or met an ambulance in an area that is not their own. */
const ELSEWHERE = 0.2;

/** Records that one provider holds for one person, at most. */
const RECORDS_MAX = 4;

/** Share of people whom every provider marks restricted. */
const RESTRICTED = 0.004;

/** Everyday use of care: which providers know a person, what they call them, and what they hold. */
export function addEverydayRecords(random: Random, topology: Topology, person: Person, records: CastRecords): void {
  const restricted = chance(random, RESTRICTED);
  const localIds = new Map<string, string>();
  for (const { node, source } of providersUsed(random, topology, person)) {
    const { code, type } = source.provider;
    const localId = localIds.get(code) ?? records.nextLocalId(code);
    localIds.set(code, localId);
    const known = asKnownTo(random, person, type, identityOf(person, code, localId, recordedOn(random, person)));
    records.addIdentity(node, restricted ? { ...known, restricted: "true" } : known);
    for (const recordType of typesHeld(random, source, person)) {
      const sensitive = type === "mental-health" && chance(random, 0.15);
      records.addPointer([node], {
        provider: code,
        localId,
        recordType,
        recordedOn: recordedOn(random, person),
        ...(sensitive ? { sensitivity: "R" as const } : {}),
      });
    }
    if (chance(random, 0.004)) addObjection(random, node, code, localId, records);
  }
}

/** Of this trust's patients, its area holds the women alone: the area holds no children. */
const WOMENS_HOSPITAL = "RQ3";

function mayHaveBeenPregnant({ gender, birthDate }: Person): boolean {
  return gender === "female" && ageOf(birthDate) >= 18 && ageOf(birthDate) <= 48;
}

interface Used {
  readonly node: CastNode;
  readonly source: NodeFeed;
}

function providersUsed(random: Random, topology: Topology, person: Person): Used[] {
  const used = providersOf(topology, person.home, person).filter(({ source }) =>
    chance(random, likelihood(source, ageOf(person.birthDate), topology, person.home)),
  );
  if (chance(random, ELSEWHERE)) {
    const elsewhere = providersOf(topology, pick(random, PLACES[person.home].neighbours), person);
    const acute = elsewhere.filter(({ source }) => ["acute", "specialist", "ambulance"].includes(source.provider.type));
    if (acute.length > 0) used.push(pick(random, acute));
  }
  return used;
}

/** The providers that send a node data about people of this age. */
function providersOf(topology: Topology, node: CastNode, person: Person): Used[] {
  const entry = topology.nodes.find(({ id }) => (id as string) === node) as TopologyNode;
  const age = ageOf(person.birthDate);
  if (age < entry.ages.from) return [];
  return feedsInto(topology, entry.id)
    .filter(({ feed }) => takesLoads(feed) && age >= (feed.ages?.from ?? 0))
    .filter(({ provider }) => (provider.code as string) !== WOMENS_HOSPITAL || mayHaveBeenPregnant(person))
    .map((source) => ({ node, source }));
}

/** How likely a provider of the person's own area knows them. */
function likelihood(source: NodeFeed, age: number, topology: Topology, home: CastNode): number {
  const old = age >= 70;
  const sameKind = topology.providers.filter(
    ({ type, feeds }) =>
      type === source.provider.type && feeds.some((feed) => (feed.node as string) === home && takesLoads(feed)),
  ).length;
  const ofKind = {
    "general-practice": 0.95,
    acute: old ? 0.75 : 0.45,
    specialist: 0.08,
    "mental-health": 0.1,
    community: old ? 0.35 : 0.08,
    ambulance: old ? 0.3 : 0.08,
    hospice: old ? 0.06 : 0.005,
    "local-authority": old ? 0.22 : age < 18 ? 0.05 : 0.04,
    "childrens-social-care": 0,
    "community-pharmacy": 0,
  }[source.provider.type];
  return ofKind / sameKind;
}

/** What a provider calls a person: mostly right, now and then as they once were, or mistyped. */
function asKnownTo(random: Random, person: Person, type: string, row: IdentityRow): IdentityRow {
  const practice = type === "general-practice";
  const seldom = (probability: number) => chance(random, practice ? probability / 5 : probability);
  const changes: Partial<Record<keyof IdentityRow, string>> = {};
  if (person.formerFamilyName !== undefined && seldom(0.4)) changes.family_name = person.formerFamilyName;
  if (person.formerAddress !== undefined && seldom(0.45)) {
    changes.address_line1 = person.formerAddress.line1;
    changes.address_line2 = person.formerAddress.line2;
    changes.locality = person.formerAddress.locality;
    changes.postcode = person.formerAddress.postcode;
  }
  if (seldom(0.3)) changes.middle_name = row.middle_name.slice(0, 1);
  if (seldom(0.25)) changes.phone = "";
  if (seldom(0.02)) changes.given_name = mistyped(random, row.given_name);
  if (seldom(0.02)) changes.family_name = mistyped(random, changes.family_name ?? row.family_name);
  if (seldom(0.015)) changes.birth_date = monthAndDaySwapped(row.birth_date);
  if (seldom(0.02)) changes.gender = "unknown";
  if (seldom(0.08)) changes.nhs_number_status = "02";
  if (seldom(0.05)) Object.assign(changes, { nhs_number: "", nhs_number_status: "03" });
  const known = { ...row, ...changes };
  return type === "ambulance" ? { ...known, family_name: known.family_name.toUpperCase() } : known;
}

/** Two neighbouring letters swapped, after the first. */
function mistyped(random: Random, name: string): string {
  if (name.length < 4) return name;
  const at = between(random, 1, name.length - 2);
  return name.slice(0, at) + (name[at + 1] ?? "") + (name[at] ?? "") + name.slice(at + 2);
}

function monthAndDaySwapped(birthDate: string): string {
  const [year, month, day] = birthDate.split("-");
  const swapped = `${year}-${day}-${month}`;
  return isCalendarDate(swapped) && swapped <= CAST_DAY ? swapped : birthDate;
}

/** A day in the person's life, likelier a late one, at most some eight years back. */
function recordedOn(random: Random, person: Person): string {
  const lifeDays = Math.floor((Date.parse(CAST_DAY) - Date.parse(person.birthDate)) / DAY_MS);
  return daysBefore(CAST_DAY, 1 + Math.floor(random.fraction() ** 2 * Math.min(3_000, Math.max(0, lifeDays - 1))));
}

const FOR_THE_FRAIL: ReadonlySet<RecordTypeKey> = new Set([
  "respect-form",
  "end-of-life-plan",
  "emergency-care-plan",
  "advance-decision",
  "lasting-power-of-attorney",
  "dols",
  "special-patient-notes",
  "social-care-involvement",
  "social-care-assessment",
]);
const FOR_CHILDREN: ReadonlySet<RecordTypeKey> = new Set(["childrens-social-care"]);
const FOR_FEW: ReadonlySet<RecordTypeKey> = new Set(["safeguarding", "mental-health-act-status", "safety-alerts"]);

function typesHeld(random: Random, source: NodeFeed, person: Person): RecordTypeKey[] {
  const age = ageOf(person.birthDate);
  const carried = RECORD_TYPE_KEYS.filter((key) => feedCarries(source.feed, key));
  const likely = carried.filter((key) => {
    if (FOR_CHILDREN.has(key)) return age < 18;
    if (key === "maternity") return mayHaveBeenPregnant(person) && chance(random, 0.4);
    if (source.provider.type === "local-authority" && age < 18) return key === "safeguarding";
    if (FOR_THE_FRAIL.has(key)) return age >= 70 || (age >= 18 && chance(random, 0.05));
    return !FOR_FEW.has(key) || chance(random, 0.1);
  });
  return pickSome(random, likely, between(random, 0, RECORDS_MAX));
}

function addObjection(random: Random, node: CastNode, provider: string, localId: string, records: CastRecords): void {
  records.addObjection(node, {
    provider,
    localId,
    state: pick(random, ["received", "upheld", "upheld", "declined", "withdrawn"]),
    receivedOn: daysBefore(CAST_DAY, between(random, 1, 900)),
    overrideInEmergency: chance(random, 0.3),
  });
}
