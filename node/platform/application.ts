import { createPrivateKey, type KeyObject } from "node:crypto";

import { readPrivateKey } from "../../certs/key-file.ts";
import type { Clock } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { OrganisationCode } from "../base/words.ts";
import type { Asking } from "./asking.ts";
import { type Fetch, makeHttp } from "./http.ts";
import { makeSignedJwtTokens } from "./tokens.ts";

/** Longest that one request may take, its answer included. */
const WITHIN_MS = 5_000;

/** The application as which a node is known to the platform, with its files. */
export interface ApplicationOrder {
  readonly tokenUrl: URL;
  readonly keyId: string;
  readonly apiKeyPath: string;
  readonly privateKeyPath: string;
}

/** What an application is handed instead of reaching for it. */
export interface ApplicationParts {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * As whom one service is asked: this application, for an organisation. Nothing is asked yet.
 *
 * @param url of the service: besides the tokens' the only host that is asked.
 * @throws {Failure} `configuration`: a file cannot be read, others may read it, or it is not what it should be.
 */
export function openApplication(
  { tokenUrl, keyId, apiKeyPath, privateKeyPath }: ApplicationOrder,
  { url, organisation }: { readonly url: URL; readonly organisation: OrganisationCode },
  { fetch, clock, random }: ApplicationParts,
): Asking {
  const http = makeHttp({ fetch, clock, hosts: [url.host, tokenUrl.host], withinMs: WITHIN_MS });
  const apiKey = readApiKey(apiKeyPath);
  const privateKey = readRsaKey(privateKeyPath);
  const tokens = makeSignedJwtTokens({ tokenUrl, apiKey, keyId, privateKey, http, clock, random });
  return { organisation, http, tokens, random };
}

function readApiKey(path: string): Concealed<string> {
  const text = readPrivateKey(path).trim();
  if (/^[\x21-\x7e]{1,200}$/.test(text)) return new Concealed(text);
  throw new Failure("configuration", `${path} does not hold an API key: one line, without spaces.`, { where: path });
}

function readRsaKey(path: string): KeyObject {
  const pem = readPrivateKey(path);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "rsa") return key;
  } catch {
    // Said below: what OpenSSL says of a key is for nobody's log.
  }
  throw new Failure("configuration", `${path} does not hold an RSA private key in PEM.`, { where: path });
}
