import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";

import { SignJWT } from "jose";

import type { Claim } from "../base/question.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { makeBearerReader } from "./bearer.ts";
import { Refusal } from "./outcome.ts";

const AUDIENCE = "https://ash.example/fhir";
const ISSUER = "https://epr.example";
const RIGHTS = { roles: [], settings: [], organisations: [], feed: false, operate: false, sandbox: false } as const;

describe("a bearer token that comes with many requests", () => {
  const pair = generateKeyPairSync("ed25519");
  const jwk = { ...pair.publicKey.export({ format: "jwk" }), kty: "OKP", alg: "EdDSA" } as const;

  function aDoor() {
    const clock = makeFakeClock();
    const issuer = (caller: string) => ({ caller, issuer: ISSUER, keys: { keys: [jwk] } });
    const other = { ...issuer("other"), issuer: "https://other.example" };
    const readClaim = makeBearerReader([issuer("epr"), other], AUDIENCE, clock);
    const read = (token: string, caller = "epr", headers: Record<string, string> = {}): Promise<Claim> =>
      readClaim(new Headers({ authorization: `Bearer ${token}`, ...headers }), { name: caller, rights: RIGHTS });
    const tokenOf = (lives = 120): Promise<string> => {
      const now = Math.floor(clock.wallMs() / 1_000);
      return new SignJWT({
        nhsid_useruid: "u1",
        nhsid_nrbac_roles: [{ person_roleid: "1", org_code: "RRK", role_code: "R8000" }],
        ...{ setting: "emergency", relationship: { kind: "attendance" }, reason: "x" },
      })
        .setProtectedHeader({ alg: "EdDSA" })
        .setIssuer(ISSUER)
        .setSubject("epr")
        .setAudience(AUDIENCE)
        .setIssuedAt(now)
        .setExpirationTime(now + lives)
        .sign(pair.privateKey);
    };
    return { clock, read, tokenOf };
  }
  const refused = (status: number) => (thrown: unknown) => thrown instanceof Refusal && thrown.status === status;

  it("says the same each time, until it ends", async () => {
    const { clock, read, tokenOf } = aDoor();
    const token = await tokenOf();
    const claim = await read(token);
    assert.equal(claim.userId, "u1");
    assert.deepEqual(await read(token), claim);
    await clock.advance(200_000); // its own two minutes, and one that clocks may differ by
    await assert.rejects(read(token), refused(401));
  });

  it("is another application's no more than it was, though it was found right before", async () => {
    const { read, tokenOf } = aDoor();
    const token = await tokenOf();
    await read(token);
    await assert.rejects(read(token, "other"), refused(401));
    await assert.rejects(read(token, "nobody"), refused(401));
    await assert.rejects(read(`${token.slice(0, -4)}AAAA`), refused(401), "nor is a like one");
  });

  it("is held against the organisation that each request names", async () => {
    const { read, tokenOf } = aDoor();
    const token = await tokenOf();
    await read(token, "epr", { "nhsd-end-user-organisation-ods": "RRK" });
    await assert.rejects(read(token, "epr", { "nhsd-end-user-organisation-ods": "RJ1" }), refused(403));
  });

  it("is not believed longer than five minutes from when it was made, whatever it says", async () => {
    const { read, tokenOf } = aDoor();
    await assert.rejects(read(await tokenOf(301)), refused(401));
  });
});
