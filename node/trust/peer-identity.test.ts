import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";

import type { CallerRights } from "../../certs/caller-rights.ts";
import { authorityConstraints, callerRightsExtension } from "../../certs/extensions.ts";
import { caFingerprint } from "../../certs/fingerprint.ts";
import { signCertificate } from "../../certs/certificate.ts";
import { issueCaller, issueNode } from "../../certs/issue.ts";
import { type KeyPair, makeRsaKeyPair } from "../../certs/key-pair.ts";
import { callerFiles, nodeFiles } from "../../certs/layout.ts";
import { CALLER_RIGHTS_OID, CLIENT_AUTH_OID, SERVER_AUTH_OID } from "../../certs/profile.ts";
import { type Gate, openGate } from "../../certs/testing/handshake.ts";
import { type Credentials, DOMAIN, type TestNetwork, forgeLeaf, makeTestNetwork } from "../../certs/testing/network.ts";
import type { Manifest, ManifestState, Member } from "../../topology/manifest.ts";
import { systemClock as clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { InForce } from "./directory.ts";
import { type AuthorisedPeer, type PeerIdentity, authorisePeer, chainOf, identifyPeer } from "./peer-identity.ts";

const DAY_MS = 86_400_000;
const OWN_ID = "wm-bsol";
const RIGHTS: CallerRights = {
  roles: ["R8000"],
  settings: ["emergency"],
  organisations: ["RRK"],
  feed: false,
  operate: false,
  sandbox: false,
};

const uriOf = (id: string): string => `spiffe://${DOMAIN}/node/${id}`;
const namesOf = (id: string): { uris: string[]; dns: string[] } => ({ uris: [uriOf(id)], dns: [`${id}.${DOMAIN}`] });
const read = (path: string): string => readFileSync(path, "utf8");

/** The few fields of a member that admission looks at. */
type Listed = Pick<Member, "id" | "issuingCa" | "status">;

describe("admitting peers", () => {
  let network: TestNetwork;
  let foreign: TestNetwork;
  let strict: Gate;
  let lenient: Gate;
  let otherKeys: KeyPair;
  let members: Map<string, Listed>;
  const credentials = new Map<string, Credentials>();

  before(async function () {
    this.timeout(30_000);
    [network, foreign, otherKeys] = await Promise.all([makeTestNetwork(), makeTestNetwork(), makeRsaKeyPair()]);
    await Promise.all([
      issueNode(network.dir, { id: "wm-bsol", collaborative: "care", clock }),
      issueNode(network.dir, { id: "wm-cw", collaborative: "care", clock }),
      issueNode(network.dir, { id: "wm-bc", collaborative: "health", clock }),
      issueNode(network.dir, { id: "wm-left", collaborative: "care", clock }),
      issueNode(network.dir, { id: "wm-unlisted", collaborative: "care", clock }),
      issueNode(foreign.dir, { id: "wm-cw", collaborative: "care", clock }),
    ]);
    await Promise.all([
      issueCaller(network.dir, { node: "wm-bsol", name: "ed-board", rights: RIGHTS, clock }),
      issueCaller(network.dir, { node: "wm-cw", name: "ed-board", rights: RIGHTS, clock }),
    ]);
    for (const id of ["wm-bsol", "wm-cw", "wm-bc", "wm-left", "wm-unlisted"]) {
      const { certificate, key } = nodeFiles(network.dir, id);
      credentials.set(id, { cert: read(certificate), key: read(key) });
    }
    for (const id of ["wm-bsol", "wm-cw"]) {
      const { certificate, key } = callerFiles(network.dir, id, "ed-board");
      credentials.set(`${id} caller`, { cert: read(certificate), key: read(key) });
    }
    const foreignFiles = nodeFiles(foreign.dir, "wm-cw");
    credentials.set("foreign wm-cw", { cert: read(foreignFiles.certificate), key: read(foreignFiles.key) });
    strict = await openGate(known("wm-bsol"), network.trustPem);
    lenient = await openGate(known("wm-bsol"), network.trustPem, true);
    const [care, health] = [caFingerprint(network.care.certificatePem), caFingerprint(network.health.certificatePem)];
    members = new Map<string, Listed>([
      ["wm-bsol", { id: "wm-bsol", issuingCa: care, status: "live" }],
      ["wm-cw", { id: "wm-cw", issuingCa: care, status: "live" }],
      ["wm-bc", { id: "wm-bc", issuingCa: health, status: "live" }],
      ["wm-left", { id: "wm-left", issuingCa: care, status: "left" }],
    ]);
  });
  after(() => {
    strict.close();
    lenient.close();
    network.remove();
    foreign.remove();
  });

  const known = (name: string): Credentials => {
    const found = credentials.get(name);
    assert.ok(found !== undefined, name);
    return found;
  };
  const directoryAt = (atMs: number, state: ManifestState = "fresh") => ({
    inForce: (): InForce => ({ manifest: {} as Manifest, ageMs: 0, state, atMs }),
    member: (id: string): Member | undefined => members.get(id) as Member | undefined,
  });
  const identify = async (shown: Credentials): Promise<PeerIdentity> => {
    const reception = await strict.receive(shown);
    assert.equal(reception.kind, "accepted", "OpenSSL refused it");
    return identifyPeer(chainOf(reception.socket), DOMAIN);
  };
  const admit = async (shown: Credentials): Promise<AuthorisedPeer> =>
    authorisePeer(await identify(shown), directoryAt(Date.now()), OWN_ID);

  describe("lets in", () => {
    it("a member's node, of either authority", async () => {
      for (const id of ["wm-cw", "wm-bc"]) {
        const peer = await admit(known(id));
        assert.equal(peer.kind, "node");
        assert.equal(peer.member, members.get(id));
      }
    });

    it("this node's own caller, with its rights", async () => {
      const peer = await admit(known("wm-bsol caller"));
      assert.equal(peer.kind, "caller");
      assert.equal(peer.name, "ed-board");
      assert.deepEqual(peer.rights, RIGHTS);
    });

    it("a node that sends its certificate alone: the authority is in the trust file", async () => {
      const { cert, key } = known("wm-cw");
      const peer = await admit({ cert: cert.split(/(?<=-----END CERTIFICATE-----\n)/)[0] ?? "", key });
      assert.equal(peer.kind, "node");
    });

    it("an identity whose issuer is the key that signed, as the manifest names it", async () => {
      const identity = await identify(known("wm-bc"));
      assert.equal(identity.issuingCa, caFingerprint(network.health.certificatePem));
      assert.match(identity.certificate.serial, /^[0-9a-f]{32}$/);
    });
  });

  describe("refuses in the handshake", () => {
    const hour = 3_600_000;
    const cases: Record<string, { shown: () => Promise<Credentials> | Credentials; reason: RegExp }> = {
      "another network's node of the same name": {
        shown: () => known("foreign wm-cw"),
        reason: /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT/,
      },
      "another network's node that sends our authority along": {
        shown: () => {
          const { cert, key } = known("foreign wm-cw");
          const [leaf = ""] = cert.split(/(?<=-----END CERTIFICATE-----\n)/);
          return { cert: leaf + network.care.certificatePem, key };
        },
        reason: /CERT_SIGNATURE_FAILURE|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT/,
      },
      "one that signed itself": {
        shown: () => forgeLeaf({ names: namesOf("wm-cw") }, "itself"),
        reason: /DEPTH_ZERO_SELF_SIGNED_CERT/,
      },
      "one that has expired": {
        shown: () =>
          forgeLeaf(
            { names: namesOf("wm-cw"), notBeforeMs: Date.now() - 2 * hour, notAfterMs: Date.now() - hour },
            network.care,
          ),
        reason: /CERT_HAS_EXPIRED/,
      },
      "one that is not valid yet": {
        shown: () =>
          forgeLeaf(
            { names: namesOf("wm-cw"), notBeforeMs: Date.now() + hour, notAfterMs: Date.now() + 2 * hour },
            network.care,
          ),
        reason: /CERT_NOT_YET_VALID/,
      },
      "one for servers only": {
        shown: () => forgeLeaf({ names: namesOf("wm-cw"), usages: [SERVER_AUTH_OID] }, network.care),
        reason: /INVALID_PURPOSE/,
      },
      "an issuing authority that comes itself": {
        shown: () => ({
          cert: network.care.certificatePem,
          key: network.care.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
        }),
        reason: /INVALID_PURPOSE/,
      },
      "a leaf issued by another leaf": {
        shown: async () => {
          const middle = await forgeLeaf({ names: namesOf("wm-cw"), keys: otherKeys }, network.care);
          const [middlePem = ""] = middle.cert.split(/(?<=-----END CERTIFICATE-----\n)/);
          const end = await forgeLeaf(
            { names: namesOf("wm-bc") },
            { certificatePem: middlePem, privateKey: otherKeys.privateKey },
          );
          return { cert: end.cert + network.care.certificatePem, key: end.key };
        },
        reason: /INVALID_CA|invalid CA|UNSPECIFIED|KEYUSAGE|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT/,
      },
      "a leaf of an authority below an issuing authority": {
        shown: async () => {
          const sub = await forgeLeaf(
            { instead: authorityConstraints(0), commonName: "sub", keys: otherKeys },
            network.care,
          );
          const [subPem = ""] = sub.cert.split(/(?<=-----END CERTIFICATE-----\n)/);
          const end = await forgeLeaf(
            { names: namesOf("wm-cw") },
            { certificatePem: subPem, privateKey: otherKeys.privateKey },
          );
          return { cert: end.cert + network.care.certificatePem, key: end.key };
        },
        reason: /PATH_LENGTH_EXCEEDED/,
      },
      "a DNS name of another domain": {
        shown: () => forgeLeaf({ names: { uris: [uriOf("wm-cw")], dns: ["wm-cw.elsewhere.example"] } }, network.care),
        reason: /permitted subtree violation|UNSPECIFIED/,
      },
      "a URI of another domain": {
        shown: () => forgeLeaf({ names: { uris: ["spiffe://elsewhere.example/node/wm-cw"] } }, network.care),
        reason: /permitted subtree violation|UNSPECIFIED/,
      },
      "no certificate at all": {
        shown: () => ({ cert: "", key: "" }),
        reason: /UNABLE_TO_GET_ISSUER_CERT|PEER_DID_NOT_RETURN/,
      },
    };
    for (const [name, { shown, reason }] of Object.entries(cases)) {
      it(name, async () => {
        const made = await shown();
        const client = made.cert === "" ? undefined : made;
        assert.deepEqual(await strict.receive(client), { kind: "refused" });
        const seen = await lenient.receive(client);
        assert.equal(seen.kind, "accepted");
        assert.match(String(seen.socket.authorizationError), reason);
        assert.throws(
          () => chainOf(seen.socket),
          (thrown: unknown) => thrown instanceof Failure && thrown.code === "not-authenticated",
        );
      });
    }

    it("an issuing authority that has expired", async () => {
      const keys = otherKeys;
      const certificatePem = await signCertificate(
        {
          subject: { commonName: "Issuing authority care", organization: DOMAIN },
          publicKey: keys.publicKey,
          notBeforeMs: Date.now() - 2 * hour,
          notAfterMs: Date.now() - hour,
          extensions: authorityConstraints(0),
        },
        network.root,
      );
      const shown = await forgeLeaf({ names: namesOf("wm-cw") }, { certificatePem, privateKey: keys.privateKey });
      assert.deepEqual(await strict.receive(shown), { kind: "refused" });
    });

    it("a key that is too weak, in the handshake or after it", async () => {
      const keys = generateKeyPairSync("rsa", { modulusLength: 1_024 });
      const shown = await forgeLeaf({ names: namesOf("wm-cw"), keys }, network.care);
      await assert.rejects(async () => {
        const reception = await strict.receive(shown);
        if (reception.kind === "refused") throw new Failure("not-authenticated", "refused in the handshake");
        identifyPeer(chainOf(reception.socket), DOMAIN);
      });
    });
  });

  describe("refuses by name, though OpenSSL accepts the certificate", () => {
    const caller = `${uriOf(OWN_ID)}/caller/board`;
    const rights = [callerRightsExtension(RIGHTS)];
    const garbled = [{ oid: CALLER_RIGHTS_OID, critical: false, value: Uint8Array.of(0x0c, 0x02, 0x7b, 0x7d) }];
    const cases: Record<string, { shape: Parameters<typeof forgeLeaf>[0]; reason: RegExp }> = {
      "no name at all": { shape: {}, reason: /exactly one identity/ },
      "a DNS name only": { shape: { names: { dns: [`wm-cw.${DOMAIN}`] } }, reason: /exactly one identity/ },
      "a URI only": { shape: { names: { uris: [uriOf("wm-cw")] } }, reason: /identity's DNS name/ },
      "a wildcard": {
        shape: { names: { uris: [uriOf("wm-cw")], dns: [`*.${DOMAIN}`] } },
        reason: /identity's DNS name/,
      },
      "two identities": {
        shape: { names: { uris: [uriOf("wm-cw"), uriOf("wm-bc")], dns: [`wm-cw.${DOMAIN}`] } },
        reason: /exactly one identity/,
      },
      "one identity twice": {
        shape: { names: { uris: [uriOf("wm-cw"), uriOf("wm-cw")], dns: [`wm-cw.${DOMAIN}`] } },
        reason: /exactly one identity/,
      },
      "two DNS names": {
        shape: { names: { uris: [uriOf("wm-cw")], dns: [`wm-cw.${DOMAIN}`, `wm-bc.${DOMAIN}`] } },
        reason: /identity's DNS name/,
      },
      "a DNS name of another node": {
        shape: { names: { uris: [uriOf("wm-cw")], dns: [`wm-bc.${DOMAIN}`] } },
        reason: /identity's DNS name/,
      },
      "a URI of another form": {
        shape: { names: { uris: [`https://${DOMAIN}/node/wm-cw`], dns: [`wm-cw.${DOMAIN}`] } },
        reason: /exactly one identity/,
      },
      "an id that is not one": {
        shape: { names: { uris: [`${uriOf("")}WM-CW`], dns: [`wm-cw.${DOMAIN}`] } },
        reason: /exactly one identity/,
      },
      "a longer path": {
        shape: { names: { uris: [`${uriOf("wm-cw")}/admin`], dns: [`wm-cw.${DOMAIN}`] } },
        reason: /exactly one identity/,
      },
      "a path that ends in a slash": {
        shape: { names: { uris: [`${uriOf("wm-cw")}/`], dns: [`wm-cw.${DOMAIN}`] } },
        reason: /exactly one identity/,
      },
      "a name that could be misread": {
        shape: { names: { uris: [`${uriOf("wm-cw")}, URI:${uriOf("wm-bc")}`], dns: [`wm-cw.${DOMAIN}`] } },
        reason: /exactly one identity/,
      },
      "a node for clients only": {
        shape: { names: namesOf("wm-cw"), usages: [CLIENT_AUTH_OID] },
        reason: /not for server and client use/,
      },
      "a caller without rights": {
        shape: { names: { uris: [caller] }, usages: [CLIENT_AUTH_OID] },
        reason: /what its caller may claim/,
      },
      "a caller whose rights cannot be read": {
        shape: { names: { uris: [caller] }, usages: [CLIENT_AUTH_OID], extra: garbled },
        reason: /what its caller may claim/,
      },
      "a caller that could be a server": {
        shape: { names: { uris: [caller] }, extra: rights },
        reason: /not for client use only/,
      },
      "a caller with a server's name": {
        shape: { names: { uris: [caller], dns: [`wm-bsol.${DOMAIN}`] }, usages: [CLIENT_AUTH_OID], extra: rights },
        reason: /caller and a server at once/,
      },
      "a caller without a name": {
        shape: { names: { uris: [`${uriOf(OWN_ID)}/caller/`] }, usages: [CLIENT_AUTH_OID], extra: rights },
        reason: /exactly one identity/,
      },
      "an authority that has a node's names": {
        shape: {
          instead: [
            { ...authorityConstraints(0)[0]! },
            { oid: "2.5.29.15", critical: true, value: Uint8Array.of(0x03, 0x02, 0x01, 0x86) },
          ],
        },
        reason: /is an authority's/,
      },
    };
    for (const [name, { shape, reason }] of Object.entries(cases)) {
      it(name, async () => {
        const shown = await forgeLeaf(shape, network.care);
        await assert.rejects(identify(shown), (thrown: unknown) => {
          assert.ok(thrown instanceof Failure);
          assert.equal(thrown.code, "not-authenticated");
          assert.match(thrown.message, reason);
          assert.match(thrown.message, /serial [0-9a-f]{32}\.$/);
          return true;
        });
      });
    }

    it("a resumed session, which carries no chain, or a chain whose authority did not sign", async () => {
      const reception = await strict.receive(known("wm-cw"));
      assert.equal(reception.kind, "accepted");
      const { leaf } = chainOf(reception.socket);
      const other = await strict.receive(known("wm-bc"));
      assert.equal(other.kind, "accepted");
      for (const issuer of [undefined, chainOf(other.socket).issuer, leaf]) {
        assert.throws(
          () => identifyPeer({ leaf, issuer }, DOMAIN),
          (thrown: unknown) => thrown instanceof Failure && /without the authority that signed it/.test(thrown.message),
        );
      }
    });

    it("the same certificate in a network of another domain", async () => {
      const reception = await strict.receive(known("wm-cw"));
      assert.equal(reception.kind, "accepted");
      assert.throws(() => identifyPeer(chainOf(reception.socket), "other.example"), /exactly one identity/);
    });
  });

  describe("refuses by the directory and the time, at every question", () => {
    const refusesWith = (code: string, reason: RegExp) => (thrown: unknown) => {
      assert.ok(thrown instanceof Failure);
      assert.equal(thrown.code, code);
      assert.match(thrown.message, reason);
      return true;
    };

    it("a node that another member's authority has issued, of this member's name", async () => {
      const stolen = await forgeLeaf({ names: namesOf("wm-bc") }, network.care);
      await assert.rejects(admit(stolen), refusesWith("not-authenticated", /authority that the directory names/));
    });

    it("a node named by an authority that another collaborative has made up under its own name", async () => {
      // Authorities that repeat their issuer's name do not count towards a path's length: the handshake may let it pass.
      const own = await forgeLeaf(
        { instead: authorityConstraints(0), commonName: "Issuing authority health", keys: otherKeys },
        network.health,
      );
      const [certificatePem = ""] = own.cert.split(/(?<=-----END CERTIFICATE-----\n)/);
      const end = await forgeLeaf({ names: namesOf("wm-cw") }, { certificatePem, privateKey: otherKeys.privateKey });
      const shown = { cert: end.cert + network.health.certificatePem, key: end.key };
      await assert.rejects(admit(shown), refusesWith("not-authenticated", /authority/));
    });

    it("a node that is not in the manifest", async () => {
      await assert.rejects(admit(known("wm-unlisted")), refusesWith("not-authenticated", /not of a member/));
    });

    it("a member that is not live, whatever the state", async () => {
      const identity = await identify(known("wm-left"));
      for (const status of ["joining", "suspended", "left"] as const) {
        members.set("wm-left", { ...members.get("wm-left")!, status });
        const ask = (): AuthorisedPeer => authorisePeer(identity, directoryAt(Date.now()), OWN_ID);
        assert.throws(ask, refusesWith("not-permitted", new RegExp(`${status}, not live`)));
      }
    });

    it("a caller of another node, and a caller whom another authority has issued", async () => {
      await assert.rejects(admit(known("wm-cw caller")), refusesWith("not-permitted", /another node's caller/));
      const names = { uris: [`${uriOf(OWN_ID)}/caller/ed-board`] };
      const extra = [callerRightsExtension({ ...RIGHTS, feed: true, sandbox: true })];
      const forged = await forgeLeaf({ names, usages: [CLIENT_AUTH_OID], extra }, network.health);
      await assert.rejects(admit(forged), refusesWith("not-authenticated", /authority that the directory names/));
    });

    it("a certificate that expires, or whose beginning a clock has fallen behind, on an open connection", async () => {
      const identity = await identify(known("wm-cw"));
      const at = (ms: number) => (): AuthorisedPeer => authorisePeer(identity, directoryAt(ms), OWN_ID);
      assert.equal(at(identity.validToMs - 1)().kind, "node");
      assert.throws(at(identity.validToMs), refusesWith("not-authenticated", /expired at/));
      assert.throws(at(identity.validFromMs - 1), refusesWith("not-authenticated", /not valid before/));
      assert.throws(at(Date.now() + 31 * DAY_MS), refusesWith("not-authenticated", /expired at/));
    });

    it("every peer while the directory is stale, but not the node's own callers", async () => {
      const [peer, own] = [await identify(known("wm-cw")), await identify(known("wm-bsol caller"))];
      const stale = directoryAt(Date.now(), "stale");
      assert.throws(() => authorisePeer(peer, stale, OWN_ID), refusesWith("directory-stale", /14 days/));
      assert.equal(authorisePeer(own, stale, OWN_ID).kind, "caller");
      assert.equal(authorisePeer(peer, directoryAt(Date.now(), "ageing"), OWN_ID).kind, "node");
    });

    it("a member that is removed or given another authority while connected", async () => {
      const identity = await identify(known("wm-cw"));
      const ask = (): AuthorisedPeer => authorisePeer(identity, directoryAt(Date.now()), OWN_ID);
      const listed = members.get("wm-cw")!;
      try {
        assert.equal(ask().kind, "node");
        members.set("wm-cw", { ...listed, issuingCa: createHash("sha256").update("other").digest("hex") });
        assert.throws(ask, refusesWith("not-authenticated", /authority that the directory names/));
        members.delete("wm-cw");
        assert.throws(ask, refusesWith("not-authenticated", /not of a member/));
      } finally {
        members.set("wm-cw", listed);
      }
    });

    it("in microseconds: no cryptography for a question", async () => {
      const identity = await identify(known("wm-cw"));
      const directory = directoryAt(Date.now());
      const started = performance.now();
      for (let count = 0; count < 10_000; count++) authorisePeer(identity, directory, OWN_ID);
      const each = (performance.now() - started) / 10_000;
      assert.ok(each < 0.02, `${each} ms for each question`);
    });
  });
});
