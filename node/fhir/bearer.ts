import { hash } from "node:crypto";

import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import { z } from "zod";

import { readPublicPem } from "../../certs/key-file.ts";
import { actingRoleOf, signInSchema } from "../access/national-sign-in.ts";
import { Failure } from "../base/failure.ts";
import { checkClaimHoldsNoNumber } from "../base/claim-numbers.ts";
import type { Clock } from "../base/clock.ts";
import type { Claim } from "../base/question.ts";
import { type OrganisationCode, PURPOSES, RELATIONSHIP_KINDS, SETTINGS } from "../base/words.ts";
import { Refusal } from "./outcome.ts";
import type { Caller } from "./routes.ts";

/** Whose tokens are believed: those of one application, signed with its own keys. */
export interface TokenIssuer {
  /** Name of the caller's certificate by which they come. */
  readonly caller: string;
  readonly issuer: string;
  readonly keys: JSONWebKeySet;
}

/**
 * Reads the public keys of the applications whose tokens are believed.
 *
 * @throws {Failure} `configuration`: a file cannot be read, or is no key set.
 */
export function readIssuers(
  settings: readonly { readonly caller: string; readonly issuer: string; readonly jwksPath: string }[],
): readonly TokenIssuer[] {
  return settings.map(({ caller, issuer, jwksPath }) => {
    const parsed = keySetSchema.safeParse(parseJson(readPublicPem(jwksPath)));
    if (parsed.success) return { caller, issuer, keys: parsed.data };
    throw new Failure("configuration", `${jwksPath} is not a JSON Web Key Set of public keys.`, { where: jwksPath });
  });
}

/** Public keys alone: a private one lies in the wrong place. */
const keySetSchema = z.object({
  keys: z
    .array(z.looseObject({ kty: z.enum(["RSA", "EC", "OKP"]) }).refine((key) => !("d" in key)))
    .min(1)
    .max(20),
});

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const TOKEN_CHARACTERS_MAX = 6_000;
/** A token is made for the moment: none lives longer. */
const LIVES_SECONDS_MAX = 300;
const CLOCK_SECONDS_MAX = 60;
/** Asymmetric ones alone: the node knows no application's secret. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/**
 * What a token says: who asks, by the claims of the national sign-in, and why, by this door's own. Without `nhsid_useruid` it
 * is the application itself that asks, by itself.
 */
const tokenSchema = signInSchema.extend({
  sub: z.string().min(1).max(100),
  setting: z.enum(SETTINGS),
  purpose_of_use: z.string().max(20).default("TREAT"),
  relationship: z.object({ kind: z.enum(RELATIONSHIP_KINDS), reference: z.string().max(100).optional() }),
  reason: z.string().max(500).optional(),
});

export type ReadClaim = (headers: Headers, caller: Caller) => Promise<Claim>;

/**
 * Reads who asks, and why, from a request's bearer token.
 *
 * @param audience as the token must name this door.
 * @throws {Refusal} 401: none, not this application's, out of date, or not made for this door; 403: it speaks for another
 * organisation than the request; 400: it does not say all that is needed.
 */
export function makeBearerReader(issuers: readonly TokenIssuer[], audience: string, clock: Clock): ReadClaim {
  const proven = new ProvenTokens(clock);
  const known = new Map(issuers.map(({ caller, issuer, keys }) => [caller, { issuer, keys: createLocalJWKSet(keys) }]));
  return async (headers, { name }) => {
    const trusted = known.get(name);
    const token = /^Bearer ([A-Za-z0-9_.-]+)$/.exec(headers.get("authorization") ?? "")?.[1];
    if (trusted === undefined) throw unauthorised("No tokens are agreed with this application: see fhir.tokens.");
    if (token === undefined || token.length > TOKEN_CHARACTERS_MAX)
      throw unauthorised("Send Authorization: Bearer TOKEN.");
    const claim = proven.find(name, token) ?? proven.keep(name, token, await read(token, trusted, audience, clock));
    checkOrganisation(headers, claim.organisation);
    return claim;
  };
}

/** What a token says, and when it was made and ends, in seconds since the epoch. */
interface Read {
  readonly claim: Claim;
  readonly iat: number;
  readonly exp: number;
}

