import type { AccessLevel } from "../base/answer.ts";
import { RECORD_TYPE_KEYS, type RecordTypeKey } from "../base/record-types.ts";
import { ROLE_GROUPS, type RoleGroup } from "../base/role-groups.ts";
import type { Purpose, Setting } from "../base/words.ts";
import { explain, type InForce, levelIn, type Supposed } from "./explain.ts";
import { aRoleOf } from "./roles.ts";

/** One cell of a preview: what a role group sees of a record, and what it saw before, where that was something else. */
export interface Seen {
  readonly level: AccessLevel;
  readonly before?: AccessLevel;
}

export interface PreviewRow {
  readonly recordType: RecordTypeKey;
  readonly seen: Readonly<Record<RoleGroup, Seen>>;
}

/** Of whom the preview is, in whose setting. */
export type Previewed = Omit<Supposed, "role">;

/** One patient with a record of every type, as each role group sees them in one setting. */
export function preview(previewed: Previewed, now: InForce, since?: InForce): readonly PreviewRow[] {
  const [nowBy, sinceBy] = [now, since].map((each) => each && explanationsBy(previewed, each));
  return RECORD_TYPE_KEYS.map((recordType) => {
    const cells = ROLE_GROUPS.map((group): [RoleGroup, Seen] => {
      const level = nowBy?.get(group)?.(recordType) ?? "none";
      const before = sinceBy?.get(group)?.(recordType) ?? level;
      return [group, before === level ? { level } : { level, before }];
    });
    return { recordType, seen: Object.fromEntries(cells) as Record<RoleGroup, Seen> };
  });
}

function explanationsBy(
  previewed: Previewed,
  inForce: InForce,
): ReadonlyMap<RoleGroup, (recordType: RecordTypeKey) => AccessLevel> {
  return new Map(
    ROLE_GROUPS.map((group) => {
      const explanation = explain({ ...previewed, role: aRoleOf(group) }, inForce);
      return [group, (recordType: RecordTypeKey) => levelIn(explanation, recordType)];
    }),
  );
}

const LETTER: Readonly<Record<AccessLevel, string>> = { full: "F", summary: "S", sealed: "x", none: "·" };

/** The preview as a table of letters, role groups by number. */
export function previewLines(rows: readonly PreviewRow[], setting: Setting, purpose: Purpose): string[] {
  const width = Math.max(...RECORD_TYPE_KEYS.map(({ length }) => length));
  const letters = ({ level, before }: Seen): string =>
    before === undefined ? ` ${LETTER[level]}  ` : `${LETTER[before]}>${LETTER[level]} `;
  const numbers = ROLE_GROUPS.map((_, at) => String(at + 1).padStart(2)).join("  ");
  return [
    `One synthetic patient with a record of every type, as each role sees them: setting ${setting}, purpose ${purpose}.`,
    "F full, S summary, x sealed, · nothing; S>F means that it was a summary before.",
    "",
    `${"".padEnd(width)}  ${numbers}`,
    ...rows.map(({ recordType, seen }) =>
      `${recordType.padEnd(width)}  ${ROLE_GROUPS.map((group) => letters(seen[group])).join("")}`.trimEnd(),
    ),
    "",
    ...ROLE_GROUPS.map((group, at) => `${String(at + 1).padStart(2)} ${group}`),
  ];
}
