import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { readCertificates } from "../../certs/pem.ts";
import { nodeDns, nodeUri } from "../../certs/profile.ts";
import { DOMAIN, type TestNetwork, forgeLeaf, makeTestNetwork } from "../../certs/testing/network.ts";
import { Failure } from "../../node/base/failure.ts";
import { seededRandom } from "../../node/base/random.ts";
import { authorisePeer, identifyPeer } from "../../node/trust/peer-identity.ts";
import type { Member } from "../../topology/manifest.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { whyNoOpenssl } from "./openssl.ts";

const run = promisify(execFile);
const PEER = "wm-cw";
const DAY_S = 86_400;

describe("a certificate's dates, by a clock that may be wrong", () => {
  let network: TestNetwork;
  before(async () => {
    network = await makeTestNetwork();
    writeFileSync(join(network.dir, "issuer.pem"), network.care.certificatePem);
    writeFileSync(join(network.dir, "root.pem"), network.authorities.rootPem);
  });
  after(() => network.remove());

  const title = "certificate windows under skew: what OpenSSL says at the node's own time";
  const cannot = whyNoOpenssl();
  catalogueRow({ id: "T3", title, quick: 12, full: 40, ...(cannot !== undefined && { cannot }) }, async (trials) => {
    const counts = { valid: 0, notYet: 0, expired: 0 };
    for (const trial of trials) {
      const random = seededRandom(trial + 1);
      const nowS = Math.floor(Date.now() / 1_000);
      const fromS = nowS + Math.floor((random.fraction() - 0.3) * DAY_S);
      const toS = fromS + 60 + Math.floor(random.fraction() * 2 * DAY_S);
      const leaf = await issue(fromS, toS);
      // At either end, to the second, and somewhere else.
      const times = [
        fromS - 1,
        fromS,
        toS - 1,
        toS,
        toS + 1,
        fromS + Math.floor((random.fraction() * 4 - 1.5) * DAY_S),
      ];
      for (const atS of times) {
        const ours = judge(leaf, atS);
        assert.equal(ours, await byOpenssl(trial, atS), `trial ${trial}: ${atS - fromS} s into ${toS - fromS} s`);
        counts[ours]++;
      }
    }
    assert.ok(Object.values(counts).every((count) => count > 0));
    return { counts };
  });

  async function issue(fromS: number, toS: number): Promise<string> {
    const names = { uris: [nodeUri(DOMAIN, PEER)], dns: [nodeDns(DOMAIN, PEER)] };
    const dates = { notBeforeMs: fromS * 1_000, notAfterMs: toS * 1_000 };
    const { cert } = await forgeLeaf({ names, ...dates }, network.care);
    writeFileSync(join(network.dir, "leaf.pem"), cert);
    return cert;
  }

  /** As the door does it for every question. */
  function judge(pem: string, atS: number): Verdict {
    const [leaf] = readCertificates(pem, "leaf.pem");
    const identity = identifyPeer({ leaf: leaf!, issuer: new X509Certificate(network.care.certificatePem) }, DOMAIN);
    const member = { id: PEER, status: "live", issuingCa: identity.issuingCa } as Member;
    const inForce = { manifest: undefined as never, ageMs: 0, state: "fresh", atMs: atS * 1_000 } as const;
    try {
      authorisePeer(identity, { inForce: () => inForce, member: () => member }, "wm-bsol");
      return "valid";
    } catch (thrown) {
      assert.ok(thrown instanceof Failure);
      return /expired/.test(thrown.message) ? "expired" : "notYet";
    }
  }

  async function byOpenssl(trial: number, atS: number): Promise<Verdict> {
    const path = (name: string): string => join(network.dir, name);
    const args = [
      "-attime",
      String(atS),
      "-CAfile",
      path("root.pem"),
      "-untrusted",
      path("issuer.pem"),
      path("leaf.pem"),
    ];
    try {
      await run("openssl", ["verify", ...args]);
      return "valid";
    } catch (thrown) {
      const said = String((thrown as { stderr?: string }).stderr);
      if (/certificate has expired/.test(said)) return "expired";
      assert.match(said, /not yet valid/, `trial ${trial}`);
      return "notYet";
    }
  }
});

type Verdict = "valid" | "notYet" | "expired";