async function read(token: string, trusted: Trusted, audience: string, clock: Clock): Promise<Read> {
  const payload = await verified(token, trusted, audience, clock);
  const parsed = tokenSchema.safeParse(payload);
  if (!parsed.success) throw incomplete(parsed.error);
  const claim = toClaim(parsed.data);
  checkClaimHoldsNoNumber(claim);
  return { claim, iat: payload.iat!, exp: payload.exp! };
}

/** Tokens that are remembered at once; the oldest goes first. */
const PROVEN_MAX = 1_000;

/**
 * Tokens whose signature was found right, until they end: a user's application sends one token with many requests, and each
 * check of a signature costs as much as a look-up. Kept by their hashes; who comes with a token is still read each time.
 */
class ProvenTokens {
  readonly #clock: Clock;
  readonly #proven = new Map<string, { readonly claim: Claim; readonly fromMs: number; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(caller: string, token: string): Claim | undefined {
    const held = this.#proven.get(keyOf(caller, token));
    const nowMs = this.#clock.wallMs();
    return held !== undefined && held.fromMs <= nowMs && nowMs < held.untilMs ? held.claim : undefined;
  }

  keep(caller: string, token: string, { claim, iat, exp }: Read): Claim {
    const untilMs = Math.min(exp, iat + LIVES_SECONDS_MAX) * 1_000;
    this.#proven.set(keyOf(caller, token), { claim, fromMs: this.#clock.wallMs(), untilMs });
    for (const oldest of this.#proven.keys()) {
      if (this.#proven.size <= PROVEN_MAX) break;
      this.#proven.delete(oldest);
    }
    return claim;
  }
}

function keyOf(caller: string, token: string): string {
  return hash("sha256", `${caller}\n${token}`, "base64url");
}

interface Trusted {
  readonly issuer: string;
  readonly keys: ReturnType<typeof createLocalJWKSet>;
}

async function verified(token: string, { issuer, keys }: Trusted, audience: string, clock: Clock): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      ...{ issuer, audience, algorithms: ALGORITHMS, clockTolerance: CLOCK_SECONDS_MAX },
      ...{
        currentDate: new Date(clock.wallMs()),
        maxTokenAge: LIVES_SECONDS_MAX,
        requiredClaims: ["exp", "iat", "sub"],
      },
    });
    if (payload.exp! - payload.iat! > LIVES_SECONDS_MAX)
      throw unauthorised("The token lives longer than five minutes.");
    return payload;
  } catch (thrown) {
    if (thrown instanceof Refusal) throw thrown;
    if (thrown instanceof errors.JWTExpired) throw unauthorised("The token has expired: make one for each use.");
    const at = thrown instanceof errors.JWTClaimValidationFailed ? `: ${thrown.claim}` : "";
    throw unauthorised(`The token is not one of this application's for this door${at}.`);
  }
}

function toClaim(said: z.infer<typeof tokenSchema>): Claim {
  const user = said.nhsid_useruid;
  const acting = actingRoleOf(said);
  if ("wrong" in acting) throw badToken(acting.wrong);
  const { relationship, reason, setting, purpose_of_use: purpose } = said;
  const { kind, reference } = relationship;
  return {
    userId: user ?? said.sub,
    ...{ ...acting, setting },
    purpose: PURPOSES.find((known) => known === purpose) ?? "OTHER", // asked all the same, so that the refusal is audited
    relationship: { kind, ...(reference !== undefined && { reference }) },
    trigger: user === undefined ? "automatic" : "person",
    ...(reason !== undefined && { reason }),
  };
}

/** NRL's header, where it is sent, must agree with the token. */
function checkOrganisation(headers: Headers, organisation: OrganisationCode): void {
  const said = headers.get("nhsd-end-user-organisation-ods");
  if (said === null || said === organisation) return;
  throw new Refusal(403, "forbidden", "NHSD-End-User-Organisation-ODS is not the organisation of the token's role.");
}

function unauthorised(text: string): Refusal {
  return new Refusal(401, "login", text, { headers: { "www-authenticate": "Bearer" } });
}

function badToken(what: string): Refusal {
  return new Refusal(400, "invalid", `The token: ${what}.`);
}

function incomplete(error: z.ZodError): Refusal {
  const [issue] = error.issues;
  return badToken(`${issue?.path.join(".") || "its claims"} is missing or not as it should be`);
}
