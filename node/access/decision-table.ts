import { ACCESS_LEVELS, type AccessLevel } from "../base/answer.ts";
import { RECORD_TYPE_KEYS, type RecordTypeKey } from "../base/record-types.ts";
import { ROLE_GROUPS, type RoleGroup } from "../base/role-groups.ts";
import { PURPOSES, type Purpose, SETTINGS, type Setting } from "../base/words.ts";
import { explain, type InForce, levelIn, type Supposed } from "./explain.ts";
import { aRoleOf } from "./roles.ts";

/** An adult, named by NHS number: what every decision of a whole table supposes, unless it is about ages. */
export const ADULT = { age: 40, byNumber: true } as const;

/** What one role group is told in one setting, for one purpose. */
export interface Decided {
  readonly setting: Setting;
  readonly group: RoleGroup;
  readonly purpose: Purpose;
  /** The coded reason; absent where there is none to refuse. */
  readonly refused?: string;
  readonly levelOf: (recordType: RecordTypeKey) => AccessLevel;
}

/** Every decision that there is: each setting, role group and purpose, in that order. */
export function decideAll(
  inForce: InForce,
  supposed: Pick<Supposed, "age" | "byNumber" | "custodian"> = ADULT,
): readonly Decided[] {
  return eachDecision().map(({ setting, group, purpose }) => {
    const explanation = explain({ role: aRoleOf(group), setting, purpose, ...supposed }, inForce);
    return {
      ...{ setting, group, purpose },
      ...(explanation.kind === "refused" && { refused: explanation.refusal.reason }),
      levelOf: (recordType) => levelIn(explanation, recordType),
    };
  });
}

const HEADING = "# Who is shown what: every decision of the access table. Made by: corridor access table";

/** The whole table of decisions as text: a block for each setting and role group, purposes that decide alike together. */
export function decisionTableText(inForce: InForce): string {
  const blocks = new Map<string, Map<string, Purpose[]>>();
  for (const { setting, group, purpose, refused, levelOf } of decideAll(inForce)) {
    const heading = `${setting}, ${group}`;
    const said = refused === undefined ? levelLines(levelOf) : `    refused: ${refused}`;
    const block = blocks.get(heading) ?? new Map<string, Purpose[]>();
    blocks.set(heading, block.set(said, [...(block.get(said) ?? []), purpose]));
  }
  const texts = [...blocks].map(([heading, block]) =>
    [heading, ...[...block].map(([said, purposes]) => `  ${purposes.join(" ")}\n${said}`)].join("\n"),
  );
  return `${[HEADING, ...texts].join("\n\n")}\n`;
}

/** Reads {@link decisionTableText} back. What it does not list is none, and nothing is refused with a reason. */
export function parseDecisionTable(text: string): readonly Decided[] {
  const levels = new Map<string, AccessLevel>();
  let heading = "";
  let purposes: readonly string[] = [];
  for (const line of text.split("\n")) {
    const [, indent = "", said = ""] = /^( *)(.*)$/.exec(line) ?? [];
    if (indent === "") heading = said;
    else if (indent.length === 2) purposes = said.split(" ");
    const [level, types] = indent.length === 4 ? said.split(": ") : [];
    const known = ACCESS_LEVELS.find((each) => each === level);
    if (known === undefined || types === undefined) continue;
    for (const purpose of purposes) {
      for (const type of types.split(" ")) levels.set(`${heading}, ${purpose}, ${type}`, known);
    }
  }
  return eachDecision().map((each) => ({
    ...each,
    levelOf: (type) => levels.get(`${each.setting}, ${each.group}, ${each.purpose}, ${type}`) ?? "none",
  }));
}

function eachDecision(): readonly Omit<Decided, "levelOf">[] {
  return SETTINGS.flatMap((setting) =>
    ROLE_GROUPS.flatMap((group) => PURPOSES.map((purpose) => ({ setting, group, purpose }))),
  );
}

function levelLines(levelOf: (recordType: RecordTypeKey) => AccessLevel): string {
  return ACCESS_LEVELS.map((level) => {
    const types = RECORD_TYPE_KEYS.filter((recordType) => levelOf(recordType) === level);
    return `    ${level}: ${types.join(" ")}`.trimEnd();
  }).join("\n");
}
