import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";

import { stringify } from "yaml";

import type { AreaAnswer } from "../node/base/answer.ts";
import type { NrlDouble } from "./nrl-double.ts";
import { startNetwork, type TestNetwork } from "./testing/a-network.ts";
import { type Asker, DOCTOR, type Located, locate, type LocateOptions, say } from "./testing/asking.ts";
import {
  nationalPointer,
  type NationalServices,
  OWN_CODE,
  startNationalServices,
} from "./testing/national-services.ts";
import type { TrialPerson } from "./testing/people.ts";

const NRL = "National Record Locator";
/** What a doctor is shown of the pointers that are there. */
const KINDS = ["QWU clinical-summary", "RVV emergency-care-plan", "RXX mental-health-crisis-plan"];
const SOCIAL_WORKER: Asker = { ...DOCTOR, role: "R8014", setting: "adult-social-care" };

/** Whom the national service's double knows by these birth dates; the third it marks as restricted. */
const SHOWN: TrialPerson = { nhsNumber: "9000000009", birthDate: "2010-10-22", heldAt: [] };
const OBJECTED: TrialPerson = {
  ...{ nhsNumber: "9000000017", birthDate: "2010-10-22" },
  heldAt: [{ area: "ash", records: ["allergies"], objected: true }],
};
const RESTRICTED: TrialPerson = { nhsNumber: "9000000025", birthDate: "2005-06-16", heldAt: [] };

