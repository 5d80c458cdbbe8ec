import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";

import { SignJWT } from "jose";

import { DEMO_CALLER } from "../../node/cli/mesh/demo-caller.ts";

const ISSUER = "https://epr.example";

export interface TokenOrder {
  /** Seconds. */
  readonly lives?: number;
  readonly signedBy?: KeyObject;
  readonly door?: string;
}

/** An application whose tokens a door for FHIR believes. */
export interface FhirTokens {
  /** What the node's settings say of it. */
  readonly settings: readonly object[];
  /** A token of the application's, for an emergency clinician, with other claims where given. */
  tokenOf(more?: Record<string, unknown>, order?: TokenOrder): Promise<string>;
}

/**
 * @param jwks where its public keys are written.
 * @param usualDoor id of the node for which tokens are made.
 */
export function makeFhirTokens(jwks: string, usualDoor: string, domain = "trial.corridor.example"): FhirTokens {
  const pair = generateKeyPairSync("ed25519");
  const published = { ...pair.publicKey.export({ format: "jwk" }), kid: "one", alg: "EdDSA" };
  writeFileSync(jwks, JSON.stringify({ keys: [published] }));
  return {
    settings: [{ caller: DEMO_CALLER.name, issuer: ISSUER, jwks }],
    tokenOf(more = {}, { lives = 120, signedBy = pair.privateKey, door = usualDoor } = {}) {
      const claims = {
        nhsid_useruid: "555000000001",
        nhsid_nrbac_roles: [{ person_roleid: "1", org_code: "RRK", role_code: "S8000:G8000:R8000" }],
        ...{ authentication_assurance_level: "3", setting: "emergency", purpose_of_use: "TREAT" },
        ...{ relationship: { kind: "attendance", reference: "ED-17" }, reason: "In resus" },
        ...more,
      };
      const now = Math.floor(Date.now() / 1_000);
      return new SignJWT(claims)
        .setProtectedHeader({ alg: "EdDSA", kid: "one" })
        .setIssuer(ISSUER)
        .setSubject("epr")
        .setAudience(`https://${door}.${domain}/fhir`)
        .setIssuedAt(now)
        .setExpirationTime(now + lives)
        .sign(signedBy);
    },
  };
}
