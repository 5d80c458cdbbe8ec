import { createHash, generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { createLocalJWKSet, jwtVerify, SignJWT } from "jose";

/** What the double does otherwise than it should. */
export interface EhrFaults {
  /** Claims of its id tokens, changed. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** The Patient that it gives. */
  readonly patient?: object;
  /** Of the id token, instead of this application. */
  readonly audience?: string;
  /** Of the id token, instead of the one that was asked with. */
  readonly nonce?: string;
  /** Signs id tokens with another key than it publishes. */
  readonly forged?: boolean;
  /** Says no encounter. */
  readonly noEncounter?: boolean;
}

/**
 * A double of an EPR that launches by SMART on FHIR, written from SMART App Launch 2.2: it checks all that the guide lets an EPR
 * check (client assertion, PKCE, redirect, audience), and signs its one user in without asking.
 */
export interface EhrDouble {
  /** Its FHIR address. */
  readonly issuer: string;
  /** What it was asked, by path. */
  readonly asked: string[];
  behave(faults: EhrFaults): void;
  close(): Promise<void>;
}

interface Asked {
  readonly challenge: string;
  readonly nonce: string;
  readonly redirect: string;
}

const LAUNCH = "launch-1";
const ACCESS_TOKEN = "access-1";

export async function startEhrDouble(order: {
  readonly clientId: string;
  readonly clientKey: KeyObject;
  readonly redirect: string;
  readonly patient: object;
}): Promise<EhrDouble> {
  const [own, other] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
  const published = { ...own.publicKey.export({ format: "jwk" }), kid: "ehr", alg: "EdDSA", use: "sig" };
  const clientKeys = createLocalJWKSet({ keys: [{ ...order.clientKey.export({ format: "jwk" }), kty: "RSA" }] });
  const codes = new Map<string, Asked>();
  const asked: string[] = [];
  let faults: EhrFaults = {};
  let issuer = "";

  function authorise(query: URLSearchParams, response: ServerResponse): void {
    const wants = (name: string): string => query.get(name) ?? "";
    const isRight =
      wants("response_type") === "code" &&
      wants("client_id") === order.clientId &&
      wants("redirect_uri") === order.redirect &&
      wants("launch") === LAUNCH &&
      wants("aud") === issuer &&
      wants("code_challenge_method") === "S256" &&
      wants("scope").split(" ").includes("launch");
    if (!isRight) return void response.writeHead(400).end("not as SMART has it");
    const code = `code-${codes.size + 1}`;
    codes.set(code, { challenge: wants("code_challenge"), nonce: wants("nonce"), redirect: wants("redirect_uri") });
    const back = new URL(order.redirect);
    back.search = new URLSearchParams({ code, state: wants("state") }).toString();
    response.writeHead(302, { location: back.href }).end();
  }

  async function giveTokens(form: URLSearchParams, response: ServerResponse): Promise<void> {
    const wants = (name: string): string => form.get(name) ?? "";
    const known = codes.get(wants("code"));
    codes.delete(wants("code"));
    const challenge = createHash("sha256").update(wants("code_verifier")).digest("base64url");
    const isRight = known?.challenge === challenge && known.redirect === wants("redirect_uri");
    const { payload } = await jwtVerify(wants("client_assertion"), clientKeys, { clockTolerance: 5 });
    if (!isRight || payload.iss !== order.clientId || payload.sub !== order.clientId) {
      return void response.writeHead(400).end('{"error":"invalid_grant"}');
    }
    const id = await new SignJWT({
      nhsid_useruid: "555000000001",
      nhsid_nrbac_roles: [{ person_roleid: "1", org_code: "RRK", role_code: "S8000:G8000:R8000" }],
      ...{ authentication_assurance_level: "3", nonce: faults.nonce ?? known.nonce, ...faults.claims },
    })
      .setProtectedHeader({ alg: "EdDSA", kid: "ehr" })
      .setIssuer(issuer)
      .setSubject("user-1")
      .setAudience(faults.audience ?? order.clientId)
      .setIssuedAt()
      .setExpirationTime("5m")
      .sign(faults.forged === true ? other.privateKey : own.privateKey);
    const context = { patient: "p-1", ...(faults.noEncounter !== true && { encounter: "enc-17" }) };
    const tokens = { access_token: ACCESS_TOKEN, token_type: "Bearer", expires_in: 300, id_token: id, ...context };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(tokens));
  }

  function giveJson(response: ServerResponse, body: object): void {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://127.0.0.1");
    asked.push(pathname);
    switch (pathname) {
      case "/r4/.well-known/smart-configuration":
        return giveJson(response, {
          ...{ issuer, jwks_uri: `${issuer}/jwks`, capabilities: ["launch-ehr", "client-confidential-asymmetric"] },
          ...{ authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` },
          code_challenge_methods_supported: ["S256"],
          id_token_signing_alg_values_supported: ["EdDSA"],
        });
      case "/r4/jwks":
        return giveJson(response, { keys: [published] });
      case "/r4/authorize":
        return authorise(searchParams, response);
      case "/r4/token":
        return giveTokens(new URLSearchParams(await textOf(request)), response);
      case "/r4/Patient/p-1":
        if (request.headers.authorization !== `Bearer ${ACCESS_TOKEN}`) return void response.writeHead(401).end();
        return giveJson(response, faults.patient ?? order.patient);
      default:
        return void response.writeHead(404).end();
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.writeHead(400).end('{"error":"invalid_client"}'));
  });
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}/r4`;
  return {
    ...{ issuer, asked },
    behave: (next) => void (faults = next),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** What the EPR's own user does: opens the page from the patient's record. */
export function launchOf(address: string, issuer: string, launch = LAUNCH): string {
  return `${address}/smart/launch?${new URLSearchParams({ iss: issuer, launch }).toString()}`;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of request) text += String(part);
  return text;
}
