import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { aPerson } from "../testing/people.ts";
import { NUMBER_SYSTEM } from "../records/a-facade.ts";
import { type PageAnswer, type Pages, PlainBrowser, startPagesNetwork } from "./a-page.ts";
import { type EhrDouble, type EhrFaults, launchOf, startEhrDouble } from "./ehr-double.ts";

const CLIENT_ID = "corridor-ash";
/** As the network's first person is made. */
const PERSON = aPerson(1, "1958-02-03");

describe("a SMART launch from an EPR", function () {
  this.timeout(60_000);
  let pages: Pages;
  let ehr: EhrDouble;

  const patientWith = (more: object = {}): object => ({
    ...{ resourceType: "Patient", identifier: [{ system: NUMBER_SYSTEM, value: PERSON.nhsNumber }] },
    ...{ birthDate: PERSON.birthDate, name: [{ use: "official", family: "Trial", given: ["Robin"] }], ...more },
  });

  before(async () => {
    pages = await startPagesNetwork(async (address, folder) => {
      const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
      const key = join(folder, "smart.key.pem");
      writeFileSync(key, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
      const order = { clientId: CLIENT_ID, clientKey: publicKey, redirect: `${address}/smart/callback` };
      ehr = await startEhrDouble({ ...order, patient: patientWith() });
      const rights = { setting: "emergency", organisations: ["RRK"], roles: ["R8000"] };
      return { smart: [{ issuer: ehr.issuer, name: "the trial EPR", clientId: CLIENT_ID, key, ...rights }] };
    });
  });
  after(async () => {
    await pages?.stop();
    await ehr?.close();
  });

  /** A browser's whole way: from the EPR's launch to wherever it ends. */
  async function launched(faults: EhrFaults = {}, browser = new PlainBrowser()): Promise<PageAnswer> {
    ehr.behave(faults);
    const callback = await signedIn(browser);
    const back = await browser.go(callback);
    const page = back.status === 303 ? await browser.go(`${pages.address}${back.headers.location}`) : back;
    browser.close();
    return page;
  }

  /** As far as the EPR, which sends the browser back to this address. */
  async function signedIn(browser: PlainBrowser): Promise<string> {
    const away = await browser.go(launchOf(pages.address, ehr.issuer));
    assert.equal(away.status, 302, away.text);
    const answer = await fetch(String(away.headers.location), { redirect: "manual" });
    assert.equal(answer.status, 302, await answer.text());
    return answer.headers.get("location") ?? "";
  }

  it("shows the patient who is open there to the user who is signed in there", async () => {
    const page = await launched();
    assert.equal(page.status, 200, page.text);
    assert.match(page.text, /TRIAL, Robin/);
    assert.ok(page.text.includes("4 of 4 areas answered"));
  });

  it("asks in the user's name, for the attendance that is open, and says so in the audit", async () => {
    const before = pages.network.entryCount("ash");
    await launched();
    assert.ok(pages.network.entryCount("ash") > before);
    const whole =
      readFileSync(pages.network.auditPath("ash"), "latin1") +
      readFileSync(`${pages.network.auditPath("ash")}-wal`, "latin1");
    for (const said of ["555000000001", "enc-17", "Opened from the patient's record in the trial EPR"]) {
      assert.ok(whole.includes(said), said);
    }
  });

  it("is asked for under the page's own address, whatever a browser calls it", async () => {
    ehr.behave({});
    const browser = new PlainBrowser();
    const away = await browser.go(launchOf(pages.address, ehr.issuer), "GET", { host: "elsewhere.example" });
    const asked = new URL(String(away.headers.location));
    assert.equal(asked.searchParams.get("redirect_uri"), `${pages.address}/smart/callback`);
    const answer = await fetch(asked, { redirect: "manual" });
    const back = await browser.go(answer.headers.get("location") ?? "", "GET", { host: "elsewhere.example" });
    browser.close();
    assert.equal(back.status, 303, back.text);
  });

  it("begins from nobody but the EPRs that are set up", async () => {
    const browser = new PlainBrowser();
    for (const issuer of ["https://elsewhere.example/r4", `${ehr.issuer}/other`, "", "http://127.0.0.1:1/r4"]) {
      const before = ehr.asked.length;
      assert.equal((await browser.go(launchOf(pages.address, issuer))).status, 403, issuer);
      assert.equal(ehr.asked.length, before);
    }
    browser.close();
  });

  it("ends in the browser in which it began, once", async () => {
    ehr.behave({});
    const [browser, other] = [new PlainBrowser(), new PlainBrowser()];
    const callback = await signedIn(browser);
    assert.equal((await other.go(callback)).status, 403);
    const wrongState = callback.replace(/state=[^&]+/, "state=another");
    assert.equal((await browser.go(wrongState)).status, 403);
    assert.equal((await browser.go(callback)).status, 403);
    for (const each of [browser, other]) each.close();
  });

  const REFUSED: readonly [what: string, faults: EhrFaults][] = [
    ["an id token of another signer", { forged: true }],
    ["an id token of another launch", { nonce: "another" }],
    ["an id token for another application", { audience: "another" }],
    ["a user without an id", { claims: { nhsid_useruid: undefined } }],
    ["several roles, of which none was chosen", { claims: { nhsid_nrbac_roles: twoRoles() } }],
    ["a role that this EPR may not claim", { claims: { nhsid_nrbac_roles: [roleOf("R0001")] } }],
    ["an organisation that this EPR does not speak for", { claims: { nhsid_nrbac_roles: [roleOf("R8000", "RJC")] } }],
    ["a patient without a valid NHS number", { patient: { ...patientWith(), identifier: [] } }],
    ["a patient without a date of birth", { patient: { ...patientWith(), birthDate: "1958" } }],
    ["something else than a patient", { patient: { resourceType: "Practitioner" } }],
  ];
  for (const [what, faults] of REFUSED) {
    it(`is refused with ${what}, in words without a patient`, async () => {
      const page = await launched(faults);
      assert.equal(page.status, 403, page.text);
      assert.ok(!page.text.includes(PERSON.nhsNumber));
      assert.doesNotMatch(page.text, /areas answered/);
    });
  }

  it("without an attendance asks as one who claims to care for the patient", async () => {
    const page = await launched({ noEncounter: true });
    assert.ok([200, 403].includes(page.status), page.text);
    const whole = readFileSync(`${pages.network.auditPath("ash")}-wal`, "latin1");
    assert.ok(whole.includes("self-claimed"));
  });

  it("says so where the EPR is away, and nothing of it reaches the log", async () => {
    ehr.behave({});
    const browser = new PlainBrowser();
    const callback = await signedIn(browser);
    await ehr.close();
    const page = await browser.go(callback);
    browser.close();
    assert.equal(page.status, 503);
    assert.match(page.text, /could not be asked/);
    const log = readFileSync(pages.network.mesh.paths.log("ash"), "utf8");
    assert.ok(!log.includes("launch-1") && !log.includes("access-1") && !log.includes(PERSON.nhsNumber));
    assert.ok(!log.includes("page-failed"), log);
  });
});

function roleOf(role: string, organisation = "RRK"): object {
  return { person_roleid: role, org_code: organisation, role_code: role };
}

function twoRoles(): readonly object[] {
  return [roleOf("R8000"), roleOf("R8001")];
}
