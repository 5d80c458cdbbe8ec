import { type KeyObject, createPrivateKey, createPublicKey } from "node:crypto";

import { CompactSign, compactVerify, errors } from "jose";
import { z } from "zod";

import { Failure } from "../node/base/failure.ts";

/**
 * The directory of a network, as one signed document: who is a member, where, under which issuing authority, with which
 * key, and who has agreed what with whom. A node is an authority only about itself; the manifest says who is a node.
 */

const nodeId = z.string().regex(/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])$/, "2 to 40 lower-case letters, digits, hyphens");
const organisationCode = z
  .string()
  .regex(/^(?:[A-Z0-9]{3,10}|X-NO-ODS-[A-Z0-9-]{1,60})$/, "an ODS code, or a placeholder X-NO-ODS-…");
const day = z.iso.date();
/** 256 KiB in base64. */
const CRL_TEXT_MAX = 349_528;
/** 6 KiB in base64: an authority's certificate takes a quarter of it. */
const CERTIFICATE_TEXT_MAX = 8_192;

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
  /** Members whose areas border on this one. */
  neighbours: z.array(nodeId).max(64).optional(),
  status: z.enum(["live", "joining", "suspended", "left"]),
});

export const agreementSchema = z
  .strictObject({
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
    /** Keys of record types, or ["all"]; may be empty where there are datasets. */
    recordTypes: z.array(z.string()),
    /** Named sets of record types and fields (`node/base/datasets.ts`), each for role groups of its own. Absent: none. */
    datasets: z
      .array(
        z.strictObject({
          dataset: z.string().min(1),
          /** Role groups, or ["all"]. */
          roleGroups: z.array(z.string()).min(1),
          /** Keys of its fields, or ["all"]. */
          fields: z.array(z.string()).min(1),
        }),
      )
      .min(1)
      .optional(),
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
  })
  .refine(({ recordTypes, datasets }) => recordTypes.length > 0 || datasets !== undefined, {
    path: ["recordTypes"],
    message: "names neither record types nor datasets",
  });

/** Who has agreed to filters that say whose people they are (`node/presence/DESIGN.md`). */
const presenceSchema = z.strictObject({
  /** Reference of the data protection impact assessment of these filters. */
  dpia: z.string().min(1),
  /** Caldicott Guardians, by their member: nothing is shared between two of whom not both have signed. */
  signOffs: z
    .array(z.strictObject({ member: nodeId, guardian: z.string().min(1), signedOn: day }))
    .min(2, "the Caldicott Guardians of two members at least"),
});

const manifestShape = z.strictObject({
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
  /** Whom a question goes to: every member with an agreement, or those whose filter does not rule the patient out. */
  routing: z.enum(["ask-all", "presence-filter"]),
  /** Needed for `presence-filter`. */
  presence: presenceSchema.optional(),
  members: z.array(memberSchema).min(1).superRefine(eachOnce),
  /** ICSs of the directory without a node: listed in every answer, in no scope. */
  icsWithoutNode: z.array(z.strictObject({ code: organisationCode, name: z.string().min(1), region: z.string() })),
  agreements: z.array(agreementSchema).superRefine(eachOnce),
  /** Revocation lists of the network's authorities, DER in base64: at most one of each. Absent: nobody is revoked. */
  crls: z.array(z.base64().max(CRL_TEXT_MAX)).max(64).optional(),
  /**
   * Whom the network believes: its roots, and each collaborative's issuing authorities, DER in base64 (`certs/authorities.ts`).
   * Absent: whom each node's own trust file names, and each member's `issuingCa` alone.
   */
  authorities: z
    .array(
      z.strictObject({
        certificate: z.base64().max(CERTIFICATE_TEXT_MAX),
        collaborative: nodeId.optional(),
        state: z.enum(["prepared", "active", "tainted", "revoked"]),
      }),
    )
    .max(200)
    .optional(),
  /**
   * Raw Ed25519 public keys, base64url, of those of whom one must approve where the next manifest takes away more than a
   * fifth of the live members, or changes this list. Absent: nobody can, and no such step is taken but the first naming.
   */
  approvers: z
    .array(z.string().regex(/^[A-Za-z0-9_-]{43}$/))
    .max(8)
    .optional(),
});

export const manifestSchema = manifestShape.refine(
  ({ routing, presence }) => routing === "ask-all" || presence !== undefined,
  {
    path: ["routing"],
    message:
      "presence-filter needs presence: a DPIA's reference, and the sign-off of the Caldicott Guardians of both sides",
  },
);

/** Two entries of one id would make it a matter of chance which of them is in force. */
function eachOnce(entries: readonly { id: string }[], context: z.RefinementCtx): void {
  for (const [index, { id }] of entries.entries()) {
    if (entries.findIndex((entry) => entry.id === id) === index) continue;
    context.addIssue({ code: "custom", path: [index, "id"], message: `'${id}' is there twice` });
  }
}

export type Member = z.infer<typeof memberSchema>;
export type Agreement = z.infer<typeof agreementSchema>;
export type Manifest = z.infer<typeof manifestSchema>;

/** The signed document's type: an assertion or a verdict can never be taken for a manifest. */
const MANIFEST_TYPE = "corridor-manifest+jws";
const MANIFEST_ALGORITHM = "EdDSA";
/** Room for every ICS of England with every agreement between two of them, many times over. */
export const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;

