import { roleGroupOf } from "../access/roles.ts";
import type { Look } from "../audit/report.ts";

/** The columns of a report as CSV; of later versions at the end. */
export const CSV_COLUMNS = [
  "number",
  "at",
  "what",
  "asker",
  "user",
  "role",
  "setting",
  "organisation",
  "purpose",
  "relationship",
  "reason",
  "automatic",
  "records",
  "request",
  "review",
] as const;

const WHAT_WORDS: Readonly<Record<Look["what"], string>> = {
  asked: "asked where records are held",
  answered: "was answered by this node",
  opened: "opened a record",
  refused: "was refused",
  emergency: "was given emergency access to this patient's records",
  searched: "looked for people in this node's index",
  reviewed: "looked at, or decided, who is whom",
  national: "told the National Record Locator that this node knows this person, or took that back",
};

const REVIEW_WORDS: Readonly<Record<NonNullable<Look["review"]>, string>> = {
  "self-claimed": "by a relationship that nobody but the user can confirm",
  "no-attendance": "for an attendance of which the organisation told this node nothing",
  "attendance-of-another": "for an attendance that is another patient's",
};

const PURPOSE_WORDS: Readonly<Record<string, string>> = {
  TREAT: "for care",
  ETREAT: "for emergency care",
  CAREMGT: "for managing this person's care",
  BTG: "by emergency access",
};

/** One look in plain words, as a line of CSV or as JSON. */
export function lineOf(
  look: Look,
  names: ReadonlyMap<string, string>,
  { csv, json }: { readonly csv?: true; readonly json?: true },
): string {
  const at = new Date(look.atMs).toISOString();
  if (json === true) return JSON.stringify({ ...look, at });
  if (csv === true) {
    const { seq, what, asker, userId, role, setting, organisation, purpose, relationship, reason, automatic, records } =
      look;
    return [
      seq,
      at,
      what,
      asker,
      userId,
      role,
      setting,
      organisation,
      purpose,
      relationship,
      reason,
      automatic,
      records,
      look.requestId,
      look.review,
    ]
      .map(csvField)
      .join(",");
  }
  const group = look.role === undefined ? undefined : roleGroupOf(look.role);
  const who = look.automatic
    ? look.what === "national"
      ? "the node itself"
      : "an application, before anybody looked"
    : `a ${group ?? "user"} (${look.role ?? "no role"})`;
  const organisation =
    look.organisation === undefined ? look.asker : (names.get(look.organisation) ?? look.organisation);
  const parts = [
    `${at.slice(0, 16).replace("T", " ")}  ${who} at ${organisation}`,
    look.setting?.replaceAll("-", " "),
    `${WHAT_WORDS[look.what]} ${PURPOSE_WORDS[look.purpose ?? ""] ?? ""}`.trim(),
    look.review === undefined ? look.relationship : REVIEW_WORDS[look.review],
    look.records === 0 ? undefined : `${look.records} records were named`,
    look.userId === undefined ? undefined : `user ${look.userId}`,
    look.reason === undefined ? undefined : `"${look.reason}"`,
  ];
  return parts.filter((part) => part !== undefined).join("; ");
}

/** A field of CSV. A field that a spreadsheet would take for a formula is kept from it. */
export function csvField(value: string | number | boolean | undefined): string {
  const text = String(value ?? "");
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
