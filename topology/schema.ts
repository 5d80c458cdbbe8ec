import { z } from "zod";

import { DATASET_KEYS, type DatasetKey, datasetOf, parseDataset } from "../node/base/datasets.ts";
import { isCalendarDate } from "../node/base/birth-date.ts";
import { isPlainText } from "../node/base/plain-text.ts";
import { PROTECTED_RECORD_TYPES, RECORD_TYPE_KEYS, parseRecordType } from "../node/base/record-types.ts";
import type { RecordTypeKey } from "../node/base/record-types.ts";
import { ROLE_GROUPS, parseRoleGroup } from "../node/base/role-groups.ts";
import type { RoleGroup } from "../node/base/role-groups.ts";
import { SENSITIVITIES, parseCollaborativeId, parseNodeId, parseOrganisationCode } from "../node/base/words.ts";
import type { CollaborativeId, NodeId, OrganisationCode, Purpose } from "../node/base/words.ts";
import { suggestion } from "./faults.ts";

/**
 * The shape of a topology file, entry by entry. Every message here is a remedy: what to write instead. What is wrong is
 * said by the parser, which also knows the line.
 */

const ID_REMEDY = "write 2 to 40 lower-case letters, digits and inner hyphens, for example wm-bsol";
const CODE_REMEDY =
  "write an ODS code of 3 to 10 capital letters and digits (in quotes if it looks like a number), or X-NO-ODS-… where no code has been verified";
const DAY_REMEDY = "write a real day as YYYY-MM-DD";
const WHOLE_REMEDY = "write a whole number from 0";

/** Shown and signed by every node that hears it: a longer or an unplain one would spoil their answers. */
const TEXT_CHARACTERS_MAX = 300;
const text = (remedy: string) => {
  const plain = `${remedy}, in at most ${TEXT_CHARACTERS_MAX} characters on one line, without controls or hidden characters`;
  return z.string({ error: remedy }).trim().min(1, remedy).max(TEXT_CHARACTERS_MAX, plain).refine(isPlainText, plain);
};
const day = z.string({ error: DAY_REMEDY }).refine(isCalendarDate, DAY_REMEDY);
const nodeId = z
  .string({ error: ID_REMEDY })
  .refine((id) => parseNodeId(id) !== undefined, ID_REMEDY)
  .transform((id) => id as NodeId);
const collaborativeId = z
  .string({ error: ID_REMEDY })
  .refine((id) => parseCollaborativeId(id) !== undefined, ID_REMEDY)
  .transform((id) => id as CollaborativeId);
const organisationCode = z
  .string({ error: CODE_REMEDY })
  .refine((code) => parseOrganisationCode(code) !== undefined, CODE_REMEDY)
  .transform((code) => code as OrganisationCode);

function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: (issue) => `write one of ${words.join(", ")}${meant(issue.input, words)}` });
}

function meant(given: unknown, words: readonly string[]): string {
  const hint = typeof given === "string" ? suggestion(given, words) : "";
  return hint.startsWith("did you mean") ? ` (${hint})` : "";
}

function list<Item extends z.ZodType>(item: Item, remedy: string) {
  return z.array(item, { error: remedy }).min(1, remedy);
}

const PHONE_REMEDY = "write a telephone number in digits and spaces, for example 0121 496 0100";
const phone = z.string({ error: PHONE_REMEDY }).regex(/^\+?[0-9][0-9 ]{4,19}$/, PHONE_REMEDY);

const AGES_REMEDY = "write whole years as { from: 18 } or { from: 0, to: 17 }";
/** Whole years of age; both ends belong to the range, no `to` = no upper end. */
const agesSchema = z.strictObject(
  {
    from: z.int({ error: WHOLE_REMEDY }).min(0, WHOLE_REMEDY),
    to: z.int({ error: WHOLE_REMEDY }).min(0, WHOLE_REMEDY).optional(),
  },
  { error: AGES_REMEDY },
);

/** An ICS's ODS code with the days on which it was valid. */
const datedCodeSchema = z.strictObject(
  {
    code: organisationCode,
    name: text("write the ICS's name"),
    /** First day of validity. */
    from: day,
    /** First day on which it is no longer valid; absent while it is. */
    to: day.optional(),
    /** Codes of those that took over on `to`: several after a split. Each stands in the same file. */
    successors: list(organisationCode, "list at least one code, or leave the key out").optional(),
  },
  { error: "write a map with code, name and from" },
);

export const networkSchema = z.strictObject(
  {
    name: text("write the network's name"),
    /** SPIFFE trust domain and DNS suffix of every node. */
    domain: z
      .string({ error: "write a DNS name, for example west-midlands.corridor.example" })
      .regex(
        /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/,
        "write a DNS name in lower case, for example west-midlands.corridor.example",
      ),
    /** The legal person who answers for the list of members. */
    authority: text("name the legal person who answers for the list of members"),
  },
  { error: "write a map with name, domain and authority" },
);

export const collaborativeSchema = z.strictObject(
  { id: collaborativeId, name: text("write the collaborative's name") },
  { error: "write a map with id and name" },
);

