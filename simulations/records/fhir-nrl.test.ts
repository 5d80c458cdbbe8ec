import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { nationalPointer, type NationalServices, startNationalServices } from "../testing/national-services.ts";
import { about, type Bundle, type Facade, recordsIn, startFacade } from "./a-facade.ts";

/** Whom the national service's double knows by this birth date. */
const PERSON = { nhsNumber: "9000000009", birthDate: "2010-10-22" };

describe("a record of the National Record Locator, found by FHIR", function () {
  this.timeout(60_000);
  let folder: string;
  let services: NationalServices;
  let facade: Facade;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "corridor-nrl-"));
    services = await startNationalServices();
    facade = await startFacade(undefined, services.settingsIn(folder, { read: true }));
    services.nrl.put(nationalPointer("RXX-1", PERSON, "736253002", "734163000"));
  });
  after(async () => {
    await facade?.stop();
    await services?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("names its custodian, has no address, and is not opened from here", async () => {
    const answer = await facade.ask(about(PERSON));
    const [record, another] = recordsIn(JSON.parse(answer.text) as Bundle);
    assert.ok(record !== undefined && another === undefined, answer.text);
    const { custodian, description, content, meta } = record as unknown as {
      readonly custodian: { readonly display: string };
      readonly description: string;
      readonly content: readonly { readonly attachment: object }[];
      readonly meta: object;
    };
    assert.equal(custodian.display, "Trust RXX");
    assert.match(description, /\(National Record Locator\)\. It cannot be opened from here: ask the organisation\./);
    assert.ok(content.every(({ attachment }) => !("url" in attachment)) && !("source" in meta));
    assert.equal((await facade.ask({ path: `/fhir/DocumentReference/${record.id}` })).status, 200);
    const opened = await facade.ask({ path: `/fhir/Binary/${record.id}` });
    assert.deepEqual([opened.status, /RESOURCE_NOT_FOUND/.test(opened.text)], [404, true], opened.text);
  });
});
