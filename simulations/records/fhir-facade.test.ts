import assert from "node:assert/strict";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

import { FIXED_LINE } from "../../node/federation/verdict.ts";
import type { TestNetwork } from "../testing/a-network.ts";
import type { FhirAnswer } from "../testing/fhir-door.ts";
import type { TrialPerson } from "../testing/people.ts";
import { about, type Bundle, type Facade, form, NUMBER_SYSTEM, PDF, recordsIn, startFacade } from "./a-facade.ts";

describe("finding and opening records by FHIR", function () {
  this.timeout(60_000);
  let facade: Facade;
  let network: TestNetwork;
  let person: TrialPerson;
  let tokenOf: Facade["tokenOf"];
  let ask: Facade["ask"];

  before(async () => {
    facade = await startFacade();
    ({ network, person, tokenOf, ask } = facade);
  });
  after(() => facade?.stop());

  function bundleOf({ status, text }: FhirAnswer): Bundle {
    assert.equal(status, 200, text);
    return JSON.parse(text) as Bundle;
  }
  const issuesIn = ({ entry }: Bundle): { severity: string; code: string; diagnostics: string }[] =>
    entry.flatMap(({ resource }) =>
      resource.resourceType === "OperationOutcome" ? (resource["issue"] as never[]) : [],
    );

  it("says in its CapabilityStatement what it serves, made of its routes", async () => {
    const { status, text } = await ask({ path: "/fhir/metadata" });
    assert.equal(status, 200);
    const statement = JSON.parse(text) as { rest: [{ resource: { type: string; interaction: { code: string }[] }[] }] };
    const served = statement.rest[0].resource.map(({ type, interaction }) => [
      type,
      ...interaction.map(({ code }) => code),
    ]);
    assert.deepEqual(served, [
      ["Patient", "update", "search-type"],
      ["DocumentReference", "create", "delete", "search-type", "read"],
      ["Binary", "read"],
      ["AuditEvent", "search-type"],
    ]);
  });

  it("finds records in all areas, as DocumentReferences, with what the answer covers", async () => {
    const bundle = bundleOf(await ask(about(person)));
    assert.equal(bundle.total, 3);
    const letter = recordsIn(bundle).find(({ type }) => (type as { text: string }).text === "Discharge letter");
    assert.ok(letter);
    assert.deepEqual((letter["custodian"] as { identifier: object }).identifier, {
      ...{ system: "https://fhir.nhs.uk/Id/ods-organization-code", value: "ELMH" },
    });
    const codes = (letter["type"] as { coding: { system: string; code: string }[] }).coding;
    assert.deepEqual(
      codes.map(({ code }) => code),
      ["823701000000103", "discharge-letter"],
    );
    const said = issuesIn(bundle).map(({ diagnostics }) => diagnostics);
    assert.match(said[0] ?? "", /^3 of 3 areas answered/);
    assert.equal(said[1], FIXED_LINE);
  });

  it("takes the search in the address too, by NRL's names, and filters by type and custodian", async () => {
    const query = new URLSearchParams({ "subject:identifier": `${NUMBER_SYSTEM}|${person.nhsNumber}` });
    query.set("subject:Patient.birthdate", person.birthDate);
    query.set("type", "http://snomed.info/sct|886921000000105");
    const requestId = randomUUID();
    const headers = { "x-request-id": requestId, "x-correlation-id": "epr-1", "nhsd-end-user-organisation-ods": "RRK" };
    const answer = await ask({ path: `/fhir/DocumentReference?${query.toString()}`, headers });
    assert.deepEqual(
      recordsIn(bundleOf(answer)).map(({ type }) => (type as { text: string }).text),
      ["Allergies and adverse reactions"],
    );
    assert.deepEqual([answer.headers["x-request-id"], answer.headers["x-correlation-id"]], [requestId, "epr-1"]);
    assert.equal(network.entries("elm", requestId).length, 1, "the request's id pairs both ends");
    const count = bundleOf(
      await ask(
        about(person, {
          _summary: "count",
          "custodian:identifier": "https://fhir.nhs.uk/Id/ods-organization-code|ASHH",
        }),
      ),
    );
    assert.deepEqual([count.total, recordsIn(count).length], [1, 0]);
  });

  it("opens what was found, under an id that names nobody, and only to whom it was shown", async () => {
    const letter = recordsIn(bundleOf(await ask(about(person)))).find(
      ({ type }) => (type as { text: string }).text === "Discharge letter",
    );
    const [content] = letter!["content"] as { attachment: { url: string } }[];
    assert.match(content!.attachment.url, /^Binary\/[0-9a-f-]{36}$/);
    const opened = await ask({ path: `/fhir/${content!.attachment.url}` });
    assert.deepEqual([opened.status, opened.text], [200, PDF.toString()]);
    assert.equal(opened.headers["content-type"], "application/pdf");
    assert.match(String(opened.headers["content-security-policy"]), /default-src 'none'; sandbox/);
    assert.match(String(opened.headers["corridor-custodian"]), /^ELMH /);
    const read = await ask({ path: `/fhir/DocumentReference/${letter!.id}` });
    assert.deepEqual(JSON.parse(read.text), letter);
    const other = await tokenOf({ nhsid_useruid: "555000000002" });
    for (const path of [content!.attachment.url, `DocumentReference/${letter!.id}`, `Binary/${randomUUID()}`]) {
      const refused = await ask({ path: `/fhir/${path}` }, other);
      assert.equal(refused.status, 404, path);
      assert.match(refused.text, /NO_RECORD_FOUND/);
    }
  });

  it("gives no address for a record whose source is not connected, and says whom to ask", async () => {
    const own = recordsIn(bundleOf(await ask(about(person)))).find(
      ({ type }) => (type as { text: string }).text === "Clinical letter",
    );
    assert.deepEqual(own!["content"], [{ attachment: { title: "Clinical letter", creation: "2025-03-02" } }]);
    assert.match(
      String(own!["description"]),
      /It cannot be opened from here: ask the organisation\. Phone 01632 960000\./,
    );
  });

  it("says of a record whose source is down that it exists, and not that it is none", async () => {
    const allergies = recordsIn(bundleOf(await ask(about(person)))).find(
      ({ type }) => (type as { text: string }).text === "Allergies and adverse reactions",
    );
    const [content] = allergies!["content"] as { attachment: { url: string } }[];
    const { status, text } = await ask({ path: `/fhir/${content!.attachment.url}` }); // its file is not there
    assert.equal(status, 404);
    assert.match(text, /Record exists \(Allergies and adverse reactions, 2025-03-02\).*Do not read as \\"none\\"/);
  });

  it("says twice what did not answer, with no total", async () => {
    const oak = network.mesh.node("oak");
    process.kill(oak.process.pid, "SIGSTOP");
    try {
      const bundle = bundleOf(await ask(about(person)));
      assert.ok(!("total" in bundle));
      const [first] = bundle.entry;
      assert.equal(
        (first!.resource["type"] as { text: string }).text,
        "1 area did not answer: do not assume nothing more",
      );
      assert.ok(
        issuesIn(bundle).some(({ code, diagnostics }) => code === "incomplete" && /oak area/.test(diagnostics)),
      );
      const counted = bundleOf(await ask(about(person, { _summary: "count" })));
      assert.ok(!("total" in counted));
    } finally {
      process.kill(oak.process.pid, "SIGCONT");
    }
  });

  it("looks for people in this area's own index, by the parameters of PDS, and by $match", async () => {
    const searched = form({ family: "Trial", given: "Robin", birthdate: `eq${person.birthDate}` });
    const bundle = bundleOf(await ask({ ...searched, path: "/fhir/Patient/_search" }));
    const [found] = recordsIn(bundle);
    assert.deepEqual([bundle.total, found?.["birthDate"], found?.resourceType], [1, person.birthDate, "Patient"]);
    assert.equal((found!["identifier"] as { value: string }[])[0]?.value, person.nhsNumber);
    const counting = form({ family: "Trial", given: "Robin", birthdate: `eq${person.birthDate}`, _summary: "count" });
    const counted = bundleOf(await ask({ ...counting, path: "/fhir/Patient/_search" }));
    assert.deepEqual([counted.total, counted.entry], [1, undefined]);
    const resource = {
      resourceType: "Patient",
      name: [{ family: "Triall", given: ["Robin"] }],
      birthDate: person.birthDate,
    };
    const body = JSON.stringify({ resourceType: "Parameters", parameter: [{ name: "resource", resource }] });
    const headers = { "content-type": "application/fhir+json" };
    const matched = bundleOf(await ask({ method: "POST", path: "/fhir/Patient/$match", headers, body }));
    assert.deepEqual(recordsIn(matched), [found]);
    for (const wrong of [
      { family: "Trial" },
      { birthdate: "eq1958-02-03" },
      { family: "T*", birthdate: "eq1958-02-03" },
      { other: "1" },
    ]) {
      const { status, text } = await ask({
        ...form(wrong),
        path: "/fhir/Patient/_search",
      });
      assert.equal(status, 400, text);
      assert.ok(!text.includes("1958"));
    }
  });

  it("lets an application without a user have one match, or none, and open nothing", async () => {
    const token = await tokenOf({ nhsid_useruid: undefined, relationship: { kind: "registered" } });
    const search = form({ family: "Trial", birthdate: `eq${person.birthDate}`, "_max-results": "5" });
    assert.equal((await ask({ ...search, path: "/fhir/Patient/_search" }, token)).status, 403);
    const letter = recordsIn(bundleOf(await ask(about(person), token))).find(
      ({ type }) => (type as { text: string }).text === "Discharge letter",
    );
    const [content] = letter!["content"] as { attachment: { url: string } }[];
    const opened = await ask({ path: `/fhir/${content!.attachment.url}` }, token);
    assert.deepEqual([opened.status, /opened by a person/.test(opened.text)], [403, true]);
  });

  const bad: readonly [string, Record<string, string>, RegExp][] = [
    ["no birth date", { "patient.identifier": `${NUMBER_SYSTEM}|9000000017` }, /patient\.birthdate/],
    ["no number", { "patient.birthdate": "1958-02-03" }, /patient\.identifier/],
    [
      "a wrong check digit",
      { "patient.identifier": `${NUMBER_SYSTEM}|9000000018`, "patient.birthdate": "1958-02-03" },
      /INVALID_NHS_NUMBER/,
    ],
    [
      "another system",
      { "patient.identifier": "urn:other|1", "patient.birthdate": "1958-02-03" },
      /patient\.identifier must be/,
    ],
    ["an unknown parameter", { wildcard: "*", "patient.birthdate": "1958-02-03" }, /not known here/],
    [
      "another status",
      { "patient.identifier": `${NUMBER_SYSTEM}|9000000017`, "patient.birthdate": "1958-02-03", status: "superseded" },
      /status/,
    ],
  ];
  for (const [what, parameters, says] of bad) {
    it(`refuses a search with ${what}, and repeats nothing of it`, async () => {
      const { status, text } = await ask(form(parameters));
      assert.equal(status, 400);
      assert.match(text, says);
      assert.ok(!text.includes("900000001") && !text.includes("1958"), text);
    });
  }

  it("believes no token but this application's own, for this door, of this moment", async () => {
    const stranger = generateKeyPairSync("ed25519").privateKey;
    const tokens: readonly [string, string][] = [
      ["none", ""],
      ["words", "abc"],
      ["another's signature", await tokenOf({}, { signedBy: stranger })],
      ["one that lives too long", await tokenOf({}, { lives: 3_600 })],
      ["one that has expired", await tokenOf({}, { lives: -120 })],
      ["one for another door", await tokenOf({}, { door: "elm" })],
      [
        "one without a signature",
        `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from("{}").toString("base64url")}.`,
      ],
    ];
    for (const [what, token] of tokens) {
      assert.equal((await ask(about(person), token)).status, 401, what);
    }
  });

  it("holds a token's claims against the caller's rights, and its organisation against the header", async () => {
    const roleOf = (role_code: string, org_code = "RRK") => ({
      nhsid_nrbac_roles: [{ person_roleid: "1", org_code, role_code }],
    });
    assert.equal((await ask(about(person), await tokenOf(roleOf("R9999")))).status, 403);
    assert.equal((await ask(about(person), await tokenOf(roleOf("R8000", "RJ1")))).status, 403);
    assert.equal((await ask(about(person), await tokenOf({ purpose_of_use: "RESEARCH" }))).status, 403);
    const headers = { "nhsd-end-user-organisation-ods": "RJ1" };
    const other = { ...about(person), headers: { ...about(person).headers, ...headers } };
    assert.equal((await ask(other)).status, 403);
    assert.equal((await ask(about(person), await tokenOf({ setting: "moon" }))).status, 400);
    assert.equal((await ask(about(person), await tokenOf({ reason: undefined }))).status, 403);
  });

  it("says in the Spine's words why it refuses, and mirrors whose request it was", async () => {
    const headers = { "x-request-id": randomUUID(), "x-correlation-id": "epr-2" };
    const refusals: readonly [answer: FhirAnswer, status: number, code: string][] = [
      [await ask({ path: "/fhir/nothing", headers }), 404, "RESOURCE_NOT_FOUND"],
      [await ask({ path: `/fhir/Binary/${randomUUID()}`, headers }), 404, "NO_RECORD_FOUND"],
      [
        await ask({ ...about(person), headers: { ...about(person).headers, ...headers } }, "none"),
        401,
        "ACCESS_DENIED",
      ],
      [
        await ask(
          { ...about(person), headers: { ...about(person).headers, ...headers } },
          await tokenOf({ purpose_of_use: "RESEARCH" }),
        ),
        ...([403, "ACCESS_DENIED"] as const),
      ],
      [await ask({ path: "/fhir/DocumentReference?x=1", headers }), 400, "INVALID_PARAMETER"],
      [await ask({ path: "/fhir/AuditEvent", headers }), 400, "INVALID_PARAMETER"],
    ];
    for (const [answer, status, code] of refusals) {
      const { issue } = JSON.parse(answer.text) as {
        issue: [{ details: { coding: [{ system: string; code: string }] } }];
      };
      const [{ system, code: said }] = issue[0].details.coding;
      assert.deepEqual([answer.status, said], [status, code], answer.text);
      assert.equal(system, "https://fhir.nhs.uk/CodeSystem/Spine-ErrorOrWarningCode");
      const mirrored = ["x-request-id", "x-correlation-id"].map((name) => answer.headers[name]);
      assert.deepEqual(mirrored, Object.values(headers));
    }
  });

  it("keeps numbers and names out of its log", () => {
    const log = readFileSync(network.mesh.paths.log("ash"), "utf8");
    assert.ok(log.length > 0);
    assert.ok(!log.includes(person.nhsNumber) && !log.includes(person.birthDate));
  });
});
