import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";

import type { Agent } from "node:https";

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { Database } from "better-sqlite3";

import type { CallerRights } from "../certs/caller-rights.ts";
import { issueCaller } from "../certs/issue.ts";
import { callerFiles } from "../certs/layout.ts";
import { systemClock } from "../node/base/clock.ts";
import { Concealed } from "../node/base/concealed.ts";
import { NhsNumber } from "../node/base/nhs-number.ts";
import { systemRandom } from "../node/base/random.ts";
import { parseOrganisationCode } from "../node/base/words.ts";
import { readSettings } from "../node/config/settings.ts";
import { makeMpi } from "../node/mpi/mpi.ts";
import { makePdsClient } from "../node/mpi/pds-client.ts";
import { makeHttp } from "../node/platform/http.ts";
import { makeSignedJwtTokens } from "../node/platform/tokens.ts";
import { type RunningNode, startNode } from "../node/node.ts";
import { openDatabase } from "../node/storage/database.ts";
import { silentLog } from "../node/telemetry/log.ts";
import { readCallerTls, type TlsFiles } from "../node/wire/tls-files.ts";
import { PROTOCOL } from "../node/base/words.ts";
import { type PdsDouble, startPdsDouble } from "./pds-double.ts";
import { type Ran, run } from "./testing/doors-cli.ts";
import { type DoorNetwork, HOLDER, makeDoorNetwork, PROVIDER } from "./testing/doors-network.ts";
import { agentOf, send, systemOf, writeFhirSettings } from "./testing/fhir-door.ts";
import { findFreePorts } from "./testing/free-ports.ts";

const JSON_TYPE = { "content-type": "application/fhir+json" };
const NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number";
const KEY = { apiKey: "an-application", keyId: "key-1" };
const SYSTEM_RIGHTS: CallerRights = {
  ...{ roles: [], settings: [], organisations: [], sandbox: false },
  ...{ feed: true, operate: true },
};

type Json = Readonly<Record<string, unknown>>;

/** An event message as the events service publishes them, with no more than is read of it and a little that is not. */
function anEvent(
  nhsNumber: string,
  lastUpdated: string,
  more: { readonly event?: string; readonly patient?: Json } = {},
): Json {
  const { event = "pds-record-change-1", patient = {} } = more;
  const identifier = { system: NHS_NUMBER, value: nhsNumber };
  const routing = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1";
  const type = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-MessageEventType-1";
  return {
    ...{ resourceType: "Bundle", type: "message" },
    entry: [
      {
        resource: {
          ...{ resourceType: "MessageHeader", meta: { lastUpdated }, timestamp: lastUpdated },
          extension: [
            {
              url: routing,
              extension: [
                { url: "nhsNumber", valueIdentifier: identifier },
                { url: "birthDateTime", valueDateTime: "2010-10-22" },
              ],
            },
            { url: type, valueCodeableConcept: { coding: [{ code: "new" }] } },
          ],
          event: { system: "https://fhir.nhs.uk/STU3/CodeSystem/EventType-1", code: event },
        },
      },
      { resource: { resourceType: "Organization", name: "NHS Digital" } },
      { resource: { resourceType: "Patient", meta: { versionId: "5" }, identifier: [identifier], ...patient } },
    ],
  };
}