/** Older than this warns, and shows in every verdict. */
export const MANIFEST_AGEING_MS = 24 * 3_600_000;
/** Older than this, peers are refused. */
export const MANIFEST_STALE_MS = 14 * MANIFEST_AGEING_MS;
/** A manifest issued further than this in the future is refused: one of the two clocks is wrong. */
export const MANIFEST_FUTURE_MS = 5 * 60_000;

export type ManifestState = "fresh" | "ageing" | "stale";

/** How far a manifest of this age may still be relied on. */
export function manifestState(ageMs: number): ManifestState {
  if (ageMs < MANIFEST_AGEING_MS) return "fresh";
  return ageMs < MANIFEST_STALE_MS ? "ageing" : "stale";
}

/**
 * Signs a manifest with the authority's Ed25519 key (PEM, private).
 *
 * @returns a compact JWS.
 * @throws {Failure} `invalid-input`: the manifest is not well formed; every fault is named.
 * @throws {Failure} `configuration`: the key is not an Ed25519 key.
 */
export async function signManifest(manifest: Manifest, privateKeyPem: string): Promise<string> {
  const payload = new TextEncoder().encode(JSON.stringify(parseManifest(manifest)));
  const jws = await new CompactSign(payload)
    .setProtectedHeader({ alg: MANIFEST_ALGORITHM, typ: MANIFEST_TYPE })
    .sign(ed25519Key(() => createPrivateKey(privateKeyPem)));
  if (jws.length > MANIFEST_BYTES_MAX) {
    throw new Failure("invalid-input", `The manifest is over ${MANIFEST_BYTES_MAX} bytes when signed.`);
  }
  return jws;
}

/**
 * Reads a signed manifest.
 *
 * @param publicKeyPem the authority's Ed25519 key: the only one that is accepted, whatever the document says of itself.
 * @throws {Failure} `not-authenticated`: not a manifest signed with that key.
 * @throws {Failure} `incompatible`: its format is not known here.
 * @throws {Failure} `invalid-input`: signed, but not well formed; every fault is named.
 * @throws {Failure} `configuration`: the key is not an Ed25519 key.
 */
export async function verifyManifest(jws: string, publicKeyPem: string): Promise<Manifest> {
  const key = ed25519Key(() => createPublicKey(publicKeyPem));
  if (jws.length > MANIFEST_BYTES_MAX) throw notSigned(`it is over ${MANIFEST_BYTES_MAX} bytes`);
  return parseManifest(await readSigned(jws, key));
}

/**
 * Reads a signed manifest without its key, to show it to a person. Nothing may rely on it.
 *
 * @throws {Failure} `not-authenticated`: it is not a signed document at all.
 */
export function readUnverified(jws: string): Manifest {
  const [, payload, signature] = signedLine(jws).split(".");
  if (payload === undefined || signature === undefined) throw notSigned("it is not a compact JWS");
  return parseManifest(parseJson(Buffer.from(payload, "base64url")));
}

/** A manifest's file begins with it; approvals may follow (`manifest-approval.ts`). */
function signedLine(file: string): string {
  return file.trim().split("\n", 1)[0]!.trim();
}

/** Verifies first; nothing is parsed that is not signed. */
async function readSigned(jws: string, key: KeyObject): Promise<unknown> {
  const { payload, protectedHeader } = await compactVerify(signedLine(jws), key, {
    algorithms: [MANIFEST_ALGORITHM],
  }).catch((thrown: unknown) => {
    throw notSigned(reasonOf(thrown), thrown);
  });
  if (protectedHeader.typ !== MANIFEST_TYPE) throw notSigned("it is another kind of document");
  return parseJson(payload);
}

function parseJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch (thrown) {
    throw new Failure("invalid-input", "The manifest is signed, but it is not JSON.", { cause: thrown });
  }
}

/**
 * Reads a manifest that nobody vouches for: before it is signed, or to show it to a person.
 *
 * @throws {Failure} `incompatible` or `invalid-input`; see {@link verifyManifest}.
 */
export function parseManifest(value: unknown): Manifest {
  const format = z.looseObject({ format: z.unknown() }).safeParse(value).data?.format;
  if (typeof format === "number" && format !== 1) {
    throw new Failure("incompatible", `The manifest has format ${format}; this version knows format 1. Upgrade first.`);
  }
  const { data, error } = manifestSchema.safeParse(value);
  if (data !== undefined) return data;
  const faults = error.issues.map((issue) => `${issue.path.join(".") || "manifest"}: ${issue.message}`);
  throw new Failure("invalid-input", `The manifest is not well formed. ${faults.join("; ")}`);
}

function ed25519Key(read: () => KeyObject): KeyObject {
  const key = attempt(read);
  if (key?.asymmetricKeyType === "ed25519") return key;
  throw new Failure(
    "configuration",
    "The manifest's key must be an Ed25519 key in PEM (corridor certs init makes one).",
  );
}

function attempt(read: () => KeyObject): KeyObject | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function notSigned(reason: string, cause?: unknown): Failure {
  return new Failure("not-authenticated", `The manifest is not one signed by the network's authority: ${reason}.`, {
    cause,
  });
}

function reasonOf(thrown: unknown): string {
  if (thrown instanceof errors.JWSSignatureVerificationFailed) return "the signature does not match this key";
  if (thrown instanceof errors.JOSEAlgNotAllowed) return `its algorithm is not ${MANIFEST_ALGORITHM}`;
  return "it is not a compact JWS";
}
