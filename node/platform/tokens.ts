import type { KeyObject } from "node:crypto";

import { SignJWT } from "jose";
import { z } from "zod";

import type { Clock } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { Http } from "./http.ts";

/** Where access tokens come from. */
export interface Tokens {
  /**
   * A token that is good for a while yet.
   *
   * @throws {Failure} `timed-out`, `unreachable`, `not-authenticated`: there is none now.
   */
  current(): Promise<Concealed<string>>;
  /** A service did not take it: the next one is a new one. */
  forget(): void;
}

/** The platform takes no assertion that lives longer. */
const ASSERTION_SECONDS = 300;
/** A token that is about to end is not used any more: it would end under way. */
const KEPT_BACK_MS = 30_000;

export interface SignedJwtOrder {
  /** The platform's token endpoint; also the assertion's audience. */
  readonly tokenUrl: URL;
  /** The application's key, as the platform calls its id. */
  readonly apiKey: Concealed<string>;
  /** Of the public key that the platform knows. */
  readonly keyId: string;
  /** RSA. */
  readonly privateKey: KeyObject;
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Random;
}

const tokenSchema = z.object({ access_token: z.string().min(1).max(8_192), expires_in: z.coerce.number().positive() });

/**
 * Access tokens for an application without users, by a signed assertion (RS512), as the NHS API platform has it: OAuth 2.0
 * client credentials. One token is fetched at a time and used until shortly before its end.
 */
export function makeSignedJwtTokens(order: SignedJwtOrder): Tokens {
  let held: { readonly token: Concealed<string>; readonly untilMs: number } | undefined;
  let fetching: Promise<Concealed<string>> | undefined;

  async function fetchToken(): Promise<Concealed<string>> {
    const { clock, http, tokenUrl } = order;
    const startedMs = clock.monotonicMs();
    const body = new URLSearchParams({
      grant_type: "client_credentials",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: await signAssertion(order),
    });
    const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
    const answer = await http({ url: tokenUrl, method: "POST", headers, body: body.toString() });
    const parsed = tokenSchema.safeParse(answer.body);
    if (answer.status !== 200 || !parsed.success) throw refused(answer.status, tokenUrl.host);
    const token = new Concealed(parsed.data.access_token);
    held = { token, untilMs: startedMs + parsed.data.expires_in * 1_000 - KEPT_BACK_MS };
    return token;
  }

  return {
    async current() {
      if (held !== undefined && order.clock.monotonicMs() < held.untilMs) return held.token;
      fetching ??= fetchToken().finally(() => {
        fetching = undefined;
      });
      return fetching;
    },
    forget() {
      held = undefined;
    },
  };
}

async function signAssertion({ apiKey, keyId, privateKey, tokenUrl, clock, random }: SignedJwtOrder): Promise<string> {
  const nowSeconds = Math.floor(clock.wallMs() / 1_000);
  return new SignJWT({})
    .setProtectedHeader({ alg: "RS512", typ: "JWT", kid: keyId })
    .setIssuer(apiKey.expose())
    .setSubject(apiKey.expose())
    .setAudience(tokenUrl.href)
    .setJti(random.uuid())
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + ASSERTION_SECONDS)
    .sign(privateKey);
}

function refused(status: number, host: string): Failure {
  if (status >= 500 || status === 429) {
    return new Failure("unreachable", `${host} gave no access token (HTTP ${status}): ask again later.`, {
      where: host,
    });
  }
  const remedy = "check the application's key, its key id, and this machine's clock";
  return new Failure("not-authenticated", `${host} gave no access token (HTTP ${status}): ${remedy}.`, { where: host });
}