describe("a node that asks the national service, with a double of it, and events at its door for FHIR", function () {
  this.timeout(60_000);
  let network: DoorNetwork;
  let double: PdsDouble;
  let node: RunningNode;
  let reader: Database;
  let port: number;
  const agents: Agent[] = [];

  before(async () => {
    network = await makeDoorNetwork();
    await issueCaller(network.certsDir, { node: HOLDER, name: "events", rights: SYSTEM_RIGHTS, clock: systemClock });
    port = await findFreePorts(1);
    writeFhirSettings(network, port);
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    double = await startPdsDouble({ ...KEY, publicKey });
    const parts = { clock: systemClock, random: systemRandom };
    const http = makeHttp({ fetch: globalThis.fetch, clock: systemClock, hosts: [double.host], withinMs: 5_000 });
    const apiKey = new Concealed(KEY.apiKey);
    const tokens = makeSignedJwtTokens({
      ...parts,
      http,
      tokenUrl: double.tokenUrl,
      apiKey,
      keyId: KEY.keyId,
      privateKey,
    });
    const organisation = parseOrganisationCode("RRK")!;
    const pds = makePdsClient({ http, tokens, random: systemRandom, baseUrl: double.baseUrl, organisation });
    const settings = readSettings(network.configPath);
    node = await startNode(settings, { ...parts, log: silentLog, protocol: PROTOCOL, onFatal: () => {}, pds });
    reader = openDatabase(join(network.dataDir, "index.db"), { readonly: true });
  });
  after(async () => {
    for (const agent of agents) agent.destroy();
    reader?.close();
    await node?.stop();
    await double?.close();
    network?.remove();
  });

  const sendAs = (tls: TlsFiles) => {
    const agent = agentOf(tls);
    agents.push(agent);
    return (path: string, body: Json, method = "POST") =>
      send(port, agent, { method, path, body: JSON.stringify(body), headers: JSON_TYPE });
  };
  const systemTls = () => readCallerTls(callerFiles(network.certsDir, HOLDER, "events").directory);
  const post = (body: Json) => sendAs(systemTls())("/fhir/$process-message", body);
  const put = (localId: string, nhsNumber: string, name: Json, birthDate: string) => {
    const identifier = [
      { system: NHS_NUMBER, value: nhsNumber },
      { system: systemOf(PROVIDER), value: localId },
    ];
    const path = `/fhir/Patient?identifier=${encodeURIComponent(`${systemOf(PROVIDER)}|${localId}`)}`;
    return sendAs(network.callerTls("feed"))(
      path,
      { resourceType: "Patient", identifier, name: [name], birthDate },
      "PUT",
    );
  };
  async function until(isSo: () => boolean): Promise<void> {
    const endMs = performance.now() + 20_000;
    while (!isSo() && performance.now() < endMs) await sleep(50);
    assert.ok(isSo());
  }
  const found = (digits: string) => makeMpi(reader).personsByNumber(NhsNumber.parse(digits)!);
  const readOf = (digits: string) => double.requests.filter((each) => each.endsWith(`/Patient/${digits}`)).length;

  it("hides whom the service marks, though no provider does", async () => {
    const marked = "9000000025";
    assert.equal((await put("S1", marked, { family: "Smythe", given: ["Janet"] }, "2005-06-16")).status, 201);
    assert.deepEqual(
      found(marked).map(({ restricted }) => restricted),
      [false],
    );
    const answer = await post(anEvent(marked, "2025-05-01T10:00:00+00:00"));
    assert.equal(answer.status, 200, answer.text);
    await until(() => found(marked).every(({ restricted }) => restricted));
    assert.equal(readOf(marked), 1);
  });

  it("leads a number to the one that replaced it, told under the old one", async () => {
    const [old, now] = ["9000000068", "9000000009"];
    await put("S2", old, { family: "Smith", given: ["Jane"] }, "2010-10-22");
    await put("S3", now, { family: "Smith", given: ["Jane"] }, "2010-10-22");
    assert.equal((await post(anEvent(old, "2025-05-01T10:00:00Z"))).status, 200);
    await until(() => found(old).length === 1 && found(old)[0]?.personId === found(now)[0]?.personId);
  });

  it("asks nothing for an event that is older, that came before, or of nobody here", async () => {
    const before = double.requests.length;
    assert.equal((await post(anEvent("9000000025", "2025-04-01T10:00:00Z"))).status, 200);
    assert.equal((await post(anEvent("9000000025", "2025-05-01T10:00:00Z"))).status, 200);
    assert.equal((await post(anEvent("9000000017", "2025-05-01T10:00:00Z"))).status, 200);
    assert.equal(reader.prepare("SELECT count(*) FROM outbox WHERE kind = 'read-pds'").pluck().get(), 0);
    assert.equal(double.requests.length, before);
  });

  const locate = (family: string, given: string, birthDate: string): Promise<Ran> =>
    run([
      ...["locate", "--via", `https://127.0.0.1:${node.port}`, "--certs", network.callerDir("ward")],
      ...["--family", family, "--given", given, "--birth-date", birthDate, "--organisation", PROVIDER],
      ...["--role", "R8000", "--setting", "emergency", "--purpose", "TREAT", "--relationship", "attendance"],
      ...["--reason", "in resus", "--user", "u1"],
    ]);

  it("is asked for the number of whom this node does not know, and the other areas by it", async () => {
    const told = await locate("Smyth", "Jayne", "2010-10-22");
    assert.equal(told.code, 4, told.err); // nobody else is there
    assert.match(told.out, /asked with the NHS number that the national demographics service holds/);
    assert.match(double.requests.at(-1) ?? "", /\/Patient\?family=Smyth&.*_exact-match=true.*&_max-results=1$/);
  });

  it("leaves nobody asked where it knows nobody, marks them, or is away, and says which", async () => {
    const nobody = await locate("Smyth", "Jenny", "2010-10-22");
    assert.equal(nobody.code, 3, nobody.out);
    assert.match(nobody.err, /identity not known/);
    const marked = await locate("Smythe", "Janet", "2005-06-16");
    assert.equal(marked.code, 3, marked.out);
    assert.match(marked.err, /Restricted record: location protected/);
    double.answerNext((response) => response.writeHead(503).end());
    const away = await locate("Smyth", "Jayne", "2010-10-22");
    assert.equal(away.code, 1, away.out);
    assert.match(away.err, /identity not known.*national demographics service.*could not be asked/s);
    assert.doesNotMatch(nobody.err + marked.err + away.err, /smyth|jayne|2010-10|900/i);
  });

  it("is only for the node's own machinery: the rights to feed and to operate", async () => {
    for (const name of ["feed", "operator", "ward"]) {
      const answer = await sendAs(network.callerTls(name))(
        "/fhir/$process-message",
        anEvent("9000000009", "2025-06-01T10:00:00Z"),
      );
      assert.equal(answer.status, 403);
    }
    const metadata = JSON.parse((await sendAs(systemTls())("/fhir/metadata", {}, "GET")).text) as {
      rest: { operation: Json[] }[];
    };
    assert.deepEqual(
      metadata.rest[0]?.operation.map(({ name }) => name),
      ["process-message"],
    );
  });

  it("names the element of a message that is not one, and keeps nothing of it", async () => {
    const good = anEvent("9000000009", "2025-07-01T10:00:00Z");
    const [header, ...others] = good["entry"] as readonly { resource: Json }[];
    const cases: [message: Json, element: string][] = [
      [{ ...good, type: "collection" }, "Bundle.type"],
      [{ ...good, entry: others }, "Bundle.entry"],
      [{ ...good, entry: [header!, ...others, header!] }, "Bundle.entry"],
      [anEvent("9000000009", "yesterday"), "MessageHeader.meta.lastUpdated"],
      [anEvent("9000000009", "2999-01-01T00:00:00Z"), "MessageHeader.meta.lastUpdated"],
      [anEvent("9000000009", "2025-07-01T10:00:00Z", { event: "pds-change-of-gp-1" }), "MessageHeader.event"],
      [anEvent("9000000008", "2025-07-01T10:00:00Z"), "Patient.identifier"],
      [
        anEvent("9000000009", "2025-07-01T10:00:00Z", {
          patient: { identifier: [{ system: NHS_NUMBER, value: "9000000017" }] },
        }),
        "Patient.identifier",
      ],
    ];
    const events = () => reader.prepare("SELECT * FROM pds_event ORDER BY event_no").all();
    const before = events();
    for (const [message, element] of cases) {
      const { status, text } = await post(message);
      assert.equal(status, 422, text);
      assert.deepEqual((JSON.parse(text) as { issue: { expression: string[] }[] }).issue[0]?.expression, [element]);
      assert.doesNotMatch(text, /90000000/);
    }
    assert.deepEqual(events(), before);
  });
});
