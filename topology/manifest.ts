import { z } from "zod";

/**
 * The directory of a network, as one signed document: who is a member, where, under which issuing authority, with which
 * key, and who has agreed what with whom. A node is an authority only about itself; the manifest says who is a node.
 */

const nodeId = z.string().regex(/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])$/, "2 to 40 lower-case letters, digits, hyphens");
const organisationCode = z
  .string()
  .regex(/^(?:[A-Z0-9]{3,10}|X-NO-ODS-[A-Z0-9-]{1,60})$/, "an ODS code, or a placeholder X-NO-ODS-…");
const day = z.iso.date();

/** An ODS code with the days on which it was valid; `to` is the first day on which it no longer is. */
export const datedCode = z.strictObject({
  code: organisationCode,
  name: z.string().min(1),
  from: day,
  to: day.optional(),
});

export const memberSchema = z.strictObject({
  id: nodeId,
  collaborative: nodeId,
  /** Regional tier, for example "West Midlands". */
  region: z.string().min(1),
  /** The ICSs that this node answers for: many-to-many, dated. */
  ics: z.array(datedCode).min(1),
  /** `host:port`, in order of preference. */
  endpoints: z
    .array(z.string().regex(/^[^\s:]+:\d{1,5}$/, "host:port"))
    .min(1)
    .max(4),
  /** SHA-256 of the DER SubjectPublicKeyInfo of the member's issuing CA, lower-case hex. */
  issuingCa: z.string().regex(/^[0-9a-f]{64}$/),
  /** Raw Ed25519 public key that verifies the member's assertions and verdicts, base64url. */
  assertionKey: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  population: z.number().int().positive(),
  /** Ages that the node holds, in whole years; decided from the age asked with, before any look-up. */
  ages: z.strictObject({ from: z.number().int().min(0), to: z.number().int().optional() }),
  coverageContact: z.strictObject({ name: z.string(), phone: z.string(), hours: z.string() }),
  status: z.enum(["live", "joining", "suspended", "left"]),
});

export const agreementSchema = z.strictObject({
  id: z.string().min(1),
  title: z.string().min(1),
  /** The member nodes between whom questions may flow. */
  members: z.array(nodeId).min(2),
  controllers: z
    .array(z.strictObject({ code: organisationCode, name: z.string().min(1), joined: day, left: day.optional() }))
    .min(1),
  processors: z.array(z.string()),
  dpo: z.string().min(1),
  lawfulBasis: z.string().min(1),
  dpia: z.string().min(1),
  purposes: z.array(z.enum(["TREAT", "ETREAT", "CAREMGT", "BTG"])).min(1),
  /** Keys of record types, or ["all"]. */
  recordTypes: z.array(z.string()).min(1),
  /** Role groups, or ["all"]. */
  roleGroups: z.array(z.string()).min(1),
  consentModel: z.enum(["implied", "explicit-at-view"]),
  adultsOnly: z.boolean(),
  /** True where questions without an NHS number may be asked. */
  demographicQuestions: z.boolean(),
  /** A passed review date warns; it does not stop care. */
  reviewDate: day,
  endDate: day.optional(),
  suspendedBy: z.array(z.string()).length(2).optional(),
});

export const manifestSchema = z.strictObject({
  format: z.literal(1),
  network: z.strictObject({
    name: z.string().min(1),
    /** SPIFFE trust domain and DNS suffix of every member. */
    domain: z.string().regex(/^[a-z0-9.-]+$/),
    /** The legal person who answers for the list of members. */
    authority: z.string().min(1),
  }),
  /** Rises with every issue; a lower one is ignored. */
  sequence: z.number().int().positive(),
  /** ISO 8601 instant. Older than 24 hours warns; older than 14 days is refused. */
  issuedAt: z.iso.datetime(),
  routing: z.literal("ask-all"),
  members: z.array(memberSchema).min(1),
  /** ICSs of the directory without a node: listed in every answer, in no scope. */
  icsWithoutNode: z.array(z.strictObject({ code: organisationCode, name: z.string().min(1), region: z.string() })),
  agreements: z.array(agreementSchema),
});

export type Member = z.infer<typeof memberSchema>;
export type Agreement = z.infer<typeof agreementSchema>;
export type Manifest = z.infer<typeof manifestSchema>;