export const nodeSchema = z.strictObject(
  {
    id: nodeId,
    name: text("write the area's name"),
    collaborative: collaborativeId,
    /** Regional tier, for example "West Midlands". */
    region: text("write the region's name"),
    /** People served. */
    population: z
      .int({ error: "write the number of people served, for example 1550000" })
      .positive("write the number of people served, for example 1550000"),
    /** Ages that the node holds. */
    ages: agesSchema,
    /** The ICSs that the node answers for: many-to-many, dated. */
    ics: list(datedCodeSchema, "list at least one ICS with code, name and from"),
    /** Nodes whose areas border on this one. */
    neighbours: list(nodeId, "list at least one node, or leave the key out").optional(),
    /** Whom to telephone when the area cannot be asked. */
    coverageContact: z.strictObject(
      { name: text("write who answers"), phone, hours: text("write when, for example 24 hours") },
      { error: "write a map with name, phone and hours" },
    ),
    status: oneOf(["live", "joining", "suspended", "left"]),
  },
  { error: "write a map with id, name, collaborative, region, population, ages, ics, coverageContact and status" },
);

/**
 * States of a provider's feed into a node. Data are taken in `feeding` alone; what came before `paused` stays. `planned`,
 * `testing` and `viewing-only` are shown as not connected; `left` is over and not shown.
 */
export const FEED_STATES = ["planned", "testing", "viewing-only", "feeding", "paused", "left"] as const;

/** A day: the age after which a feed counts as behind, where the file does not say. */
const STALE_AFTER_MINUTES = 1_440;

const SYSTEM_REMEDY =
  "write the URI of the provider's own patient identifiers, for example https://raa.example/Id/patient; never that of NHS numbers";

const feedSchema = z.strictObject(
  {
    node: nodeId,
    state: oneOf(FEED_STATES),
    /** Kinds of record that the provider sends. `all`: every kind but the legally protected ones. */
    recordTypes: recordTypes().default([]),
    /** Ages that it sends, where narrower than the node's. */
    ages: agesSchema.optional(),
    /** Confidentiality of the provider as a service: who may learn that it knows the person. */
    sensitivity: oneOf(SENSITIVITIES).optional(),
    /** Minutes after which the feed counts as behind. */
    staleAfterMinutes: z
      .int({ error: "write whole minutes, for example 240" })
      .positive("write whole minutes, for example 240")
      .default(STALE_AFTER_MINUTES),
    /** System of the provider's own patient identifiers in FHIR messages; absent where it sends none. */
    fhirIdentifierSystem: z
      .string({ error: SYSTEM_REMEDY })
      .regex(/^(?:https?:\/\/|urn:)[\x21-\x7b\x7d\x7e]{1,200}$/, SYSTEM_REMEDY)
      .refine((system) => !/nhs-number|2\.16\.840\.1\.113883\.2\.1\.4\.1$/i.test(system), SYSTEM_REMEDY)
      .optional(),
  },
  { error: "write a map with node, state and recordTypes" },
);

export const providerSchema = z.strictObject(
  {
    code: organisationCode,
    name: text("write the organisation's name"),
    type: oneOf([
      "acute",
      "specialist",
      "mental-health",
      "community",
      "ambulance",
      "general-practice",
      "community-pharmacy",
      "hospice",
      "local-authority",
      "childrens-social-care",
    ]),
    /** For clinical contact. */
    phone,
    feeds: list(feedSchema, "list at least one feed with node, state and recordTypes"),
  },
  { error: "write a map with code, name, type, phone and feeds" },
);

/** An ICS of the directory that has no node: listed in every answer as not connected. */
export const icsWithoutNodeSchema = z.strictObject(
  { ...datedCodeSchema.shape, region: text("write the region's name") },
  { error: "write a map with code, name, region and from" },
);

/** Purposes that an agreement may name: one person's care, nothing else. */
const CARE_PURPOSES = ["TREAT", "ETREAT", "CAREMGT", "BTG"] as const satisfies readonly Purpose[];

const datasetEntrySchema = z
  .strictObject(
    { dataset: datasetKey(), roleGroups: roleGroups(), fields: fieldKeys() },
    { error: "write a map with dataset, roleGroups and fields" },
  )
  .superRefine(({ dataset, fields }, context) => {
    if (fields === "all") return;
    const known = Object.keys(datasetOf(dataset).fields);
    for (const [at, field] of fields.entries()) {
      if (known.includes(field)) continue;
      const message = `write the key of a field of ${dataset}; ${suggestion(field, known)}`;
      context.addIssue({ code: "custom", path: ["fields", at], message });
    }
  });

