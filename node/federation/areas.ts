import type { Area, Scope } from "../base/answer.ts";
import type { NodeId, OrganisationCode } from "../base/words.ts";
import type { Manifest, Member } from "../../topology/manifest.ts";

/** One area of a day's directory, with the member that answers for it, if there is one. */
export interface AreaOfDay {
  readonly area: Area;
  readonly member?: Member;
}

/**
 * The areas of a directory on one day: one for each member that has not left, own node included, in the order of the
 * manifest; then each ICS that nobody answers for.
 *
 * A suspended member keeps its area, because its people are still somewhere; so does one that is only joining. A member
 * that left has none, and its ICSs count as without a node unless another member serves them.
 *
 * @param day `YYYY-MM-DD`.
 */
export function areasOn(manifest: Manifest, ownId: NodeId, day: string): readonly AreaOfDay[] {
  const own = manifest.members.find(({ id }) => id === ownId);
  const present = manifest.members.filter(({ status }) => status !== "left");
  const nameOf = namesToldApart(present, day);
  return [
    ...present.map((member) => ({ area: areaOfMember(member, nameOf(member), own, day), member })),
    ...icsWithoutMember(manifest, present, day).map((ics) => ({ area: areaWithoutNode(ics) })),
  ];
}

/**
 * By the ICSs served that day. Where two members serve the same, as after a merger, each is told apart by what it served
 * before.
 */
function namesToldApart(members: readonly Member[], day: string): (member: Member) => string {
  const nameOf = (member: Member): string => namesOf(servedOn(member.ics, day));
  const told = new Map<string, number>();
  for (const name of members.map(nameOf)) told.set(name, (told.get(name) ?? 0) + 1);
  return (member) => {
    const name = nameOf(member);
    const before = namesOf(member.ics.filter(({ to }) => to !== undefined && to <= day));
    return told.get(name) === 1 || before === "" || before === name ? name : `${name} (${before})`;
  };
}

function namesOf(ics: readonly DatedCode[]): string {
  return ics.map(({ name }) => plainName(name)).join(" / ");
}

function areaOfMember(member: Member, name: string, own: Member | undefined, day: string): Area {
  return {
    nodeId: member.id as NodeId,
    name,
    icsCodes: servedOn(member.ics, day).map(({ code }) => code as OrganisationCode),
    scopes: scopesOf(member, own),
    contact: contactOf(member),
  };
}

function scopesOf(member: Member, own: Member | undefined): readonly Scope[] {
  const scopes: Scope[] = [];
  if (member.collaborative === own?.collaborative) scopes.push("collaborative");
  if (member.region === own?.region) scopes.push("region");
  scopes.push("network");
  return scopes;
}

function contactOf({ coverageContact: { name, phone, hours } }: Member): string {
  return [name, phone, hours].filter((part) => part !== "").join(", ");
}

type DatedCode = Member["ics"][number];

/**
 * The codes valid on a day. A member none of whose codes is valid that day, because a code ended before its successor was
 * entered, keeps the codes that ended last, or those that start first: a change of code must never orphan an area.
 */
function servedOn(ics: readonly DatedCode[], day: string): readonly DatedCode[] {
  const valid = ics.filter(({ from, to }) => from <= day && (to === undefined || day < to));
  if (valid.length > 0) return valid;
  const ended = ics.filter(({ to }) => to !== undefined && to <= day);
  if (ended.length > 0) {
    const last = latest(ended.map(({ to }) => to ?? ""));
    return ended.filter(({ to }) => to === last);
  }
  const first = ics.map(({ from }) => from).toSorted()[0];
  return ics.filter(({ from }) => from === first);
}

function latest(days: readonly string[]): string | undefined {
  return days.toSorted().at(-1);
}

interface IcsWithoutNode {
  readonly code: string;
  readonly name: string;
}

function icsWithoutMember(manifest: Manifest, present: readonly Member[], day: string): readonly IcsWithoutNode[] {
  const leavers = manifest.members.filter(({ status }) => status === "left");
  const seen = new Set(present.flatMap(({ ics }) => servedOn(ics, day)).map(({ code }) => code));
  const without: IcsWithoutNode[] = [];
  for (const ics of [...manifest.icsWithoutNode, ...leavers.flatMap((member) => servedOn(member.ics, day))]) {
    if (seen.has(ics.code)) continue;
    seen.add(ics.code);
    without.push(ics);
  }
  return without;
}

function areaWithoutNode({ code, name }: IcsWithoutNode): Area {
  return { name: plainName(name), icsCodes: [code as OrganisationCode], scopes: [], contact: "" };
}

/** "NHS Black Country Integrated Care Board" is the Black Country on a clinician's screen. */
function plainName(name: string): string {
  return name.replace(/^NHS /, "").replace(/ Integrated Care Board$/, "");
}
