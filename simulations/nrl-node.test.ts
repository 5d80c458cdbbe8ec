import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import type { Agent } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { stringify } from "yaml";

import type { CallerRights } from "../certs/caller-rights.ts";
import { issueCaller } from "../certs/issue.ts";
import { callerFiles } from "../certs/layout.ts";
import { systemClock } from "../node/base/clock.ts";
import { openDatabase } from "../node/storage/database.ts";
import { readCallerTls, type TlsFiles } from "../node/wire/tls-files.ts";
import type { NrlDouble } from "./nrl-double.ts";
import type { Json } from "./nrl-rules.ts";
import type { DoublePerson } from "./pds-people.ts";
import { type DoorNetwork, type DoorNode, HOLDER, makeDoorNetwork, PROVIDER } from "./testing/doors-network.ts";
import { agentOf, type FhirAnswer, send, systemOf, writeFhirSettings } from "./testing/fhir-door.ts";
import { findFreePorts } from "./testing/free-ports.ts";
import { type NationalServices, OWN_CODE, startNationalServices } from "./testing/national-services.ts";

const JSON_TYPE = { "content-type": "application/fhir+json" };
const NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number";
const EVENTS_RIGHTS: CallerRights = {
  ...{ roles: [], settings: [], organisations: [], sandbox: false },
  ...{ feed: true, operate: true },
};

interface Patient {
  readonly localId: string;
  readonly nhsNumber: string;
  readonly family: string;
  readonly given: string;
  readonly birthDate: string;
}

const JANE = { localId: "N1", nhsNumber: "9000000009", family: "Smith", given: "Jane", birthDate: "2010-10-22" };
const JAYNE = { localId: "N2", nhsNumber: "9000000017", family: "Smyth", given: "Jayne", birthDate: "2010-10-22" };
const JOHN = { localId: "N3", nhsNumber: "9000000041", family: "Smith", given: "John", birthDate: "2010-10-22" };
const OLIVE = { localId: "N4", nhsNumber: "9000000092", family: "Archer", given: "Olive", birthDate: "1932-02-03" };
/** Whom the national service marks as restricted, and of whom it says that they have died. */
const JANET = { localId: "N5", nhsNumber: "9000000025", family: "Smythe", given: "Janet", birthDate: "2005-06-16" };
const IVY = { localId: "N6", nhsNumber: "9000000084", family: "Archer", given: "Ivy", birthDate: "1931-02-03" };

/** As the national service has somebody. */
function asKnown({ nhsNumber: number, family, given, birthDate: born }: Patient): DoublePerson {
  return { number, version: 9, names: [{ use: "usual", family, given: [given] }], born };
}

