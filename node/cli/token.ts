import { createPrivateKey } from "node:crypto";

import { Command, Option } from "commander";
import { SignJWT } from "jose";

import { readPrivateKey } from "../../certs/key-file.ts";
import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { Claim } from "../base/question.ts";
import { type ClaimOptions, parseClaim, withClaimOptions } from "./claim-options.ts";
import { reporting } from "./exit.ts";
import { MESH_DIR } from "./mesh/mesh-file.ts";
import { readTokenFile, type TokenFile } from "./mesh/token-file.ts";

interface TokenOptions extends ClaimOptions {
  readonly key?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly mesh: string;
}

/** Seconds; a door believes none that lives longer than five minutes. */
const LIVES_SECONDS = 300;

/** Levels of the national sign-in: 3 is a smartcard or its like. */
const LEVEL_OF = { smartcard: "3", "two-factor": "2", local: "1" } as const satisfies Record<
  Claim["assurance"],
  string
>;

/** `corridor token`: a bearer token for a node's door for FHIR, as an application would sign it. For trying a door out. */
export function tokenCommand(clock: Clock): Command {
  const command = new Command("token").description(
    "sign a bearer token for a node's FHIR door, good for five minutes: who asks, and why",
  );
  return withClaimOptions(command)
    .addOption(new Option("--key <file>", "the application's private key, PEM (default: the sandbox's)"))
    .option("--issuer <url>", "iss, as the node's settings have it (default: the sandbox's)")
    .option("--audience <url>", "aud, https://NODE.DOMAIN/fhir (default: the sandbox's)")
    .option("--mesh <dir>", "folder of the mesh on this machine", MESH_DIR)
    .action((options: TokenOptions) =>
      reporting(async () => console.log(await sign(parseClaim(options), signerOf(options), clock))),
    );
}

function signerOf({ key, issuer, audience, mesh }: TokenOptions): TokenFile {
  if (key === undefined && issuer === undefined && audience === undefined) return readTokenFile(mesh);
  if (key !== undefined && issuer !== undefined && audience !== undefined) return { key, issuer, audience };
  throw new Failure("invalid-input", "Give all of --key, --issuer and --audience, or none of them.");
}

async function sign(claim: Claim, { key, issuer, audience }: TokenFile, clock: Clock): Promise<string> {
  const { userId, role, organisation, setting, purpose, relationship, reason, assurance } = claim;
  const now = Math.floor(clock.wallMs() / 1_000);
  const privateKey = createPrivateKey(readPrivateKey(key));
  return new SignJWT({
    nhsid_useruid: userId,
    nhsid_nrbac_roles: [{ person_roleid: "1", org_code: organisation, role_code: role }],
    authentication_assurance_level: LEVEL_OF[assurance],
    ...{ setting, purpose_of_use: purpose, relationship, reason },
  })
    .setProtectedHeader({ alg: algorithmOf(privateKey.asymmetricKeyType) })
    .setIssuer(issuer)
    .setSubject("corridor token")
    .setAudience(audience)
    .setIssuedAt(now)
    .setExpirationTime(now + LIVES_SECONDS)
    .sign(privateKey);
}

/** @throws {Failure} `invalid-input`: tokens are not signed with such a key. */
function algorithmOf(type: string | undefined): string {
  const algorithm = { ed25519: "EdDSA", rsa: "PS256", ec: "ES256" }[type ?? ""];
  if (algorithm !== undefined) return algorithm;
  throw new Failure("invalid-input", "--key must be an Ed25519, RSA or EC (P-256) key.");
}