export const agreementSchema = z.strictObject(
  {
    id: text("write a short id"),
    title: text("write the agreement's title"),
    /** The nodes between whom questions may flow. */
    members: list(nodeId, "list at least two nodes").min(2, "list at least two nodes"),
    /** The organisations that share, by the codes of this file's providers. */
    controllers: list(
      z.strictObject(
        { code: organisationCode, joined: day, left: day.optional() },
        { error: "write a map with code and joined" },
      ),
      "list at least one provider of this file with the day on which it joined",
    ),
    processors: z.array(text("write the processor's name"), { error: "list the processors, or write []" }),
    /** Data protection officer. */
    dpo: text("name the data protection officer"),
    lawfulBasis: text("write the lawful basis"),
    /** Reference of the data protection impact assessment. */
    dpia: text("write the reference of the data protection impact assessment"),
    purposes: list(oneOf(CARE_PURPOSES), "list at least one purpose"),
    recordTypes: recordTypes(),
    roleGroups: roleGroups(),
    /** Named sets of record types and fields, each for role groups of its own: beside what all role groups above may see. */
    datasets: list(datasetEntrySchema, "list at least one dataset with dataset, roleGroups and fields").optional(),
    consentModel: oneOf(["implied", "explicit-at-view"]),
    adultsOnly: z.boolean({ error: "write true or false" }),
    /** True where questions without an NHS number may be asked. */
    demographicQuestions: z.boolean({ error: "write true or false" }),
    /** A passed review date warns; it does not stop care. */
    reviewDate: day,
    endDate: day.optional(),
    /** The two people who suspended it. */
    suspendedBy: z
      .array(text("write a name"), { error: "list the two people who suspend the agreement" })
      .length(2, "list exactly two people: one alone cannot suspend an agreement")
      .optional(),
  },
  { error: "write a map; the format is described in topology/README.md" },
);

/** Filters that say whose people they are; absent: every member with an agreement is asked. */
export const presenceFiltersSchema = z.strictObject(
  {
    dpia: text("write the reference of the data protection impact assessment of presence filters"),
    /** Whose Caldicott Guardian has signed: between these nodes filters are shared. */
    signOffs: z
      .array(
        z.strictObject(
          { node: nodeId, guardian: text("write the Caldicott Guardian's name"), signedOn: day },
          { error: "write a map with node, guardian and signedOn" },
        ),
        { error: "list the sign-offs of Caldicott Guardians" },
      )
      .min(2, "list the Caldicott Guardians of two nodes at least: both sides must have signed"),
  },
  { error: "write a map with dpia and signOffs, or leave the key out: then every node is asked" },
);

/** The top level of a file. Lists are read entry by entry, so that one wrong entry does not hide the others' faults. */
export const TOP_LEVEL_KEYS = [
  "network",
  "collaboratives",
  "nodes",
  "providers",
  "icsWithoutNode",
  "agreements",
  "presenceFilters",
] as const;

function datasetKey() {
  return z.unknown().transform((given, context): DatasetKey => {
    const key = typeof given === "string" ? parseDataset(given) : undefined;
    if (key !== undefined) return key;
    const message = `write the key of a dataset; ${suggestion(typeof given === "string" ? given : "", DATASET_KEYS)}`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

function fieldKeys() {
  const remedy = "write all, or a list of fields in brackets";
  return z.union([z.literal("all"), z.array(z.string(remedy)).min(1, remedy)], { error: remedy });
}

function recordTypes() {
  const remedy = "write all, or a list of record types in brackets";
  return z
    .unknown()
    .superRefine((given, context) => {
      if (given === "all") return;
      if (!Array.isArray(given)) return context.addIssue({ code: "custom", message: remedy });
      for (const [at, key] of given.entries()) {
        const wrong = recordTypeRemedy(key);
        if (wrong !== undefined) context.addIssue({ code: "custom", path: [at], message: wrong });
      }
    })
    .transform((given) => given as "all" | readonly RecordTypeKey[]);
}

function recordTypeRemedy(key: unknown): string | undefined {
  if (typeof key !== "string") return "write the key of a record type";
  const known = parseRecordType(key);
  if (known === undefined) return `write the key of a record type; ${suggestion(key, RECORD_TYPE_KEYS)}`;
  return PROTECTED_RECORD_TYPES.has(known) ? "leave it out: records that the law protects are never listed" : undefined;
}

function roleGroups() {
  const remedy = "write all, or a list of role groups in brackets";
  return z
    .unknown()
    .superRefine((given, context) => {
      if (given === "all") return;
      if (!Array.isArray(given) || given.length === 0) return context.addIssue({ code: "custom", message: remedy });
      for (const [at, word] of given.entries()) {
        if (typeof word === "string" && parseRoleGroup(word) !== undefined) continue;
        const message = `write the key of a role group; ${suggestion(String(word), ROLE_GROUPS)}`;
        context.addIssue({ code: "custom", path: [at], message });
      }
    })
    .transform((given) => given as "all" | readonly RoleGroup[]);
}

export type DatedCode = z.infer<typeof datedCodeSchema>;
export type Ages = z.infer<typeof agesSchema>;
export type Feed = z.infer<typeof feedSchema>;
export type Network = z.infer<typeof networkSchema>;
export type Collaborative = z.infer<typeof collaborativeSchema>;
export type NodeEntry = z.infer<typeof nodeSchema>;
export type Provider = z.infer<typeof providerSchema>;
export type IcsWithoutNode = z.infer<typeof icsWithoutNodeSchema>;
export type AgreementEntry = z.infer<typeof agreementSchema>;
export type PresenceFilters = z.infer<typeof presenceFiltersSchema>;
