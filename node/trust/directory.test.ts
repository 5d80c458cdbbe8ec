import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { CompactSign } from "jose";

import { signCrl } from "../../certs/crl.ts";
import { caFingerprint } from "../../certs/fingerprint.ts";
import { readCertificates } from "../../certs/pem.ts";
import { type TestNetwork, makeTestNetwork } from "../../certs/testing/network.ts";
import { approveManifest } from "../../topology/manifest-approval.ts";
import { type Manifest, signManifest } from "../../topology/manifest.ts";
import { Failure } from "../base/failure.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { type Directory, openDirectory } from "./directory.ts";
import { openSequenceMemory } from "./sequence-memory.ts";

const START_MS = Date.UTC(2026, 10, 20, 3, 0);
const DAY_MS = 86_400_000;

const authority = generateKeyPairSync("ed25519");
const privatePem = authority.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const publicPem = authority.publicKey.export({ type: "spki", format: "pem" }).toString();
const strangerPem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();

const member = (id: string): Manifest["members"][number] => ({
  id,
  collaborative: "care",
  region: "West Midlands",
  ics: [{ code: "QHL", name: "Birmingham and Solihull", from: "2022-07-01" }],
  endpoints: ["127.0.0.1:4101"],
  issuingCa: "a".repeat(64),
  assertionKey: "A".repeat(43),
  population: 1_400_000,
  ages: { from: 0 },
  coverageContact: { name: "Service desk", phone: "0121 496 0000", hours: "24 hours" },
  status: "live",
});
const manifest = (changes: Partial<Manifest> = {}): Manifest => ({
  format: 1,
  network: { name: "West Midlands", domain: "west-midlands.corridor.example", authority: "An ICB" },
  sequence: 7,
  issuedAt: new Date(START_MS).toISOString(),
  routing: "ask-all",
  members: [member("wm-bsol"), member("wm-cw")],
  icsWithoutNode: [],
  agreements: [],
  ...changes,
});

