import { datasetWith, type SharedFields } from "../base/datasets.ts";
import type { Explained, Explanation, InForce, Supposed } from "../access/explain.ts";
import type { RecordTypeKey } from "../base/record-types.ts";

/** What decided, in the words of those who review it. */
const BY: Readonly<Record<Explained["by"], string>> = {
  law: "protected by law, shown to nobody",
  table: "access table",
  agreement: "not among the record types agreed",
  narrowing: "narrowed",
  sensitivity: "custodian or service too sensitive for this role",
};

/** Why a question is refused, in plain words. A code that is not here is said as it is. */
const REFUSED: Readonly<Record<string, string>> = {
  "purpose-other": "the network serves the care of one person at a time; no other purpose",
  "emergency-automatic": "emergency access is a person's act: no system may ask by itself",
  "role-unknown": "no such role in the access table",
  "role-has-nothing-here": "this role sees nothing in this setting",
  "none-between": "no sharing agreement names both nodes",
  ended: "the sharing agreement has ended",
  suspended: "the sharing agreement is suspended by two people",
  "no-controller": "no controller of the sharing agreement has joined, or all have left",
  "explicit-consent": "the sharing agreement demands consent at the point of view, which no question carries yet",
  "agreement-purpose": "the sharing agreement does not name this purpose",
  "agreement-role": "the sharing agreement does not name this role group",
  "agreement-record-types": "the sharing agreement names no record type that this role may see",
  "number-required": "the sharing agreement takes questions with an NHS number only",
  "under-18s": "does not cover under-18s",
  age: "does not cover this age",
  narrowed: "the node's narrowing leaves this role nothing",
};

/** An explanation as an information-governance officer reads it. */
export function explanationLines(
  supposed: Supposed,
  { between }: InForce,
  explanation: Explanation,
  types: readonly RecordTypeKey[],
): string[] {
  const ends =
    between === undefined ? "at the node's own door" : `of ${between.asker}, answered by ${between.holder.id}`;
  const patient = `${supposed.age}-year-old, named ${supposed.byNumber ? "by NHS number" : "without an NHS number"}`;
  const asked = `${supposed.role} in ${supposed.setting} for ${supposed.purpose}, ${ends}, about a ${patient}`;
  if (explanation.kind === "refused") {
    const { reason, code } = explanation.refusal;
    return [`${asked}: refused.`, `${REFUSED[reason] ?? reason} (${code}): ${explanation.where}`];
  }
  const { group, agreements, rulings, fieldsOf, custodians } = explanation;
  const under = agreements.length === 0 ? "" : `, under ${agreements.join(" and ")}`;
  const width = Math.max(...types.map(({ length }) => length));
  return [
    `${asked}: permitted as ${group}${under}.`,
    ...types.flatMap((type) => [
      `${type.padEnd(width)}  ${rulingText(rulings.get(type)!)}`,
      ...(rulings.get(type)!.level === "none" ? [] : fieldLines(type, fieldsOf(type), width)),
      ...custodians
        .filter(({ recordType }) => recordType === type)
        .map((ruling) => `${`  of ${ruling.custodian}`.padEnd(width)}  ${rulingText(ruling)}`),
    ]),
  ];
}

/** Where agreements share named fields of a record alone: which dataset, and which. */
function fieldLines(type: RecordTypeKey, fields: SharedFields, width: number): string[] {
  const dataset = datasetWith(type);
  if (fields === "all" || dataset === undefined) return [];
  return [`${"  opened, by dataset".padEnd(width)}  ${dataset}: ${[...fields].join(", ")}`];
}

function rulingText({ level, by, where, why }: Explained): string {
  return `${level.padEnd(7)}  ${BY[by]}: ${where}${why === "" ? "" : ` (${why})`}`;
}

/** The same for scripts. */
export function explanationJson(
  supposed: Supposed,
  { between }: InForce,
  explanation: Explanation,
  types: readonly RecordTypeKey[],
): string {
  const asked = { ...supposed, asker: between?.asker ?? null, holder: between?.holder.id ?? null };
  if (explanation.kind === "refused") {
    return JSON.stringify({ ...asked, ...explanation.refusal, where: explanation.where });
  }
  const { kind, group, agreements, rulings, fieldsOf } = explanation;
  const levels = Object.fromEntries(types.map((type) => [type, rulings.get(type)]));
  const custodians = explanation.custodians.filter(({ recordType }) => types.includes(recordType));
  const narrowed = types.flatMap((type) => {
    const shared = fieldsOf(type);
    return shared === "all" || rulings.get(type)?.level === "none" ? [] : [[type, [...shared]] as const];
  });
  const fields = narrowed.length === 0 ? {} : { fields: Object.fromEntries(narrowed) };
  return JSON.stringify({ ...asked, kind, group, agreements, levels, custodians, ...fields });
}