describe("a locate that asks the record locator too, with doubles of it and of the national service", function () {
  this.timeout(60_000);
  let network: TestNetwork;
  let services: NationalServices;
  let nrl: NrlDouble;

  before(async () => {
    services = await startNationalServices();
    ({ nrl } = services);
    network = await startNetwork({
      areas: [{ id: "ash", name: "Ash", collaborative: "near", region: "Wood" }],
      agreements: [],
      people: [SHOWN, OBJECTED, RESTRICTED],
    });
    const node = network.mesh.node("ash");
    await node.process.stop();
    appendFileSync(node.configPath, stringify(services.settingsIn(network.folder, { read: true })));
    await node.restart();
    for (const [at, person] of [SHOWN, OBJECTED, RESTRICTED].entries()) {
      nrl.put(nationalPointer(`RXX-1${at}`, person, "736253002", "734163000"));
    }
    nrl.put(nationalPointer("QWU-2", SHOWN, "887181000000106", "716931000000107"));
    nrl.put(nationalPointer(`${OWN_CODE}-3`, SHOWN, "887181000000106", "716931000000107"));
    nrl.put(nationalPointer("Z10-4", SHOWN, "887181000000106", "716931000000107"));
    nrl.put(nationalPointer("RVV-6", SHOWN, "887701000000100", "734163000", "V"));
    nrl.put(nationalPointer("RYY-5", SHOWN, "16521000000101", "no-category"));
  });
  after(async () => {
    await network?.stop();
    await services?.close();
  });
  afterEach(() => nrl.setSilent(false));

  const ask = async (person: TrialPerson, options?: LocateOptions): Promise<[AreaAnswer, Located]> => {
    const located = await locate(network, person, options);
    const answer = located.answers.find(({ area }) => area.name === NRL);
    return [answer ?? assert.fail(`${NRL} is named`), located];
  };
  const kindsOf = ({ pointers }: AreaAnswer): string[] =>
    pointers.map(({ custodian, recordType }) => `${custodian.code} ${recordType}`).sort();

  it("shows who else keeps records, but for the records of this network and kinds that nobody knows", async () => {
    const [answer, { verdict, exitCode }] = await ask(SHOWN);
    assert.deepEqual(kindsOf(answer), KINDS);
    assert.deepEqual(answer.area.scopes, ["network"]);
    assert.ok(
      answer.pointers.every(({ source, format }) => source === undefined && format === ""),
      "none opens",
    );
    assert.ok(answer.pointers.every(({ custodian }) => custodian.name === `Trust ${custodian.code}`));
    assert.equal(exitCode, 0);
    assert.match(verdict.sentence, /^2 of 2 areas answered; 1 holds records\./);
    assert.doesNotMatch(verdict.sentence, /No provider feeds National/);
  });

  it("shows each role what the access table lets it see", async () => {
    const [answer] = await ask(SHOWN, { asker: SOCIAL_WORKER });
    assert.ok(!kindsOf(answer).includes("QWU clinical-summary"), kindsOf(answer).join("; "));
  });

  it("shows what its producer has labelled very restricted only to roles that may know of such a custodian", async () => {
    const seesIt = async (asker: Asker): Promise<boolean> =>
      kindsOf((await ask(SHOWN, { asker }))[0]).includes("RVV emergency-care-plan");
    const paramedic: Asker = { ...DOCTOR, role: "R1070", setting: "ambulance" };
    assert.deepEqual([await seesIt(DOCTOR), await seesIt(paramedic)], [true, false]);
  });

  it("prints whose records they are, and not that they could be opened", async () => {
    const { stdout } = await say(network, SHOWN);
    assert.match(stdout, /National Record Locator +Records found/);
    assert.match(stdout, /Trust QWU/);
  });

  it("names the locator where it does not answer, and is partial then", async () => {
    nrl.setSilent(true);
    const [silent, located] = await ask(SHOWN);
    assert.deepEqual([silent.outcome, located.exitCode], ["timed-out", 4]);
    assert.match(located.verdict.sentence, /Not answered: National Record Locator \(no answer in time\)/);
    const { collaborative, network: whole } = Object.fromEntries(
      located.verdict.scopes.map(({ scope, everyAreaAnswered }) => [scope, everyAreaAnswered]),
    );
    assert.deepEqual([collaborative, whole], [true, false]);
    nrl.setSilent(false);
    nrl.answerNext((response) => response.writeHead(503).end());
    const [away, again] = await ask(SHOWN);
    assert.deepEqual([away.outcome, again.exitCode], ["unreachable", 4]);
  });

  it("shows nothing where the number is somebody's of another date of birth, and says to check", async () => {
    const [answer] = await ask(SHOWN, { birthDate: "1961-04-12" });
    assert.deepEqual([answer.outcome, answer.pointers], ["identity-check", []]);
  });

  it("shows nothing of whom the national service marks as restricted", async () => {
    const [answer, { exitCode }] = await ask(RESTRICTED);
    assert.deepEqual([answer.outcome, answer.pointers, exitCode], ["nothing-to-show", [], 0]);
  });

  it("asks nothing about who has objected to everything here, and looks as if it had", async () => {
    const before = nrl.requests.length;
    const [answer] = await ask(OBJECTED);
    assert.deepEqual([answer.outcome, answer.pointers], ["nothing-to-show", []]);
    assert.equal(nrl.requests.length, before);
  });

  it("asks only for those who have signed in nationally", async () => {
    const before = nrl.requests.length;
    const { exitCode, stdout } = await say(network, SHOWN, {}, "--json", "--assurance", "local");
    const { answers } = JSON.parse(stdout) as Located;
    const { outcome, reason } = answers.find(({ area }) => area.name === NRL) ?? assert.fail(stdout);
    assert.deepEqual([outcome, reason, exitCode], ["refused", "sign-in", 4]);
    assert.equal(nrl.requests.length, before);
  });

  it("says of who has objected what it says of anybody, however their user has signed in, and whoever asked before", async () => {
    for (const person of [SHOWN, OBJECTED, OBJECTED]) {
      const { stdout } = await say(network, person, {}, "--json", "--assurance", "local");
      const { answers } = JSON.parse(stdout) as Located;
      const { outcome, reason } = answers.find(({ area }) => area.name === NRL) ?? assert.fail(stdout);
      assert.deepEqual([outcome, reason], ["refused", "sign-in"]);
    }
    assert.equal((await ask(OBJECTED))[0].outcome, "nothing-to-show");
  });

  it("puts no number into an address of the locator's", () => {
    assert.ok(nrl.requests.length > 0);
    for (const request of nrl.requests) assert.doesNotMatch(request, /9\d{9}/);
  });
});
