import assert from "node:assert/strict";

import { type FhirAnswer, systemOf } from "../testing/fhir-door.ts";
import { about, type Bundle, type Facade, NUMBER_SYSTEM, recordsIn, type Resource, startFacade } from "./a-facade.ts";
import { aPointer, FROM_ASH, organisation, snomed } from "./producing.ts";

const SNOMED = "http://snomed.info/sct";
const OWN = "ASHH";

describe("publishing where records are, as a producer of the National Record Locator does", function () {
  this.timeout(60_000);
  let facade: Facade;

  before(async () => {
    facade = await startFacade();
  });
  after(() => facade?.stop());

  const pointer = (more: Record<string, unknown> = {}) => aPointer(facade.person.nhsNumber, more);
  function post(body: unknown, headers: Record<string, string> = {}): Promise<FhirAnswer> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return facade.feed({
      method: "POST",
      path: "/fhir/DocumentReference",
      headers: { ...FROM_ASH, ...headers },
      body: text,
    });
  }
  const remove = (id: string, organisationCode = OWN): Promise<FhirAnswer> =>
    facade.feed({
      ...{ method: "DELETE", path: `/fhir/DocumentReference/${id}` },
      headers: { "nhsd-end-user-organisation-ods": organisationCode },
    });
  async function plans(): Promise<readonly Resource[]> {
    const answer = await facade.ask(about(facade.person, { type: `${SNOMED}|887701000000100` }));
    return recordsIn(JSON.parse(answer.text) as Bundle);
  }
  const idOf = ({ status, headers, text }: FhirAnswer): string => {
    assert.equal(status, 201, text);
    return /^DocumentReference\/(ASHH-[0-9a-f]{20})$/.exec(String(headers["location"]))![1]!;
  };
  const replacing = (id: string) => ({ relatesTo: [{ code: "replaces", target: { identifier: { value: id } } }] });
  const said = ({ text }: FhirAnswer): string =>
    (JSON.parse(text) as { issue: [{ details?: { coding: [{ code: string }] } }] }).issue[0].details?.coding[0].code ??
    "";

  it("keeps a pointer, which the next question finds, and takes it back", async () => {
    assert.equal((await plans()).length, 0);
    const created = await post(pointer());
    const id = idOf(created);
    assert.equal(said(created), "RESOURCE_CREATED");
    const [plan, ...more] = await plans();
    assert.deepEqual([plan?.["custodian"], more], [{ ...organisation(OWN), display: "ash area Hospital" }, []]);
    const removed = await remove(id);
    assert.deepEqual([removed.status, said(removed)], [200, "RESOURCE_REMOVED"]);
    assert.equal((await plans()).length, 0);
    const again = await remove(id);
    assert.deepEqual([again.status, said(again)], [404, "NO_RECORD_FOUND"]);
  });

  it("replaces a pointer by another of the same patient and type, whole or not at all", async () => {
    const first = idOf(await post(pointer()));
    const url = "https://records.ash.example/plan-2.pdf";
    const content = [{ attachment: { contentType: "application/pdf", url } }];
    const superseding = await post(pointer({ content, ...replacing(first) }));
    const second = idOf(superseding);
    assert.equal(said(superseding), "RESOURCE_SUPERSEDED");
    assert.equal((await plans()).length, 1);
    assert.equal((await remove(first)).status, 404, "the old one is gone");
    for (const [what, order] of [
      ["one that is gone", replacing(first)],
      ["another type", { type: snomed("1382601000000107"), ...replacing(second) }],
      ["another organisation's", replacing("ELMH-00000000000000000000")],
    ] as const) {
      const refused = await post(pointer(order));
      assert.deepEqual([refused.status, said(refused)], [400, "BAD_REQUEST"], what);
    }
    assert.equal((await plans()).length, 1, "what was refused left nothing");
    assert.equal((await remove(second)).status, 200);
  });

  it("answers one message once, told by its X-Request-ID", async () => {
    const headers = { "x-request-id": "5f0c3f0e-9c7e-4f2e-8a43-000000000008" };
    const first = idOf(await post(pointer(), headers));
    assert.equal(idOf(await post(pointer(), headers)), first);
    assert.equal((await plans()).length, 1);
    assert.equal((await post(pointer({ date: "2026-01-06" }), headers)).status, 409);
    await remove(first);
  });

  it("knows a patient by the custodian's own identifier as well", async () => {
    const own = { subject: { identifier: { system: systemOf(OWN), value: "P0" } } };
    const id = idOf(await post(pointer(own)));
    assert.equal((await plans()).length, 1);
    await remove(id);
    for (const [value, status] of [
      ["P77", 422],
      ["", 400],
    ] as const) {
      const nobody = { subject: { identifier: { system: systemOf(OWN), value } } };
      assert.equal((await post(pointer(nobody))).status, status);
    }
  });

  const identifier = (system: string, value: string) => ({ identifier: { system, value } });
  const refusals: readonly [what: string, more: Record<string, unknown>, status: number, code: string][] = [
    ["no category", { category: undefined }, 400, "MESSAGE_NOT_WELL_FORMED"],
    ["another status", { status: "superseded" }, 400, "MESSAGE_NOT_WELL_FORMED"],
    ["two authors", { author: [organisation(OWN), organisation(OWN)] }, 400, "MESSAGE_NOT_WELL_FORMED"],
    ["no practice setting", { context: {} }, 400, "MESSAGE_NOT_WELL_FORMED"],
    ["no address", { content: [{ attachment: { contentType: "text/html" } }] }, 400, "MESSAGE_NOT_WELL_FORMED"],
    ["another custodian", { custodian: organisation("ELMH") }, 400, "BAD_REQUEST"],
    ["a custodian of another system", { custodian: identifier("urn:other", OWN) }, 400, "INVALID_IDENTIFIER_SYSTEM"],
    ["no valid number", { subject: identifier(NUMBER_SYSTEM, "9000000018") }, 400, "INVALID_NHS_NUMBER"],
    [
      "a patient of another's system",
      { subject: identifier(systemOf("ELMH"), "P0") },
      400,
      "INVALID_IDENTIFIER_SYSTEM",
    ],
    [
      "a patient whom the custodian does not know",
      { subject: identifier(NUMBER_SYSTEM, "9000000017") },
      422,
      "UNPROCESSABLE_ENTITY",
    ],
    ["a type that is none", { type: snomed("1"), category: [snomed("2")] }, 422, "UNPROCESSABLE_ENTITY"],
    ["a state that says that it is none", { docStatus: "entered-in-error" }, 422, "UNPROCESSABLE_ENTITY"],
    [
      "a legally protected kind",
      {
        context: { event: [snomed("86406008")], practiceSetting: snomed("1") },
      },
      422,
      "UNPROCESSABLE_ENTITY",
    ],
    [
      "an address that names the patient",
      { content: [{ attachment: { contentType: "application/pdf", url: "https://records.ash.example/9000000017" } }] },
      422,
      "UNPROCESSABLE_ENTITY",
    ],
    [
      "an address that is none of the web",
      { content: [{ attachment: { contentType: "application/pdf", url: "file:///etc/passwd" } }] },
      422,
      "UNPROCESSABLE_ENTITY",
    ],
    [
      "what changes the meaning of the rest",
      { modifierExtension: [{ url: "urn:x", valueBoolean: true }] },
      422,
      "UNPROCESSABLE_ENTITY",
    ],
  ];
  for (const [what, more, status, code] of refusals) {
    it(`refuses ${what}, keeps nothing and repeats nothing of it`, async () => {
      const answer = await post(pointer(more));
      assert.deepEqual([answer.status, said(answer)], [status, code], answer.text);
      assert.ok(!/90000000|passwd|urn:x/.test(answer.text), answer.text);
      assert.equal((await plans()).length, 0);
    });
  }

  it("lets an organisation publish and take back for itself alone", async () => {
    const id = idOf(await post(pointer()));
    assert.deepEqual(
      said(await post(pointer(), { "nhsd-end-user-organisation-ods": "" })),
      "MISSING_OR_INVALID_HEADER",
    );
    const other = await post(pointer(), { "nhsd-end-user-organisation-ods": "ELMH" });
    assert.deepEqual([other.status, said(other)], [403, "ACCESS_DENIED"]);
    assert.equal((await remove("ELMH-00000000000000000000")).status, 403);
    assert.equal((await remove(id, "ELMH")).status, 403);
    assert.equal(
      (await facade.ask({ method: "DELETE", path: `/fhir/DocumentReference/${id}` })).status,
      403,
      "no feeder",
    );
    assert.equal((await plans()).length, 1);
    await remove(id);
  });
});
