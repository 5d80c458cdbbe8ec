import assert from "node:assert/strict";

import type { AreaAnswer, Verdict } from "../../node/base/answer.ts";
import { type CommandResult, corridor } from "../demo/command.ts";
import { type TestNetwork, startNetwork } from "../testing/a-network.ts";
import { type TrialPerson, aPerson } from "../testing/people.ts";

/** Everybody is called Robin Trial: who is who, birth dates tell. */
const held = (area: string, more: object = {}) => ({ area, records: ["encounters"] as const, ...more });
const KNOWN_FAR = aPerson(1, "1961-04-12", [held("cedar"), held("dogwood")]);
const RESTRICTED = aPerson(2, "1962-05-13", [held("cedar", { restricted: true }), held("dogwood")]);
const OBJECTED = aPerson(3, "1963-06-14", [held("cedar", { objected: true }), held("dogwood")]);
const ELSEWHERE = aPerson(4, "1964-07-15", [held("dogwood")]);
const NAMESAKES = [aPerson(5, "1965-08-16", [held("beech")]), aPerson(6, "1965-08-16", [held("cedar")])] as const;

interface Printed {
  readonly requestId: string;
  readonly answers: readonly AreaAnswer[];
  readonly verdict: Verdict;
}

describe("a person without a number whom the own area does not know", function () {
  this.timeout(60_000);
  let network: TestNetwork;

  before(async () => {
    network = await startNetwork({
      areas: [
        { id: "ash", name: "Ash", collaborative: "near", region: "Wood" },
        { id: "beech", name: "Beech", collaborative: "near", region: "Wood" },
        { id: "cedar", name: "Cedar", collaborative: "far", region: "Wood" },
        { id: "dogwood", name: "Dogwood", collaborative: "far", region: "Heath" },
      ],
      agreements: [
        { between: ["ash", "beech", "cedar", "dogwood"] },
        { between: ["ash", "beech", "cedar"], byName: true },
      ],
      people: [KNOWN_FAR, RESTRICTED, OBJECTED, ELSEWHERE, ...NAMESAKES],
    });
  });
  after(() => network?.stop());

  function locate({ birthDate }: TrialPerson, given = "Robin"): Promise<CommandResult> {
    return corridor([
      ...["locate", "--via", "ash", "--mesh", network.folder, "--answer-by", "8000", "--json"],
      ...["--family", "Trial", "--given", given, "--birth-date", birthDate],
      ...["--role", "R8000", "--setting", "emergency", "--purpose", "TREAT"],
      ...["--relationship", "attendance", "--reason", "In resus"],
    ]);
  }

  async function isNotKnown(person: TrialPerson): Promise<void> {
    const { exitCode, stdout, stderr } = await locate(person);
    assert.deepEqual([exitCode, stdout], [3, ""]);
    assert.match(stderr, /^corridor: Cannot ask yet: identity not known\. Here, nobody here fits these details/);
    assert.ok(!stderr.includes(person.birthDate) && !stderr.includes("Trial"));
  }

  it("is found by the number that an area whose agreement allows it gives, and then asked about everywhere", async () => {
    const { exitCode, stdout, stderr } = await locate(KNOWN_FAR);
    assert.equal(exitCode, 0, stderr);
    const { requestId, answers, verdict } = JSON.parse(stdout) as Printed;
    assert.deepEqual(answers.map(({ area, outcome }) => `${area.nodeId} ${outcome}`).toSorted(), [
      "ash nothing-to-show",
      "beech nothing-to-show",
      "cedar records",
      "dogwood records",
    ]);
    assert.match(verdict.sentence, /with the NHS number that another area holds for these details: check that it is/);
    assert.ok(!stdout.includes(KNOWN_FAR.nhsNumber), "the number is not printed");

    const audited = (id: string) => network.entries(id, requestId).map(({ kind, outcome }) => `${kind} ${outcome}`);
    assert.deepEqual(audited("cedar"), ["answer identified", "answer records"]);
    assert.deepEqual(audited("beech"), ["answer not-identified", "answer nothing-to-show"]);
    assert.deepEqual(
      audited("dogwood"),
      ["answer records"],
      "without such an agreement nobody is asked whose number it is",
    );
  });

  it("stays unknown, in the same words, where they are restricted there, have objected, or live out of the agreement", async () => {
    for (const person of [RESTRICTED, OBJECTED, ELSEWHERE]) await isNotKnown(person);
  });

  it("stays unknown where two areas name two people", async () => isNotKnown(NAMESAKES[0]));

  it("is sought by no wildcard", async () => {
    const { exitCode, stdout } = await locate(KNOWN_FAR, "Ro*");
    assert.deepEqual([exitCode, stdout], [3, ""]);
  });
});
