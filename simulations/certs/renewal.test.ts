import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { join } from "node:path";

import { prepareAuthority, stepAuthorities } from "../../certs/authority-register.ts";
import { requestCertificate } from "../../certs/enrol.ts";
import { issueNode } from "../../certs/issue.ts";
import { readPair, replacePair } from "../../certs/key-file.ts";
import { type NodeFiles, callerFiles, nodeFiles, rootFiles } from "../../certs/layout.ts";
import { issueCaller } from "../../certs/issue.ts";
import { readCertificates } from "../../certs/pem.ts";
import { issuingServiceDns } from "../../certs/profile.ts";
import { writeNextCrl } from "../../certs/revoke.ts";
import { DOMAIN, type LeafShape, type TestNetwork, forgeLeaf, makeTestNetwork } from "../../certs/testing/network.ts";
import { assertionPublicKey } from "../../certs/fingerprint.ts";
import { makeRsaKeyPair } from "../../certs/key-pair.ts";
import { signManifest } from "../../topology/manifest.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Failure } from "../../node/base/failure.ts";
import { seededRandom } from "../../node/base/random.ts";
import { type IssuingService, startIssuingService } from "../../node/cli/certs-serve.ts";
import { silentLog } from "../../node/telemetry/log.ts";
import { makeFakeClock } from "../../node/testing/fake-clock.ts";
import { watchOwnCertificate } from "../../node/wire/own-certificate.ts";
import { type RenewalOrder, dueMs, renewByItself, renewOnce } from "../../node/wire/renewal.ts";

const DAY_MS = 86_400_000;
const ID = "wm-bsol";
const NAMES = { uris: [`spiffe://${DOMAIN}/node/${ID}`], dns: [`${ID}.${DOMAIN}`] };

