import { createPrivateKey, type KeyObject } from "node:crypto";

import { readPrivateKey } from "../../certs/key-file.ts";
import type { Clock } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { OrganisationCode } from "../base/words.ts";
import type { Pds } from "./pds.ts";
import { makePdsClient } from "./pds-client.ts";
import { type Fetch, makeHttp } from "./pds-http.ts";
import { makeSignedJwtTokens } from "./pds-token.ts";

/** Longest that one request may take, its answer included. */
const WITHIN_MS = 5_000;

/** How the service is asked, and with which files. */
export interface PdsOrder {
  readonly url: URL;
  readonly tokenUrl: URL;
  readonly organisation: OrganisationCode;
  readonly keyId: string;
  readonly apiKeyPath: string;
  readonly privateKeyPath: string;
}

/**
 * The demographics service as a node's settings have it. Nothing is asked yet.
 *
 * @throws {Failure} `configuration`: a file cannot be read, others may read it, or it is not what it should be.
 */
export function openPds(
  { url, tokenUrl, organisation, keyId, apiKeyPath, privateKeyPath }: PdsOrder,
  { fetch, clock, random }: { readonly fetch: Fetch; readonly clock: Clock; readonly random: Random },
): Pds {
  const http = makeHttp({ fetch, clock, hosts: [url.host, tokenUrl.host], withinMs: WITHIN_MS });
  const apiKey = readApiKey(apiKeyPath);
  const privateKey = readRsaKey(privateKeyPath);
  const tokens = makeSignedJwtTokens({ tokenUrl, apiKey, keyId, privateKey, http, clock, random });
  return makePdsClient({ baseUrl: url, organisation, http, tokens, random });
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