describe("the directory", () => {
  let dir: string;
  let path: string;
  let memoryPath: string;
  let clock: FakeClock;
  let alarms: string[];
  let opened: Directory[];
  let authorities: readonly X509Certificate[];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-directory-"));
    path = join(dir, "manifest.jws");
    memoryPath = join(dir, "data", "manifest.sequence");
    writeFileSync(join(dir, "manifest.pub.pem"), publicPem);
    clock = makeFakeClock(START_MS);
    alarms = [];
    authorities = [];
    opened = [];
  });
  afterEach(() => {
    for (const directory of opened) directory.close();
    rmSync(dir, { recursive: true });
  });

  const put = async (content: Manifest | string, key = privatePem): Promise<void> => {
    const text = typeof content === "string" ? content : await signManifest(content, key);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  const open = async (ownId = "wm-bsol"): Promise<Directory> => {
    const publicKeyPath = join(dir, "manifest.pub.pem");
    const heard = alarms; // this test's own: a look that outlives its test must not speak in the next one
    const directory = await openDirectory({
      ...{ path, publicKeyPath, ownId, clock, alarm: (text: string) => heard.push(text) },
      authorities: () => authorities,
      memory: openSequenceMemory(memoryPath), // from the file anew, as after a restart
    });
    opened.push(directory);
    return directory;
  };
  /** Lets the next looks at the file happen: the clock is a fake, the file is real. */
  const look = async (until: () => boolean): Promise<void> => {
    for (let tries = 0; tries < 100 && !until(); tries++) {
      await clock.advance(1_000);
      await wait(5);
    }
    assert.ok(until(), `not seen; alarms: ${alarms.join(" | ")}`);
  };
  const refusesToOpen = (words: RegExp, ownId?: string): Promise<void> =>
    assert.rejects(open(ownId), (thrown: unknown) => {
      assert.ok(thrown instanceof Failure);
      assert.equal(thrown.code, "configuration");
      assert.match(thrown.message, words);
      assert.equal(thrown.where, path);
      return true;
    });

  it("gives the manifest in force, its members and its age", async () => {
    await put(manifest());
    const directory = await open();
    await clock.advance(90_000);
    const { ageMs, state, atMs, manifest: inForce } = directory.inForce();
    assert.equal(ageMs, 90_000);
    assert.equal(atMs, START_MS + 90_000);
    assert.equal(state, "fresh");
    assert.equal(inForce.sequence, 7);
    assert.equal(directory.member("wm-cw")?.id, "wm-cw");
    assert.equal(directory.member("wm-other"), undefined);
    assert.equal(directory.member("__proto__"), undefined);
  });

  it("ages: fresh under a day, ageing under fourteen, then stale", async () => {
    await put(manifest());
    const directory = await open();
    const stateAfter = async (ms: number): Promise<string> => {
      await clock.advance(ms);
      return directory.inForce().state;
    };
    directory.close(); // only its age matters here, not fourteen days of looking
    assert.equal(await stateAfter(DAY_MS - 1), "fresh");
    assert.equal(await stateAfter(1), "ageing");
    assert.equal(await stateAfter(13 * DAY_MS - 1), "ageing");
    assert.equal(await stateAfter(1), "stale");
  });

  it("opens on a stale manifest and says so, and a new one mends it", async () => {
    await put(manifest({ issuedAt: new Date(START_MS - 15 * DAY_MS).toISOString() }));
    const directory = await open();
    assert.equal(directory.inForce().state, "stale");
    await put(manifest({ sequence: 8 }));
    await look(() => directory.inForce().manifest.sequence === 8);
    assert.equal(directory.inForce().state, "fresh");
    assert.deepEqual(alarms, []);
  });

  it("takes a newer manifest within a second or so, members and all", async () => {
    await put(manifest());
    const directory = await open();
    await put(manifest({ sequence: 8, members: [member("wm-bsol"), { ...member("wm-cw"), status: "suspended" }] }));
    await look(() => directory.member("wm-cw")?.status === "suspended");
    assert.equal(clock.wallMs() - START_MS <= 3_000, true);
  });

  it("keeps the last good one, and says why once, when another is put in its place", async () => {
    await put(manifest());
    const directory = await open();
    const bad: [string, () => Promise<void>, RegExp][] = [
      ["lower", () => put(manifest({ sequence: 6 })), /lower sequence \(6\)/],
      ["same sequence, other content", () => put(manifest({ members: [member("wm-bsol")] })), /same sequence \(7\)/],
      ["another key", () => put(manifest({ sequence: 9 }), strangerPem), /does not match this key/],
      ["garbage", () => put("garbage"), /not a compact JWS/],
      [
        "another network",
        () => put(manifest({ sequence: 9, network: { ...manifest().network, domain: "other.example" } })),
        /another network \(other\.example\)/,
      ],
      [
        "the future",
        () => put(manifest({ sequence: 9, issuedAt: new Date(START_MS + DAY_MS).toISOString() })),
        /check both clocks/,
      ],
      ["nothing", async () => rmSync(path), /cannot be opened/],
    ];
    for (const [name, place, words] of bad) {
      const before = alarms.length;
      await place();
      await look(() => alarms.length > before);
      assert.match(alarms.at(-1) ?? "", words, name);
      assert.match(alarms.at(-1) ?? "", /sequence 7 stays in force/);
      await clock.advance(5_000);
      await wait(20);
      assert.equal(alarms.length, before + 1, `${name}: said more than once`);
      assert.equal(directory.inForce().manifest.sequence, 7);
      assert.equal(directory.member("wm-cw")?.status, "live");
    }
    await put(manifest({ sequence: 10 }));
    await look(() => directory.inForce().manifest.sequence === 10);
  });

  it("takes a manifest from the future once its time has come, though the file has not changed", async () => {
    await put(manifest());
    const directory = await open();
    await put(manifest({ sequence: 8, issuedAt: new Date(START_MS + 330_000).toISOString() }));
    await look(() => alarms.length === 1);
    await clock.advance(30_000);
    await look(() => directory.inForce().manifest.sequence === 8);
    assert.equal(directory.inForce().ageMs, Math.max(0, clock.wallMs() - START_MS - 330_000));
  });

  it("says so when the network no longer lists this node", async () => {
    await put(manifest());
    const directory = await open();
    await put(manifest({ sequence: 8, members: [member("wm-cw")] }));
    await look(() => directory.member("wm-bsol") === undefined);
    assert.match(alarms.at(-1) ?? "", /no longer lists this node, wm-bsol/);
  });

  describe("after a restart", () => {
    it("takes no older manifest than was in force, seen at a start or while it ran; and says what to do", async () => {
      await put(manifest());
      const first = await open();
      await put(manifest({ sequence: 9, members: [member("wm-bsol")] }));
      await look(() => readFileSync(memoryPath, "utf8") === "9\n");
      first.close();
      for (const sequence of [7, 8]) {
        await put(manifest({ sequence }));
        await refusesToOpen(new RegExp(`sequence ${sequence}, but 9 has been in force here: put the newest manifest`));
        await refusesToOpen(/founded anew, remove .*data\/manifest\.sequence/);
      }
      await put(manifest({ sequence: 9, members: [member("wm-bsol")] }));
      assert.equal((await open()).member("wm-cw"), undefined);
      await put(manifest({ sequence: 10 }));
      assert.equal((await open()).inForce().manifest.sequence, 10);
      await put(manifest({ sequence: 9 }));
      await refusesToOpen(/sequence 9, but 10/);
    });

    it("begins again where somebody has removed what was kept", async () => {
      await put(manifest({ sequence: 9 }));
      (await open()).close();
      await put(manifest({ sequence: 1 }));
      await refusesToOpen(/sequence 1, but 9/);
      rmSync(memoryPath);
      assert.equal((await open()).inForce().manifest.sequence, 1);
    });

    it("does not guess what a spoilt memory held", async () => {
      await put(manifest());
      (await open()).close();
      for (const text of ["", "7", "7\n8\n", "-1\n", "seven\n", "9".repeat(17)]) {
        writeFileSync(memoryPath, text);
        await refusesToOpen(/manifest\.sequence does not hold the sequence of a manifest: restore it/);
      }
    });

    it("keeps nothing of a manifest that it does not open on", async () => {
      await put(manifest({ sequence: 99, members: [member("wm-cw")] }));
      await refusesToOpen(/does not list this node/);
      await put(manifest({ sequence: 99 }), strangerPem);
      await refusesToOpen(/does not match this key/);
      assert.throws(() => readFileSync(memoryPath), /ENOENT/);
    });
  });

  it("enforces a newer manifest also where it cannot keep that it did, says so once, and tries again", async () => {
    await put(manifest());
    const directory = await open();
    rmSync(memoryPath);
    mkdirSync(join(memoryPath, "in the way"), { recursive: true });
    await put(manifest({ sequence: 8, members: [member("wm-bsol")] }));
    await look(() => alarms.length > 0);
    assert.equal(directory.member("wm-cw"), undefined);
    await clock.advance(5_000);
    await wait(20);
    assert.equal(alarms.length, 1);
    assert.match(alarms[0] ?? "", /sequence 8 stays in force\. The manifest's sequence cannot be kept in .*sequence/);
    rmSync(memoryPath, { recursive: true });
    await look(() => existsSync(memoryPath) && readFileSync(memoryPath, "utf8") === "8\n");
  });

  it("looks no more once it is closed", async () => {
    await put(manifest());
    const directory = await open();
    directory.close();
    assert.equal(clock.pending(), 0);
  });

  it("does not open without a manifest that this network's authority has signed", async () => {
    await refusesToOpen(/cannot be opened/);
    await put("garbage");
    await refusesToOpen(/compact JWS/);
    await put(manifest(), strangerPem);
    await refusesToOpen(/does not match this key/);
    await put("x".repeat(4 * 1024 * 1024 + 1));
    await refusesToOpen(/too large/);
  });

  it("does not open on a manifest of an unknown format, from the future, or without this node", async () => {
    const unknown = await new CompactSign(new TextEncoder().encode('{"format":2}'))
      .setProtectedHeader({ alg: "EdDSA", typ: "corridor-manifest+jws" })
      .sign(authority.privateKey);
    await put(unknown);
    await refusesToOpen(/format 2/);
    await put(manifest({ issuedAt: new Date(START_MS + 301_000).toISOString() }));
    await refusesToOpen(/check both clocks/);
    await put(manifest());
    await refusesToOpen(/does not list this node, wm-other/, "wm-other");
    await put(manifest({ issuedAt: new Date(START_MS + 299_000).toISOString() }));
    assert.equal((await open()).inForce().ageMs, 0);
  });

  it("does not open without the authority's key", async () => {
    await put(manifest());
    for (const pem of ["garbage", ""]) {
      writeFileSync(join(dir, "manifest.pub.pem"), pem);
      await assert.rejects(open(), (thrown: unknown) => thrown instanceof Failure && thrown.code === "configuration");
    }
  });

  describe("that takes many members away at once", () => {
    const ids = ["wm-bsol", "wm-cw", "wm-hw", "wm-bc", "wm-stw", "wm-sst"];
    const approver = generateKeyPairSync("ed25519");
    const approverPem = approver.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const approvers = [approver.publicKey.export({ format: "jwk" }).x!];
    const six = (changes: Partial<Manifest> = {}): Manifest =>
      manifest({ members: ids.map(member), approvers, ...changes });
    const four = (sequence: number): Manifest => six({ sequence, members: ids.slice(0, 4).map(member) });
    const count = (directory: Directory): number => directory.inForce().manifest.members.length;

    it("needs the approval of somebody whom the one in force names", async () => {
      await put(six());
      const directory = await open();
      await put(four(8));
      await look(() => alarms.some((text) => /takes away 2 members at once/.test(text)));
      assert.equal(count(directory), 6);
      const signed = await signManifest(four(9), privatePem);
      await put(`${signed}\n${await approveManifest(signed, strangerPem)}`);
      await look(() => alarms.length > 1);
      assert.equal(count(directory), 6, "a stranger's word is none");
      await put(`${signed}\n${await approveManifest(await signManifest(four(10), privatePem), approverPem)}`);
      await wait(20);
      await clock.advance(3_000);
      assert.equal(count(directory), 6, "nor is a word about another manifest");
      await put(`${signed}\n${await approveManifest(signed, approverPem)}`);
      await look(() => count(directory) === 4);
    });

    it("is not taken where nobody could approve, nor with approvers that it names itself", async () => {
      const { approvers: _none, ...nobody } = six();
      await put(nobody);
      const directory = await open();
      const signed = await signManifest(four(8), privatePem);
      await put(`${signed}\n${await approveManifest(signed, approverPem)}`);
      await look(() => alarms.length > 0);
      assert.equal(count(directory), 6);
    });

    it("is not made ready by exchanging those who approve: that needs their word too", async () => {
      await put(six());
      const directory = await open();
      const own = [createPublicKey(strangerPem).export({ format: "jwk" }).x!];
      const signed = await signManifest(six({ sequence: 8, approvers: own }), privatePem);
      await put(`${signed}\n${await approveManifest(signed, strangerPem)}`);
      await look(() => alarms.some((text) => /changes who approves/.test(text)));
      await assert.rejects(directory.offer(signed), /changes who approves/);
      assert.deepEqual(directory.inForce().manifest.approvers, approvers);
      await put(`${signed}\n${await approveManifest(signed, approverPem)}`);
      await look(() => directory.inForce().manifest.sequence === 8);
    });

    it("needs none for one: a stolen node is put out at once", async () => {
      await put(six());
      const directory = await open();
      await put(six({ sequence: 8, members: ids.slice(0, 5).map(member) }));
      await look(() => count(directory) === 5);
      await put(
        six({
          sequence: 9,
          members: ids.slice(0, 5).map((id, at) => ({ ...member(id), status: at === 4 ? "suspended" : "live" })),
        }),
      );
      await look(() => directory.member("wm-stw")?.status === "suspended");
      assert.deepEqual(alarms, []);
    });
  });

  describe("with revocation lists", () => {
    let network: TestNetwork;
    before(async () => {
      network = await makeTestNetwork();
    });
    after(() => network.remove());
    beforeEach(() => {
      authorities = readCertificates(network.trustPem, "trust.crt.pem");
    });

    async function listed(sequence: number, number: bigint, serials: string[], atMs = START_MS): Promise<Manifest> {
      const der = await signCrl({
        ...{ issuer: network.care, number, thisUpdateMs: atMs, nextUpdateMs: atMs + 7 * DAY_MS },
        revoked: serials.map((serial) => ({ serial, atMs, reason: "key-compromise" })),
      });
      return manifest({ sequence, crls: [der.toString("base64")] });
    }
    const isRevoked = (directory: Directory, serial: string): boolean => {
      const issuingCa = caFingerprint(network.care.certificatePem);
      return directory.inForce().revocations?.reasonOf({ issuingCa, serial, issuerSerial: "" }) !== undefined;
    };

    it("enforces a new list with its manifest", async () => {
      await put(await listed(7, 1n, []));
      const directory = await open();
      assert.ok(!isRevoked(directory, "0a"));
      await put(await listed(8, 2n, ["0a"]));
      await look(() => isRevoked(directory, "0a"));
      assert.deepEqual(alarms, []);
    });

    it("R4: keeps the one in force where the next has a lower number, no list, or a list of nobody", async () => {
      await put(await listed(7, 3n, ["0a"]));
      const directory = await open();
      for (const next of [
        await listed(8, 2n, []),
        manifest({ sequence: 9 }),
        manifest({ sequence: 10, crls: ["MAA="] }),
      ]) {
        const before = alarms.length;
        await put(next);
        await look(() => alarms.length > before);
        assert.ok(isRevoked(directory, "0a") && directory.inForce().manifest.sequence === 7);
      }
    });

    it("R3: alarms at once when a list is past its end, warns a day later, and is stale after 14 days", async () => {
      await put(await listed(7, 1n, ["0a"], START_MS - 13 * DAY_MS));
      const directory = await open();
      await look(() => alarms.some((text) => /revocation list/.test(text)));
      assert.equal(directory.inForce().state, "ageing", "a fresh manifest, but its list ended six days ago");
      assert.ok(isRevoked(directory, "0a"), "what it says still holds");
      await clock.advance(8 * DAY_MS);
      assert.equal(directory.inForce().state, "stale");
    });
  });
});