describe("renewal of a node's certificate", () => {
  let network: TestNetwork;
  let files: NodeFiles;
  let service: IssuingService;
  let manifestPath: string;
  let rootKeyPem: string;

  beforeEach(async () => {
    network = await makeTestNetwork();
    for (const id of [ID, "wm-cw", "wm-gone", "wm-health"]) {
      await issueNode(network.dir, { id, collaborative: id === "wm-health" ? "health" : "care", clock: systemClock });
    }
    files = nodeFiles(network.dir, ID);
    manifestPath = join(network.dir, "manifest.jws");
    await publish();
    // What a collaborative needs; the root's key stays away.
    rootKeyPem = readFileSync(rootFiles(network.dir).key, "utf8");
    rmSync(rootFiles(network.dir).key);
    service = await startIssuingService({
      ...{ dir: network.dir, collaborative: "care", listen: { host: "127.0.0.1", port: 0 }, manifestPath },
      ...{ clock: systemClock, log: silentLog },
    });
  });
  afterEach(async () => {
    await service.close();
    network.remove();
  });

  async function publish(issuedAt = new Date()): Promise<void> {
    const member = (id: string, status: "live" | "left", collaborative = "care") => ({
      ...{ id, status, collaborative, region: "Test", endpoints: ["127.0.0.1:1"], issuingCa: "a".repeat(64) },
      assertionKey: assertionPublicKey(readFileSync(nodeFiles(network.dir, id).assertionPublic, "utf8")),
      ...{ ics: [{ code: "QHL", name: "Test", from: "2022-07-01" }], population: 1, ages: { from: 0 } },
      coverageContact: { name: "Desk", phone: "01632 960000", hours: "24 hours" },
    });
    const manifest = {
      ...{ format: 1 as const, network: { name: "Test", domain: DOMAIN, authority: "Test" }, sequence: 1 },
      ...{ issuedAt: issuedAt.toISOString(), routing: "ask-all" as const, icsWithoutNode: [], agreements: [] },
      members: [member(ID, "live"), member("wm-gone", "left"), member("wm-health", "live", "health")],
    };
    writeFileSync(manifestPath, await signManifest(manifest, network.authorities.manifestKeyPem));
  }

  function order(change: Partial<RenewalOrder> = {}): RenewalOrder {
    const { dir = files.directory, ownId = ID, clock = systemClock, log = silentLog } = change;
    const own = watchOwnCertificate({ dir, ownId, domain: DOMAIN, clock, log });
    own.close();
    const at = { host: "127.0.0.1", port: service.port };
    return {
      dir,
      ownId,
      isTainted: () => false,
      domain: DOMAIN,
      collaborative: "care",
      at,
      own,
      clock,
      random: seededRandom(1),
      log,
      ...change,
    };
  }

  const put = async (shape: LeafShape, to: NodeFiles = files): Promise<void> => {
    const { key, cert } = await forgeLeaf({ names: NAMES, keys: await makeRsaKeyPair(), ...shape }, network.care);
    replacePair(to, key, cert);
  };
  const serialIn = ({ certificate }: NodeFiles): string =>
    new X509Certificate(readFileSync(certificate, "utf8")).serialNumber;

  it("gives the same identity, a new key, and thirty days; the assertion key stays", async () => {
    const [before, assertion] = [readPair(files), readFileSync(files.assertionKey, "utf8")];
    await renewOnce(order());
    const after = readPair(files);
    assert.notEqual(after.key, before.key);
    assert.equal(readFileSync(files.assertionKey, "utf8"), assertion);
    const [was, is] = [new X509Certificate(before.certificate), new X509Certificate(after.certificate)];
    assert.equal(is.subjectAltName, was.subjectAltName);
    assert.ok(is.validToDate.getTime() > Date.now() + 29 * DAY_MS);
  });

  it("is had by whoever expired within the week, and not later", async () => {
    await put({ notBeforeMs: Date.now() - 30 * DAY_MS, notAfterMs: Date.now() - 6 * DAY_MS });
    await renewOnce(order());
    await put({ notBeforeMs: Date.now() - 40 * DAY_MS, notAfterMs: Date.now() - 8 * DAY_MS });
    await assert.rejects(renewOnce(order()), refused(/expired over a week ago/));
  });

  it("is refused to the revoked, to strangers, to applications, to those who left, and for anything that is new", async () => {
    const before = serialIn(files);
    const serial = serialIn(files).toLowerCase();
    const { path } = await writeNextCrl(network.dir, { authority: "care", serial, clock: systemClock });
    await assert.rejects(renewOnce(order()), refused(/revoked/));
    rmSync(path);

    for (const [id, words] of [
      ["wm-cw", /not list it as a member/],
      ["wm-gone", /not list it as a member/],
      ["wm-health", /not of this authority/],
    ] as const) {
      await assert.rejects(renewOnce(order({ dir: nodeFiles(network.dir, id).directory, ownId: id })), refused(words));
    }
    const rights = { roles: [], settings: [], organisations: [], feed: false, operate: false, sandbox: false };
    await issueCaller(network.dir, { node: ID, name: "board", rights, clock: systemClock });
    const caller = callerFiles(network.dir, ID, "board");
    await requestCertificate(files.directory, ID, DOMAIN);
    const request = readFileSync(files.request, "utf8");
    const asCaller = { cert: readFileSync(caller.certificate), key: readFileSync(caller.key) };
    assert.match(await send(request, asCaller), /403 .*application/);
    assert.match(await send(request, {}), /403 .*not shown/);
    const self = await forgeLeaf({ names: NAMES }, "itself");
    assert.match(await send(request, self), /403 .*not of this authority/);
    const own = { cert: readFileSync(files.certificate), key: readFileSync(files.key) };
    assert.match(await send("x".repeat(20_000), own).catch(String), /403|socket hang up|ECONNRESET|EPIPE/);
    assert.match(await send(request, own, "/other"), /403 /);

    const other = nodeFiles(network.dir, "wm-cw");
    await requestCertificate(other.directory, "wm-cw", DOMAIN);
    assert.match(await send(readFileSync(other.request, "utf8"), own), /403 .*its own certificate only/);
    const block = /-----BEGIN PUBLIC KEY-----[^]+/;
    const foreignKey = block.exec(readFileSync(other.request, "utf8"))?.[0] ?? "";
    assert.match(await send(request.replace(block, foreignKey), own), /403 .*assertion key/);
    assert.equal(serialIn(files), before);
    assert.notEqual(readFileSync(files.assertionPublic, "utf8"), foreignKey);

    await publish(new Date(Date.now() - 15 * DAY_MS));
    await assert.rejects(renewOnce(order()), refused(/over 14 days old/));
  });

  it("is had from the authority that follows by whom the one before has certified, until that is revoked", async () => {
    const root = rootFiles(network.dir).key;
    writeFileSync(root, rootKeyPem, { mode: 0o600 });
    await prepareAuthority(network.dir, "care", systemClock);
    rmSync(root);
    const [, before] = readCertificates(readPair(files).certificate, "chain");
    const away = readPair(files);
    for (const state of ["active", "tainted"] as const) stepAuthorities(network.dir, state);
    await renewOnce(order());
    const [leaf, after] = readCertificates(readPair(files).certificate, "chain");
    assert.ok(leaf!.verify(after!.publicKey) && !leaf!.verify(before!.publicKey));
    replacePair(files, away.key, away.certificate);
    stepAuthorities(network.dir, "revoked");
    await assert.rejects(renewOnce(order()), refused(/not of this authority/));
  });

  it("begins at once where the authority is to be left", async () => {
    const clock = makeFakeClock(Date.now());
    const renewed = Promise.withResolvers<void>();
    const log = { ...silentLog, info: () => renewed.resolve() };
    const own = watchOwnCertificate({ dir: files.directory, ownId: ID, domain: DOMAIN, clock, log: silentLog });
    const renewal = renewByItself({ ...order(), isTainted: () => true, own, clock, log });
    await clock.advance(60_000);
    await renewed.promise;
    renewal.stop();
    own.close();
  });

  it("is not had over and over", async () => {
    for (let time = 0; time < 6; time++) await renewOnce(order());
    await assert.rejects(renewOnce(order()), refused(/Too many renewals/));
  });

  it("leaves the pair in use where the service is away, is somebody else, or hands out another's", async () => {
    const before = readPair(files);
    await assert.rejects(renewOnce(order({ at: { host: "127.0.0.1", port: 1 } })), unreachable);
    await assert.rejects(renewOnce(order({ collaborative: "health" })), unreachable);
    assert.deepEqual(readPair(files), before);
  });

  it("begins by itself at half life and a little later, not before, and again after a failure", async () => {
    const clock = makeFakeClock(Date.now());
    const own = watchOwnCertificate({ dir: files.directory, ownId: ID, domain: DOMAIN, clock, log: silentLog });
    const { fromMs, toMs } = own.validity();
    assert.ok(dueMs({ fromMs, toMs }, 0) - fromMs === (toMs - fromMs) / 2);
    const events: string[] = [];
    const log = {
      ...silentLog,
      info: (event: string) => void events.push(event),
      warn: (event: string) => void events.push(event),
    };
    let jumpMs = 0;
    const { wallMs } = clock;
    Object.assign(clock, { wallMs: () => wallMs() + jumpMs });
    const at = { host: "127.0.0.1", port: 1 };
    const renewal = renewByItself({ ...order(), own, clock, log, at });
    const settle = async (): Promise<void> => {
      const heard = events.length;
      for (let wait = 0; wait < 200 && events.length === heard; wait++) await systemClock.sleep(20);
    };
    jumpMs = 14 * DAY_MS;
    await clock.advance(120_000);
    assert.deepEqual(events, []);
    jumpMs = 17 * DAY_MS;
    await clock.advance(60_000);
    await settle();
    assert.deepEqual(events, ["certificate-renewal-failed"]);
    await clock.advance(9 * 60_000);
    assert.equal(events.length, 1);
    await clock.advance(12 * 60_000);
    await settle();
    assert.ok(events.length >= 2, events.join());
    renewal.stop();
    own.close();
  });

  function send(
    text: string,
    shown: { cert?: string | Buffer; key?: string | Buffer },
    path = "/renew",
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = https.request({
        ...{ host: "127.0.0.1", port: service.port, path, method: "POST", agent: false },
        ...{ ...shown, ca: network.trustPem, servername: issuingServiceDns(DOMAIN, "care"), minVersion: "TLSv1.3" },
      });
      request.once("error", reject);
      request.once("response", (response) => {
        let body = "";
        response.on("data", (chunk) => (body += String(chunk)));
        response.once("end", () => resolve(`${response.statusCode} ${body}`));
      });
      request.end(text);
    });
  }

  const refused = (words: RegExp) => (thrown: unknown) =>
    thrown instanceof Failure && thrown.code === "not-permitted" && words.test(thrown.message);
  const unreachable = (thrown: unknown) => thrown instanceof Failure && thrown.code === "unreachable";
});
