import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type ConnectionOptions } from "node:tls";

import type { Database } from "better-sqlite3";

import { issueCaller } from "../certs/issue.ts";
import { systemClock } from "../node/base/clock.ts";
import { seededRandom } from "../node/base/random.ts";
import { openDatabase } from "../node/storage/database.ts";
import type { TlsFiles } from "../node/wire/tls-files.ts";
import { catalogueRow } from "./testing/catalogue.ts";
import { aMarkedPerson } from "./testing/doors-people.ts";
import { ASKER, HOLDER, OTHERS_PROVIDER, PAUSED_PROVIDER, PROVIDER, makeDoorNetwork } from "./testing/doors-network.ts";
import { agentOf, type FhirAnswer, type FhirDoor, send, startFhirDoor, systemOf } from "./testing/fhir-door.ts";
import { mutate } from "./testing/fhir-mutations.ts";

const SYSTEM = systemOf(PROVIDER);
const JSON_TYPE = { "content-type": "application/fhir+json" };
const person = aMarkedPerson(0);

type Json = Readonly<Record<string, unknown>>;

function aPatient(localId: string, more: Json = {}, system = SYSTEM): Json {
  return {
    resourceType: "Patient",
    identifier: [{ system, value: localId }],
    active: true,
    name: [{ use: "official", family: person.familyName, given: [person.givenName] }],
    gender: "female",
    birthDate: person.birthDate,
    ...more,
  };
}

const replacedBy = (value: string, system = SYSTEM): Json => ({
  active: false,
  link: [{ type: "replaced-by", other: { identifier: { system, value } } }],
});

const pathOf = (localId: string, system = SYSTEM): string =>
  `/fhir/Patient?identifier=${encodeURIComponent(`${system}|${localId}`)}`;

/** Rows are only ever added to these, or their changes are counted with them. */
const TRACES = [
  ...["identity_record", "person", "event_move", "seen_message", "pointer", "pds_event"].map(
    (t) => `count(*) FROM ${t}`,
  ),
  "count(*), total(undone_by) FROM link_event",
  "group_concat(json_array(made_by, one, other)) FROM statement",
  "group_concat(identity_no) FROM review_item",
];

