import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { assertBalp, type AuditEvent } from "../audit/balp.ts";
import type { FhirAnswer } from "../testing/fhir-door.ts";
import { about, type Bundle, type Facade, form, NUMBER_SYSTEM, recordsIn, startFacade } from "./a-facade.ts";

const CLINICIAN = "555000000001";
const OFFICER = {
  nhsid_useruid: "555000000077",
  nhsid_nrbac_roles: [{ person_roleid: "1", org_code: "RRK", role_code: "R0001" }],
  reason: "A patient asks who looked",
};

describe("reading the audit by FHIR", function () {
  this.timeout(60_000);
  let facade: Facade;
  let officer: string;

  before(async () => {
    facade = await startFacade();
    for (let times = 0; times < 3; times++) await facade.ask(about(facade.person));
    await facade.ask(about(facade.summarised), await facade.tokenOf({ nhsid_useruid: "555000000002" }));
    await facade.ask(about(facade.person), await facade.tokenOf({ purpose_of_use: "RESEARCH" }));
    officer = await facade.tokenOf(OFFICER);
  });
  after(() => facade?.stop());

  type Page = Bundle & { readonly link: readonly { readonly relation: string; readonly url: string }[] };
  const search = (parameters: Record<string, string>, token = officer): Promise<FhirAnswer> =>
    facade.ask({ ...form(parameters), path: "/fhir/AuditEvent/_search" }, token);
  const byPatient = () => ({ "patient.identifier": `${NUMBER_SYSTEM}|${facade.person.nhsNumber}` });
  const pageIn = ({ status, text }: FhirAnswer): Page => {
    assert.equal(status, 200, text);
    return JSON.parse(text) as Page;
  };
  const eventsIn = (page: Page): AuditEvent[] => recordsIn(page) as unknown as AuditEvent[];
  const nextOf = ({ link }: Page): string | undefined => link.find(({ relation }) => relation === "next")?.url;
  const userOf = ({ agent }: AuditEvent): string | undefined =>
    agent.find(({ requestor }) => requestor)?.who.identifier.value;

  it("tells a privacy officer who looked at a patient, the newest first, and that it is not all", async () => {
    const page = pageIn(await search(byPatient()));
    const events = eventsIn(page);
    // Three times asked, and answered here; and once refused.
    assert.equal(events.length, 7);
    for (const event of events) assertBalp(event, ["TREAT", "OTHER"]);
    assert.deepEqual(
      events.map(({ recorded }) => recorded),
      events
        .map(({ recorded }) => recorded)
        .toSorted()
        .toReversed(),
    );
    assert.equal(events.filter(({ outcome }) => outcome === "4").length, 1);
    assert.ok(events.every((event) => userOf(event) === CLINICIAN));
    assert.match(JSON.stringify(page.entry.at(-1)), /does not|not what was opened/);
  });

  it("tells what a user did, and about whom", async () => {
    const { length } = eventsIn(pageIn(await search({ "agent.identifier": "555000000002" })));
    assert.equal(length, 2);
    const both = { ...byPatient(), "agent:identifier": "|555000000002" };
    assert.deepEqual(eventsIn(pageIn(await search(both))), []);
    const query = new URLSearchParams({ "agent.identifier": CLINICIAN });
    const got = await facade.ask({ path: `/fhir/AuditEvent?${query.toString()}` }, officer);
    assert.equal(eventsIn(pageIn(got)).length, 7);
  });

  it("pages them, for the officer who searched alone, and counts them", async () => {
    const seen: AuditEvent[] = [];
    let page = pageIn(await search({ ...byPatient(), _count: "3" }));
    const first = nextOf(page);
    for (let pages = 1; ; pages++) {
      seen.push(...eventsIn(page));
      const next = nextOf(page);
      if (next === undefined) break;
      assert.ok(pages < 10);
      page = pageIn(await facade.ask({ path: `/fhir/${next}` }, officer));
    }
    assert.deepEqual(seen, eventsIn(pageIn(await search(byPatient()))));
    const other = await facade.tokenOf({ ...OFFICER, nhsid_useruid: "555000000078" });
    assert.equal((await facade.ask({ path: `/fhir/${first}` }, other)).status, 404);
    assert.equal(pageIn(await search({ ...byPatient(), _summary: "count" })).total, 7);
    assert.equal(pageIn(await search({ ...byPatient(), _count: "0" })).total, 7);
  });

  it("looks at the days that are asked for", async () => {
    const today = new Date().toISOString().slice(0, 10);
    assert.equal(eventsIn(pageIn(await search({ ...byPatient(), date: today }))).length, 7);
    const month = new Date(Date.now() - 30 * 86_400_000).toISOString().slice(0, 10);
    assert.equal(eventsIn(pageIn(await search({ ...byPatient(), date: `ge${month}` }))).length, 7);
    assert.equal(eventsIn(pageIn(await search({ ...byPatient(), date: "le2020-01-01" }))).length, 0);
    assert.equal(pageIn(await search({ ...byPatient(), date: "2020-02-01", _summary: "count" })).total, 0);
  });

  it("has each look in the audit before anything is shown, and each look of somebody else as refused", async () => {
    const entriesOf = async (token: string): Promise<{ status: number; said: readonly string[] }> => {
      const requestId = randomUUID();
      const order = { ...form(byPatient()), path: "/fhir/AuditEvent/_search" };
      const headers = { ...order.headers, "x-request-id": requestId };
      const { status, text } = await facade.ask({ ...order, headers }, token);
      if (status !== 200) assert.ok(!text.includes("AuditEvent"), text);
      const entries = facade.network.entries("ash", requestId);
      assert.ok(entries.every(({ detail = "" }) => !detail.includes(facade.person.nhsNumber)));
      return { status, said: entries.map(({ kind, outcome }) => `${kind} ${outcome}`) };
    };
    assert.deepEqual(await entriesOf(officer), { status: 200, said: ["review audit-search"] });
    const refused = { status: 403, said: ["review audit-search-refused"] };
    assert.deepEqual(await entriesOf(await facade.tokenOf()), refused, "a clinician");
    assert.deepEqual(await entriesOf(await facade.tokenOf({ ...OFFICER, reason: undefined })), refused, "no reason");
    assert.deepEqual(
      await entriesOf(await facade.tokenOf({ ...OFFICER, nhsid_useruid: undefined })),
      refused,
      "an application",
    );
    const elsewhere = [{ person_roleid: "1", org_code: "RJ1", role_code: "R0001" }];
    assert.deepEqual(
      await entriesOf(await facade.tokenOf({ ...OFFICER, nhsid_nrbac_roles: elsewhere })),
      refused,
      "an organisation that the certificate does not name",
    );
    assert.deepEqual(await entriesOf("none"), { status: 401, said: [] });
  });

  const bad: readonly [what: string, parameters: Record<string, string>][] = [
    ["about nobody", {}],
    ["with another system", { "patient.identifier": "urn:x|9000000017" }],
    ["with a wrong number", { "patient.identifier": `${NUMBER_SYSTEM}|9000000018` }],
    ["by an NHS number as a user", { "agent.identifier": "9000000017" }],
    ["by an unknown parameter", { "agent.identifier": "x", outcome: "0" }],
    ["of a day that is none", { "agent.identifier": "x", date: "2026-02-30" }],
    ["of too many days", { "agent.identifier": "x", date: "ge2020-01-01" }],
    ["by another comparison", { "agent.identifier": "x", date: "gt2026-01-01" }],
  ];
  for (const [what, parameters] of bad) {
    it(`refuses a search ${what}, and repeats nothing of it`, async () => {
      const { status, text } = await search(parameters);
      assert.equal(status, 400, text);
      assert.ok(!/900000001|2026|2020/.test(text), text);
    });
  }
});