describe("a node that publishes to the record locator, with doubles of it and of the national service", function () {
  this.timeout(60_000);
  let network: DoorNetwork;
  let services: NationalServices;
  let nrl: NrlDouble;
  let node: DoorNode;
  let port: number;
  const agents: Agent[] = [];
  let said = "";

  before(async () => {
    network = await makeDoorNetwork();
    await issueCaller(network.certsDir, { node: HOLDER, name: "events", rights: EVENTS_RIGHTS, clock: systemClock });
    port = await findFreePorts(1);
    writeFhirSettings(network, port);
    services = await startNationalServices();
    ({ nrl } = services);
    appendFileSync(network.configPath, stringify(services.settingsIn(network.dir, { publish: true })));
    node = await network.start();
    for (const patient of [JANET, IVY, JANE, JAYNE, JOHN, OLIVE]) await load(patient);
  });
  after(async () => {
    for (const agent of agents) agent.destroy();
    await node?.stop();
    await services?.close();
    network?.remove();
  });

  async function sendAs(tls: TlsFiles, method: string, path: string, body: Json): Promise<FhirAnswer> {
    const agent = agentOf(tls);
    agents.push(agent);
    const headers = { ...JSON_TYPE, "nhsd-end-user-organisation-ods": PROVIDER };
    const answer = await send(port, agent, { method, path, body: JSON.stringify(body), headers });
    agent.destroy();
    assert.ok(answer.status < 300, answer.text);
    return answer;
  }
  const feed = (method: string, path: string, body: Json) => sendAs(network.callerTls("feed"), method, path, body);
  const snomed = (code: string): Json => ({ coding: [{ system: "http://snomed.info/sct", code }] });
  const organisation: Json = {
    identifier: { system: "https://fhir.nhs.uk/Id/ods-organization-code", value: PROVIDER },
  };

  async function load({ localId, nhsNumber, family, given, birthDate }: Patient): Promise<void> {
    const verified = {
      url: "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
      valueCodeableConcept: {
        coding: [{ system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus", code: "01" }],
      },
    };
    const identifier = [
      { system: NHS_NUMBER, value: nhsNumber, extension: [verified] },
      { system: systemOf(PROVIDER), value: localId },
    ];
    const path = `/fhir/Patient?identifier=${encodeURIComponent(`${systemOf(PROVIDER)}|${localId}`)}`;
    await feed("PUT", path, { resourceType: "Patient", identifier, name: [{ family, given: [given] }], birthDate });
    await feed("POST", "/fhir/DocumentReference", {
      ...{ resourceType: "DocumentReference", status: "current", type: snomed("823701000000103") },
      ...{ category: [snomed("734163000")], author: [organisation], custodian: organisation },
      subject: { identifier: { system: NHS_NUMBER, value: nhsNumber } },
      date: "2026-01-05T10:00:00Z",
      content: [{ attachment: { contentType: "application/pdf", url: "https://records.example/letter.pdf" } }],
      context: { practiceSetting: snomed("224891009") },
    });
  }

  async function hearOf(nhsNumber: string, event: string): Promise<void> {
    const identifier = [{ system: NHS_NUMBER, value: nhsNumber }];
    const lastUpdated = "2026-05-01T10:00:00Z";
    await sendAs(
      readCallerTls(callerFiles(network.certsDir, HOLDER, "events").directory),
      "POST",
      "/fhir/$process-message",
      {
        ...{ resourceType: "Bundle", type: "message" },
        entry: [
          {
            resource: {
              ...{ resourceType: "MessageHeader", meta: { lastUpdated }, timestamp: lastUpdated },
              event: { system: "https://fhir.nhs.uk/STU3/CodeSystem/EventType-1", code: event },
            },
          },
          { resource: { resourceType: "Patient", identifier } },
        ],
      },
    );
  }

  async function until(isSo: () => boolean, what: string): Promise<void> {
    const endMs = performance.now() + 20_000;
    while (!isSo() && performance.now() < endMs) await sleep(50);
    assert.ok(isSo(), what);
  }
  const isThere = ({ nhsNumber }: Patient): boolean => nrl.pointers(nhsNumber).length === 1;

  it("says there of everybody whom it can show, under ids of its own organisation", async () => {
    await until(() => [JANE, JAYNE, JOHN, OLIVE].every(isThere), "four pointers");
    assert.ok(nrl.pointers(JANE.nhsNumber).every((id) => id.startsWith(`${OWN_CODE}-`)));
  });

  it("never says so of whom the national service marks or has seen die, though no event told of it", () => {
    assert.equal(nrl.count(), 4);
    assert.deepEqual([isThere(JANET), isThere(IVY)], [false, false]);
  });

  it("takes back within seconds who has objected, is restricted or has died", async () => {
    await feed("PUT", "/fhir/Consent/c1", {
      ...{ resourceType: "Consent", id: "c1", status: "active", dateTime: "2026-01-01" },
      patient: { identifier: { system: systemOf(PROVIDER), value: JAYNE.localId } },
      ...{ scope: { coding: [{ code: "patient-privacy" }] }, provision: { type: "deny" } },
    });
    services.pds.put({ ...asKnown(JOHN), restricted: true });
    await hearOf(JOHN.nhsNumber, "pds-record-change-1");
    services.pds.put({ ...asKnown(OLIVE), died: "2026-05-01T00:00:00+00:00", deathNotice: "2" });
    await hearOf(OLIVE.nhsNumber, "pds-death-notification-1");
    await until(() => nrl.count() === 1, "one pointer");
    assert.ok(isThere(JANE));
  });

  it("has one pointer and no second where it is killed in the middle of it", async () => {
    const another = { localId: "N7", nhsNumber: "9000000114", family: "Archer", given: "Joy", birthDate: "1970-01-01" };
    services.pds.put(asKnown(another));
    nrl.loseNextCreation();
    await load(another);
    await until(() => nrl.pointers(another.nhsNumber).length > 0, "a pointer");
    said += node.output();
    await node.kill();
    node = await network.start();
    await sleep(5_000);
    assert.equal(nrl.pointers(another.nhsNumber).length, 1);
    assert.ok(isThere(JANE) && nrl.count() === 2);
  });

  it("has each in its audit, before it left, for whoever asks about that patient", () => {
    const audit = openDatabase(join(network.dataDir, "audit.db"), { readonly: true });
    const outcomes = audit.prepare<[string], string>(
      "SELECT outcome FROM audit_log WHERE kind = 'national' AND patient = ? ORDER BY seq",
    );
    const of = ({ nhsNumber }: Patient): string[] => outcomes.pluck().all(nhsNumber);
    try {
      assert.deepEqual([of(JANE), of(JAYNE), of(JANET)], [["published"], ["published", "taken-back"], []]);
    } finally {
      audit.close();
    }
  });

  it("has put no number into any address, nor into its log", async () => {
    said += node.output();
    for (const text of [said, ...nrl.requests]) assert.doesNotMatch(text, /9\d{9}|smyth|archer/i);
  });
});