describe("the door for FHIR", function () {
  this.timeout(60_000);
  let door: FhirDoor;
  let reader: Database;

  before(async () => {
    door = await startFhirDoor();
    reader = openDatabase(join(door.network.dataDir, "index.db"), { readonly: true });
  });
  after(async () => {
    reader?.close();
    await door?.stop();
  });

  const put = (localId: string, patient: Json, headers: Record<string, string> = {}): Promise<FhirAnswer> =>
    door.send({ path: pathOf(localId), body: JSON.stringify(patient), headers: { ...JSON_TYPE, ...headers } });
  const held = (localId: string): Json | undefined =>
    reader.prepare("SELECT * FROM identity_record WHERE current = 1 AND local_id = ?").get(localId) as Json | undefined;
  const personOf = (localId: string): unknown => held(localId)?.["person_id"];
  /** Everything that a message could leave behind. */
  const state = (): string => JSON.stringify(TRACES.map((sql) => reader.prepare(`SELECT ${sql}`).raw().get()));
  /** Refused with that status, naming the element, and nothing is left of it. */
  async function refused(sending: () => Promise<FhirAnswer>, status: number, element?: string): Promise<void> {
    const before = state();
    const answer = await sending();
    assert.equal(answer.status, status, `${answer.text} ${JSON.stringify(answer.headers)}`);
    const { resourceType, issue } = JSON.parse(answer.text) as {
      resourceType: string;
      issue: { severity: string; diagnostics: string; expression?: string[] }[];
    };
    assert.equal(resourceType, "OperationOutcome");
    assert.equal(issue[0]?.severity, "error");
    if (element !== undefined) assert.deepEqual(issue[0]?.expression, [element], answer.text);
    assert.equal(state(), before, "nothing of it was kept");
  }

  describe("taking patients (ITI-104)", () => {
    it("adds a patient, revises it, and does nothing for the same again", async () => {
      const added = await put("A1", aPatient("A1"));
      assert.equal(added.status, 201, added.text);
      assert.equal(added.headers["etag"], 'W/"1"');
      assert.equal(held("A1")?.["family_name"], person.familyName, "durable when it is answered");
      const revised = await put("A1", aPatient("A1", { telecom: [{ system: "phone", value: person.phone }] }));
      assert.deepEqual([revised.status, revised.headers["etag"]], [200, 'W/"2"']);
      const again = await put("A1", aPatient("A1", { telecom: [{ system: "phone", value: person.phone }] }));
      assert.deepEqual([again.status, again.headers["etag"]], [200, 'W/"2"']);
    });

    it("takes the example of the profile: no id, an identifier of two, and no telling more than was asked", async () => {
      const more = {
        identifier: [
          { system: "https://fhir.nhs.uk/Id/nhs-number", value: person.nhsNumber },
          { system: SYSTEM, value: "A2" },
        ],
      };
      const added = await put("A2", aPatient("A2", { ...more, id: "whatever-its-server-calls-it" }));
      assert.equal(added.status, 201, added.text);
      assert.equal(String(held("A2")?.["nhs_number"]), person.nhsNumber);
    });

    it("answers one message once, told by its X-Request-ID, and never puts an old state back", async () => {
      const id = { "x-request-id": "5f0c3f0e-9c7e-4f2e-8a43-000000000001" };
      const first = await put("A3", aPatient("A3"), id);
      assert.deepEqual([first.status, first.headers["x-request-id"]], [201, id["x-request-id"]]);
      assert.equal((await put("A3", aPatient("A3", { gender: "other" }))).status, 200);
      const again = await put("A3", aPatient("A3"), id);
      assert.deepEqual([again.status, again.headers["etag"]], [201, 'W/"1"'], "its first answer");
      assert.equal(held("A3")?.["gender"], "other");
      await refused(() => put("A3", aPatient("A3", { gender: "male" }), id), 422);
      await refused(() => put("A3", aPatient("A3"), { "x-request-id": person.nhsNumber }), 400);
    });

    it("keeps what two change at once from being lost, where they ask for it", async () => {
      assert.equal((await put("A4", aPatient("A4"), { "if-none-match": "*" })).status, 201);
      await refused(() => put("A4", aPatient("A4", { gender: "male" }), { "if-none-match": "*" }), 412);
      await refused(() => put("A4", aPatient("A4", { gender: "male" }), { "if-match": 'W/"2"' }), 412);
      assert.equal((await put("A4", aPatient("A4", { gender: "male" }), { "if-match": 'W/"1"' })).status, 200);
      await refused(() => put("A4", aPatient("A4"), { "if-match": "the newest" }), 400);
    });

    it("takes one of two feeds that change one patient at once, and tells the other", async () => {
      const rights = { roles: [], settings: [], organisations: [PROVIDER], feed: true, operate: false, sandbox: false };
      const { certsDir } = door.network;
      await issueCaller(certsDir, { node: HOLDER, name: "feed-two", rights, clock: systemClock });
      const feeds = [door.network.callerTls("feed"), door.network.callerTls("feed-two")];
      assert.equal((await put("A7", aPatient("A7"))).status, 201);
      for (let version = 1; version <= 10; version++) {
        const phones = [`0163296${version + 1_000}`, `0163296${version + 2_000}`];
        const answers = await Promise.all(
          feeds.map((tls, at) => {
            const body = JSON.stringify(aPatient("A7", { telecom: [{ system: "phone", value: phones[at] }] }));
            const headers = { ...JSON_TYPE, "if-match": `W/"${version}"` };
            return door.send({ path: pathOf("A7"), body, headers }, tls);
          }),
        );
        const statuses = answers.map(({ status }) => status);
        assert.deepEqual(new Set(statuses), new Set([200, 412]));
        assert.equal(held("A7")?.["phone"], phones[statuses.indexOf(200)]);
      }
      assert.equal(held("A7")?.["version"], 11);
    });

    it("keeps the later day's record, whichever comes last", async () => {
      const dated = (day: string, gender: string) =>
        aPatient("A5", { gender, meta: { lastUpdated: `${day}T10:00:00Z` } });
      assert.equal((await put("A5", dated("2025-05-02", "male"))).status, 201);
      await refused(() => put("A5", dated("2025-05-01", "female")), 409);
    });

    it("is durable when it is answered, though the process is killed at once", async () => {
      assert.equal((await put("A6", aPatient("A6"))).status, 201);
      await door.restart();
      assert.equal(held("A6")?.["version"], 1);
      assert.equal((await put("A6", aPatient("A6"))).status, 200);
    });
  });

  describe("resolving duplicates", () => {
    const other = aMarkedPerson(1);
    const stranger = { name: [{ family: other.familyName, given: [other.givenName] }], birthDate: other.birthDate };
    const aStranger = (localId: string, more: Json = {}): Json => aPatient(localId, { ...stranger, ...more });

    it("merges a patient into the one that replaces it, and takes it back when it stands alone again", async () => {
      await put("M1", aPatient("M1"));
      await put("M2", aStranger("M2"));
      const before = personOf("M2");
      assert.notEqual(personOf("M1"), before);
      const merged = await put("M2", aStranger("M2", replacedBy("M1")));
      assert.equal(merged.status, 200, merged.text);
      assert.equal(personOf("M2"), personOf("M1"));
      assert.equal((await put("M2", aStranger("M2", replacedBy("M1")))).status, 200, "again");
      assert.equal(
        (await put("M2", aStranger("M2", { active: undefined }))).status,
        200,
        "an update says nothing of it",
      );
      assert.equal(personOf("M2"), personOf("M1"));
      assert.equal((await put("M2", aStranger("M2"))).status, 200);
      assert.equal(personOf("M2"), before, "where it was");
    });

    it("merges one that was never sent before", async () => {
      await put("M3", aPatient("M3"));
      assert.equal((await put("M4", aStranger("M4", replacedBy("M3")))).status, 201);
      assert.equal(personOf("M4"), personOf("M3"));
    });

    it("refuses a merge into nobody, itself, a circle or somebody else's patient, and keeps nothing of it", async () => {
      await put("M5", aPatient("M5"));
      await put("M6", aStranger("M6"));
      const patient = (more: Json): Json => aStranger("M6", { gender: "other", ...more });
      await refused(() => put("M6", patient(replacedBy("nobody"))), 422, "Patient.link");
      await refused(() => put("M99", aStranger("M99", replacedBy("nobody"))), 422, "Patient.link");
      assert.equal(held("M99"), undefined);
      await refused(() => put("M6", patient(replacedBy("M6"))), 422, "Patient.link");
      const elsewhere = replacedBy("M5", systemOf(OTHERS_PROVIDER));
      await refused(() => put("M6", patient(elsewhere)), 422, "Patient.link.other.identifier");
      await refused(() => put("M6", patient({ ...replacedBy("M5"), active: true })), 422, "Patient.active");
      const twice = [replacedBy("M5"), replacedBy("M1")].flatMap(({ link }) => link);
      await refused(() => put("M6", patient({ active: false, link: twice })), 422, "Patient.link");
      assert.equal((await put("M6", aStranger("M6", replacedBy("M5")))).status, 200);
      await refused(() => put("M5", aPatient("M5", replacedBy("M6"))), 422, "Patient.link");
      await refused(() => put("M6", patient(replacedBy("M1"))), 422, "Patient.link");
    });
  });

  describe("refusing", () => {
    const patient = (more: Json = {}): string => JSON.stringify(aPatient("R1", more));
    const sent = (order: Partial<Parameters<FhirDoor["send"]>[0]>, tls?: TlsFiles) => () =>
      door.send({ path: pathOf("R1"), body: patient(), headers: JSON_TYPE, ...order }, tls);

    it("names the element at fault", async () => {
      const cases: [more: Json, element: string][] = [
        [{ birthDate: "1859-12-31" }, "Patient.birthDate"],
        [{ birthDate: "2999-01-01" }, "Patient.birthDate"],
        [{ birthDate: { year: 1931 } }, "Patient.birthDate"],
        [{ gender: "unsaid" }, "Patient.gender"],
        [{ name: [{ family: "x".repeat(2_000) }] }, "Patient.name.family"],
        [{ name: [{ family: "Khan", given: ["x".repeat(2_000)] }] }, "Patient.name.given"],
        [{ name: [{ family: "M\ufffdller" }] }, "Patient.name.family"],
        [{ name: "Zephyrine" }, "Patient.name"],
        [{ identifier: [{ system: SYSTEM, value: "R2" }] }, "Patient.identifier"],
        [{ identifier: "R1" }, "Patient.identifier"],
        [{ active: false }, "Patient.active"],
        [{ active: "yes" }, "Patient.active"],
        [{ link: [null] }, "Patient.link"],
        [{ resourceType: "Person" }, "resourceType"],
        [{ modifierExtension: [{ url: "https://x.example" }] }, "Patient"],
      ];
      for (const [more, element] of cases) await refused(sent({ body: patient(more) }), 422, element);
    });

    it("reads no query but the one identifier", async () => {
      const base = pathOf("R1");
      for (const path of [
        `${base}&identifier=x|y`,
        `${base}&name=Eve`,
        "/fhir/Patient",
        "/fhir/Patient?identifier=R1",
      ]) {
        await refused(sent({ path }), 400, "Patient.identifier");
      }
      await refused(sent({ path: "/fhir/Patient?identifier=%ff%7c%00" }), 403);
    });

    it("takes JSON alone, of a size", async () => {
      const xml = { "content-type": "application/fhir+xml" };
      await refused(sent({ body: "<Patient xmlns='http://hl7.org/fhir'/>", headers: xml }), 415);
      await refused(sent({ headers: {} }), 415);
      await refused(sent({ headers: { ...JSON_TYPE, "content-encoding": "gzip" } }), 415);
      await refused(sent({ headers: { ...JSON_TYPE, accept: "application/fhir+xml" } }), 406);
      await refused(sent({ body: patient().slice(0, -9) }), 400);
      await refused(sent({ body: Buffer.from([0x22, 0xff, 0x22]) }), 400);
      await refused(sent({ body: "[]" }), 400);
      await refused(sent({ body: "" }), 400);
      await refused(sent({ body: `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}` }), 422);
      await refused(
        sent({ body: `${patient().slice(0, -1)},"contact":${"[".repeat(5_000)}${"]".repeat(5_000)}}` }),
        422,
      );
      await refused(sent({ body: patient({ photo: "x".repeat(3_000_000) }) }), 413);
      assert.equal((await door.send({ path: "/fhir/metadata", method: "GET" })).status, 200, "and goes on");
    });

    it("serves what its CapabilityStatement says, and nothing else", async () => {
      const metadata = await door.send({ path: "/fhir/metadata", method: "GET" });
      const { rest, fhirVersion } = JSON.parse(metadata.text) as {
        fhirVersion: string;
        rest: { resource: Json[]; operation: Json[] }[];
      };
      assert.equal(fhirVersion, "4.0.1");
      assert.deepEqual(
        rest[0]?.resource.map(({ type, conditionalUpdate }) => [type, conditionalUpdate]),
        [
          ["Patient", true],
          ["DocumentReference", undefined],
        ],
      );
      assert.deepEqual(
        rest[0]?.operation,
        [],
        "without a connection to the national service, its events are not taken",
      );
      await refused(sent({ method: "DELETE", body: "" }), 400);
      for (const method of ["GET", "POST", "PATCH", "OPTIONS"]) await refused(sent({ method }), 405);
      await refused(sent({ path: "/fhir/Patient/R1" }), 404);
      await refused(sent({ path: "/" }), 404);
      await refused(sent({ path: "/fhir/$process-message", method: "POST" }), 404);
    });

    it("says the same as OpenAPI, made of its routes: each is there, and each reference leads somewhere", async () => {
      const { status, text } = await door.send({ path: "/fhir/openapi.json", method: "GET" });
      assert.equal(status, 200);
      const told = JSON.parse(text) as {
        openapi: string;
        paths: Record<string, Record<string, Json>>;
        components: Json;
      };
      assert.equal(told.openapi, "3.1.0");
      const routes = Object.entries(told.paths).flatMap(([path, of]) =>
        Object.keys(of).map((method) => `${method} ${path}`),
      );
      assert.deepEqual(routes.toSorted(), [
        "delete /DocumentReference/{id}",
        "delete /Patient",
        "get /metadata",
        "get /openapi.json",
        "post /DocumentReference",
        "put /Consent/{id}",
        "put /Patient",
      ]);
      const ids = Object.values(told.paths).flatMap((of) => Object.values(of).map(({ operationId }) => operationId));
      assert.equal(new Set(ids).size, ids.length, "each operation has a name of its own");
      for (const [, pointer] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
        const found = pointer!.split("/").reduce<unknown>((at, key) => (at as Json | undefined)?.[key], told);
        assert.ok(found !== undefined, pointer);
      }
      const consent = told.paths["/Consent/{id}"]!["put"] as { parameters: Json[]; requestBody: Json };
      assert.ok(consent.parameters.some(({ name, in: where }) => name === "id" && where === "path"));
      assert.ok(consent.requestBody);
    });

    it("lets nobody speak for whom its certificate does not name, and says the same of those who are not here", async () => {
      const ward = door.network.callerTls("ward");
      await refused(sent({}, ward), 403);
      await refused(sent({}, door.network.callerTls("operator")), 403);
      await refused(sent({}, door.network.nodeTls(ASKER)), 403);
      await refused(sent({}, door.network.nodeTls(HOLDER)), 403);
      await refused(sent({}, door.network.callerTls("ward", ASKER)), 403);
      const path = pathOf("R1", systemOf(OTHERS_PROVIDER));
      await refused(sent({ path, body: JSON.stringify(aPatient("R1", {}, systemOf(OTHERS_PROVIDER))) }), 403);
      const [others, nobodys] = await Promise.all([
        sent({ path })(),
        sent({ path: pathOf("R1", "https://nobody.example/Id") })(),
      ]);
      assert.deepEqual([others.status, others.text], [nobodys.status, nobodys.text]);
      const paused = systemOf(PAUSED_PROVIDER);
      await refused(sent({ path: pathOf("R1", paused), body: JSON.stringify(aPatient("R1", {}, paused)) }), 403);
      assert.equal((await door.send({ path: "/fhir/metadata", method: "GET" }, ward)).status, 200);
    });

    it("opens to no certificate but this network's, and to TLS 1.3 alone", async () => {
      const { certificate: cert, key, trust: ca } = door.network.callerTls("feed");
      const own: ConnectionOptions = { cert, key, ca };
      const elsewhere = await makeDoorNetwork();
      try {
        const theirs = elsewhere.callerTls("feed");
        assert.equal(await answers({ ca }), false, "no certificate");
        assert.equal(await answers({ ca, cert: theirs.certificate, key: theirs.key }), false, "another network's");
        assert.equal(await answers({ ...own, maxVersion: "TLSv1.2" }), false, "an older TLS");
        assert.equal(await answers(own), true);
      } finally {
        elsewhere.remove();
      }
      const forged = await door.network.forge(ASKER, "itself");
      assert.equal(await answers({ ca, cert: forged.certificate, key: forged.key }), false, "its own authority");
    });

    /** True where anything comes back over such a connection. */
    async function answers(options: ConnectionOptions): Promise<boolean> {
      const socket = connect({ host: "127.0.0.1", port: door.port, checkServerIdentity: () => undefined, ...options });
      let text = "";
      socket.on("data", (part: Buffer) => (text += part.toString("latin1")));
      socket.on("error", () => {});
      socket.write("GET /fhir/metadata HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n");
      await new Promise((resolve) => socket.once("close", resolve));
      return text.startsWith("HTTP/1.1 200");
    }

    it("survives what is not HTTP, and requests that no library would send", async () => {
      const { certificate: cert, key, trust: ca } = door.network.callerTls("feed");
      const raw = async (text: string): Promise<string> => {
        const socket = connect({
          host: "127.0.0.1",
          port: door.port,
          cert,
          key,
          ca,
          checkServerIdentity: () => undefined,
        });
        let answer = "";
        socket.on("data", (part: Buffer) => (answer += part.toString("latin1")));
        socket.on("error", () => {});
        socket.end(text);
        await new Promise((resolve) => socket.once("close", resolve));
        return /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? "closed";
      };
      const end = "Host: node\r\nConnection: close\r\n\r\n";
      const hostile: [text: string, status: RegExp][] = [
        ["\x16\x03\x01 nonsense\r\n\r\n", /^400$/],
        [`TRACE /fhir/metadata HTTP/1.1\r\n${end}`, /^40[05]$/],
        [`CONNECT node:443 HTTP/1.1\r\n${end}`, /^closed$/],
        [`GET //[ HTTP/1.1\r\n${end}`, /^40[04]$/],
        [`GET http://[ HTTP/1.1\r\n${end}`, /^40[04]$/],
        [`GET * HTTP/1.1\r\n${end}`, /^40[04]$/],
        [`GET /fhir/%2e%2e/%ff HTTP/1.1\r\n${end}`, /^404$/],
        ["GET /fhir/metadata HTTP/1.1\r\n\r\n", /^400$/],
        [`GET /fhir/metadata HTTP/1.1\r\nHost: a b<>\r\nConnection: close\r\n\r\n`, /^400$/],
        [`GET /fhir/metadata HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n${end}`, /^431$/],
        [`PUT ${pathOf("R1")} HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n${end}`, /^400$/],
        [
          `PUT ${pathOf("R1")} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n${end}`,
          /^413$/,
        ],
        [
          `PUT ${pathOf("R1")} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n${end}{`,
          /^400$|^closed$/,
        ],
        [`PUT ${pathOf("R1")} HTTP/1.1\r\nExpect: miracles\r\n${end}`, /^417$/],
      ];
      for (const [text, status] of hostile) assert.match(await raw(text), status, JSON.stringify(text.slice(0, 80)));
      assert.ok(door.node().isAlive());
    });

    it("stops reading a message that never ends", async () => {
      const agent = agentOf(door.network.callerTls("feed"));
      const body = Buffer.alloc(8 * 1024 * 1024, 0x20);
      const headers = { ...JSON_TYPE, "transfer-encoding": "chunked" };
      const answer = await send(door.port, agent, { path: pathOf("R1"), headers, body }).catch(() => undefined);
      agent.destroy();
      assert.ok(answer === undefined || answer.status === 413, "refused, or cut off");
      assert.ok(door.node().isAlive());
    });
  });

  describe("whatever is sent", () => {
    catalogueRow(
      {
        id: "F1",
        title: "a changed Patient is taken whole or refused whole, never a fault of the node's",
        quick: 500,
        full: 20_000,
      },
      async (trials) => {
        const counts: Record<string, number> = {};
        for (const trial of trials) {
          const random = seededRandom(trial + 1);
          const localId = `F${trial % 40}`;
          const link = trial % 3 === 0 ? replacedBy(`F${(trial * 7) % 40}`) : {};
          const body = mutate(
            JSON.stringify(aPatient(localId, { ...link, telecom: [{ system: "phone", value: person.phone }] })),
            random,
          );
          const before = state();
          const answer = await door.send({ path: pathOf(localId), body, headers: JSON_TYPE });
          counts[answer.status] = (counts[answer.status] ?? 0) + 1;
          assert.ok(
            [200, 201, 400, 403, 409, 422].includes(answer.status),
            `${trial}: ${answer.status} ${answer.text}`,
          );
          if (answer.status < 300) assert.ok(held(localId), `${trial} was taken`);
          else assert.equal(state(), before, `${trial} left something behind`);
        }
        assert.ok(
          (counts["200"] ?? 0) > 0 && (counts["422"] ?? 0) > 0,
          "changes that are taken and changes that are not",
        );
        assert.ok(door.node().isAlive());
        return { counts };
      },
    );
  });

  describe("after all that", () => {
    it("says nothing of a patient in its log or its answers", async () => {
      const bad = await put("P1", aPatient("P1", { gender: person.familyName, birthDate: "1859-01-01" }));
      const output = door.node().output();
      assert.match(output, /"event":"request"/);
      for (const text of [output, bad.text]) {
        for (const value of Object.values<string>({ ...person })) assert.ok(!text.includes(value), value);
        assert.ok(!text.includes("identifier="), "no query");
      }
      assert.ok(!output.includes('"failure":"internal"') && !output.includes("request-failed"), output);
    });
  });

  describe("killed at any moment", () => {
    catalogueRow(
      {
        id: "F2",
        title: "what was answered is there, once, and what was not is taken when it is sent again",
        quick: 3,
        full: 200,
      },
      async (trials) => {
        let answered = 0;
        for (const trial of trials) {
          const killed = sleep(20 + 300 * seededRandom(trial + 1).fraction()).then(() => door.node().kill());
          const sent: string[] = [];
          const message = (place: number): Promise<FhirAnswer> => {
            const localId = sent[place]!;
            const more = place % 2 === 0 ? {} : replacedBy(sent[0]!);
            return put(localId, aPatient(localId, more), { "x-request-id": `kill-${localId}` });
          };
          const statuses: number[] = [];
          for (let place = 0; door.node().isAlive(); place++) {
            sent.push(`K${trial}-${place}`);
            const answer = await message(place).catch(() => undefined);
            if (answer === undefined) break;
            statuses.push(answer.status);
          }
          await killed;
          await door.restart();
          for (const [place, status] of statuses.entries()) {
            assert.equal(status, 201);
            assert.equal(held(sent[place]!)?.["version"], 1, `${sent[place]} was answered`);
          }
          if (statuses.length < sent.length) assert.equal((await message(statuses.length)).status, 201, "sent again");
          for (const localId of sent) assert.equal(held(localId)?.["version"], 1);
          answered += statuses.length;
        }
        assert.ok(answered > 0, "some were answered before");
        return { counts: { answered } };
      },
    );
  });

  it("acknowledges nothing that a full disk did not take, and says so", async () => {
    const files = readdirSync(door.network.dataDir).map((name) => statSync(join(door.network.dataDir, name)).size);
    await door.restart(Math.ceil(Math.max(...files) / 512) + 100);
    const answered: string[] = [];
    let last: FhirAnswer | undefined;
    for (let place = 0; place < 2_000; place++) {
      last = await put(`D${place}`, aPatient(`D${place}`)).catch(() => undefined);
      if (last === undefined || last.status >= 300) break;
      answered.push(`D${place}`);
    }
    assert.ok(last === undefined || last.status === 503, last?.text);
    await door.restart();
    for (const localId of answered) assert.ok(held(localId), localId);
    const next = `D${answered.length}`;
    assert.ok([200, 201].includes((await put(next, aPatient(next))).status), "and goes on where there is room again");
  });
});
