import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import type { FhirAnswer } from "../testing/fhir-door.ts";
import { type Facade, NUMBER_SYSTEM, startFacade } from "./a-facade.ts";
import { aPointer, FROM_ASH, snomed } from "./producing.ts";
import { type SourceDouble, startSourceDouble } from "./source-double.ts";

const ODS = "https://fhir.nhs.uk/Id/ods-organization-code";
const FHIR = { "content-type": "application/fhir+json" };
/** A summary of nobody. */
const IPS = JSON.stringify({ resourceType: "Bundle", type: "document", entry: [] });

describe("passing a patient's summary on, as its organisation gives it", function () {
  this.timeout(60_000);
  let facade: Facade;
  let source: SourceDouble;

  before(async () => {
    source = await startSourceDouble();
    source.behave((response) => response.writeHead(200, FHIR).end(IPS));
    const ashes = { provider: "ASHH", kind: "fhir", base: "https://fhir.ash.example/r4/", server: source.base };
    facade = await startFacade(undefined, { records: { sources: [ashes] } });
  });
  after(async () => {
    await facade?.stop();
    await source?.close();
  });

  async function publish(nhsNumber: string): Promise<void> {
    const attachment = {
      contentType: "application/fhir+json",
      url: "https://fhir.ash.example/r4/Patient/x17/$summary",
    };
    const more = { type: snomed("824321000000109"), category: [snomed("823651000000106")], content: [{ attachment }] };
    const body = JSON.stringify(aPointer(nhsNumber, more));
    const kept = await facade.feed({ method: "POST", path: "/fhir/DocumentReference", headers: FROM_ASH, body });
    assert.equal(kept.status, 201, kept.text);
  }
  const asked = (
    { nhsNumber, birthDate }: { readonly nhsNumber: string; readonly birthDate: string },
    more: Record<string, string> = {},
    token?: string,
    requestId = randomUUID(),
  ): Promise<FhirAnswer> => {
    const values = { identifier: `${NUMBER_SYSTEM}|${nhsNumber}`, birthdate: birthDate, ...more };
    const parameter = Object.entries(values).map(([name, value]) => ({ name, valueString: value }));
    const body = JSON.stringify({ resourceType: "Parameters", parameter });
    const headers = { ...FHIR, "x-request-id": requestId };
    return facade.ask({ method: "POST", path: "/fhir/Patient/$summary", headers, body }, token);
  };

  it("says where nobody offers one, what was asked, and never that there is none", async () => {
    const { status, text } = await asked(facade.person);
    assert.equal(status, 404);
    assert.match(text, /No area that answered offers a summary.*3 of 3 areas answered.*This does not mean/);
    assert.deepEqual(source.asked, []);
  });

  it("gives it as it came, live, with whose it is, and audits the opening", async () => {
    await publish(facade.person.nhsNumber);
    const before = facade.network.entryCount("ash");
    const requestId = randomUUID();
    const { status, text, headers } = await asked(facade.person, {}, undefined, requestId);
    assert.deepEqual([status, text], [200, IPS]);
    assert.deepEqual(source.asked, ["Patient/x17/$summary"]);
    assert.equal(headers["content-type"], "application/fhir+json");
    assert.deepEqual([headers["corridor-coverage"], headers["x-request-id"]], ["complete", requestId]);
    assert.match(String(headers["corridor-custodian"]), /^ASHH /);
    assert.ok(facade.network.entries("ash", requestId).length >= 2, "the search is in the audit");
    const after = facade.network.entryCount("ash");
    assert.ok(after >= before + 4, `the opening is in the audit too: ${after - before} entries`);
    const query = new URLSearchParams({
      identifier: `${NUMBER_SYSTEM}|${facade.person.nhsNumber}`,
      birthdate: facade.person.birthDate,
    });
    assert.equal((await facade.ask({ path: `/fhir/Patient/$summary?${query.toString()}` })).text, IPS);
  });

  it("says that it covers less where an area did not answer", async () => {
    const { pid } = facade.network.mesh.node("oak").process;
    process.kill(pid, "SIGSTOP");
    try {
      const { status, headers } = await asked(facade.person);
      assert.deepEqual([status, headers["corridor-coverage"]], [200, "incomplete"]);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });

  it("chooses none of several, and names whose they are", async () => {
    await publish(facade.summarised.nhsNumber);
    const several = await asked(facade.summarised);
    assert.deepEqual([several.status, /of ASHH, ELMH\./.test(several.text)], [422, true], several.text);
    assert.equal((await asked(facade.summarised, { custodian: "ASHH" })).text, IPS);
    const elms = await asked(facade.summarised, { custodian: `${ODS}|ELMH` });
    assert.deepEqual([elms.status, /Record exists \(Summary record/.test(elms.text)], [404, true], elms.text);
    assert.equal((await asked(facade.summarised, { custodian: "OAKH" })).status, 404);
  });

  it("says that it exists where its source is down, and opens nothing for an application by itself", async () => {
    source.behave((response) => response.writeHead(503).end());
    const down = await asked(facade.person);
    assert.deepEqual([down.status, /Record exists .* Do not read as/.test(down.text)], [503, true], down.text);
    source.behave((response) => response.writeHead(200, FHIR).end(IPS));
    const before = source.asked.length;
    const alone = await facade.tokenOf({ nhsid_useruid: undefined });
    assert.equal((await asked(facade.person, {}, alone)).status, 403);
    assert.equal((await asked(facade.person, {}, "none")).status, 401);
    const refused = await asked(facade.person, {}, await facade.tokenOf({ purpose_of_use: "RESEARCH" }));
    assert.equal(refused.status, 403);
    assert.equal(source.asked.length, before);
  });

  it("refuses what it does not understand", async () => {
    for (const more of [
      { birthdate: "1958" },
      { identifier: "urn:x|1" },
      { custodian: "urn:x|ASHH" },
      { other: "1" },
    ]) {
      const { status, text } = await asked(facade.person, more);
      assert.equal(status, 400, JSON.stringify(more));
      assert.ok(!text.includes("1958") && !text.includes(facade.person.nhsNumber));
    }
  });
});
