import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { AreaAnswer, Verdict } from "../../node/base/answer.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Failure } from "../../node/base/failure.ts";
import type { Claim } from "../../node/base/question.ts";
import { seededRandom, systemRandom } from "../../node/base/random.ts";
import { PROTECTED_RECORD_TYPES, RECORD_TYPE_KEYS } from "../../node/base/record-types.ts";
import { DEMO_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { rowsUnder } from "../../scripts/docs/tables.ts";
import { corridor } from "../demo/command.ts";
import { type NetworkOrder, startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { answerAt, claimOf, DOCTOR, outcomeAt, patientOf } from "../testing/asking.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { aPerson, type TrialPerson } from "../testing/people.ts";
import { TEN_ASKERS, type TenthAsker } from "./ten-askers.ts";

const START_MS = 120_000;
const ADULT = "1980-05-17";
const EVERY_TYPE = RECORD_TYPE_KEYS.filter((key) => !PROTECTED_RECORD_TYPES.has(key));

const patient = aPerson(1, ADULT, [{ area: "elm", records: EVERY_TYPE }]);
const stranger = aPerson(2, ADULT);
const objector = aPerson(3, ADULT, [
  { area: "ash", records: ["allergies"], objected: true },
  { area: "elm", records: EVERY_TYPE },
]);
const ORDER: NetworkOrder = {
  areas: [
    { id: "ash", name: "Ashdale", collaborative: "north", region: "Upland" },
    { id: "elm", name: "Elmstead", collaborative: "north", region: "Upland" },
  ],
  agreements: [{ between: ["ash", "elm"] }],
  people: [patient, objector],
};

interface Told {
  readonly requestId: string;
  readonly answers: readonly AreaAnswer[];
  readonly verdict: Verdict;
}

describe("access between real nodes", function () {
  this.timeout(START_MS);
  let network: TestNetwork;
  before(async () => {
    network = await startNetwork(ORDER);
  });
  after(() => network?.stop());

  /** Asks at ash; gives what came, or the failure with which it was refused. */
  async function ask(person: TrialPerson, change: Partial<Claim> = {}): Promise<Told | Failure> {
    const { host, port, callerDir } = network.mesh.node("ash");
    const client = await connectCaller({ host, port, certsDir: callerDir(DEMO_CALLER.name) }, systemClock);
    const [requestId, answers]: [string, AreaAnswer[]] = [systemRandom.uuid(), []];
    try {
      const claim = { ...claimOf(DOCTOR), ...change };
      for await (const event of client.locate({ patient: patientOf(person), claim, requestId, answerByMs: 5_000 })) {
        if (event.kind === "verdict") return { requestId, answers, verdict: event.verdict };
        answers.push(event.answer);
      }
    } catch (thrown) {
      if (thrown instanceof Failure) return thrown;
      throw thrown;
    } finally {
      client.close();
    }
    return assert.fail("the stream ended without a verdict");
  }
  const told = (answer: Told | Failure): Told => (answer instanceof Failure ? assert.fail(answer.message) : answer);
  /** What the asker's audit says that areas said, where its user was told otherwise; it is written in the background. */
  async function otherwiseOf({ requestId }: Told): Promise<unknown> {
    for (let left = 100; left > 0; left--, await sleep(100)) {
      const outcomes = network.entries("ash", requestId).find(({ kind }) => kind === "outcomes");
      if (outcomes !== undefined) return (JSON.parse(outcomes.detail ?? "{}") as { otherwise?: unknown }).otherwise;
    }
    return assert.fail("the outcomes were not written");
  }
  const claimedBy = ({ role, setting, purpose, relationship }: TenthAsker): Partial<Claim> => ({
    ...{ role, setting, purpose, relationship: { kind: relationship, reference: "ref-1" } },
  });

  describe("the same question by ten people", () => {
    for (const asker of TEN_ASKERS) {
      it(`tells ${asker.who} what is documented, and no more`, async () => {
        const answer = await ask(patient, claimedBy(asker));
        if ("refused" in asker.told) {
          assert.ok(answer instanceof Failure);
          assert.equal(answer.code, asker.told.refused);
          return;
        }
        const { pointers, sealed } = answerAt(told(answer), "elm");
        const full = pointers.filter(({ access }) => access === "full").length;
        assert.deepEqual({ full, summary: pointers.length - full, sealed: sealed.length }, asker.told);
      });
    }

    it("is the table of docs/access.md", () => {
      const text = readFileSync(new URL("../../docs/access.md", import.meta.url), "utf8");
      const documented = rowsUnder(text, "One question, ten answers").map((row) => row.slice(0, 4).join(" | "));
      const said = TEN_ASKERS.map(({ who, role, setting, told: answer }) => {
        const shown = "refused" in answer ? `refused: ${answer.refused}` : Object.values(answer).join(" / ");
        return [who, role, setting, shown].join(" | ");
      });
      assert.deepEqual(documented, said);
    });
  });

  const title = "access without reason or user, and emergency access";
  catalogueRow({ id: "X7", title, quick: 50, full: 50 }, async (trials) => {
    const counts = { calls: trials.count, refused: 0, shown: 0 };
    const askedBefore = network.entryCount("elm");
    for (const trial of trials) {
      const random = seededRandom(7_000 + trial);
      const pick = <T>(...some: readonly T[]): T => some[Math.floor(random.fraction() * some.length)]!;
      const blank = pick("", " ", "\t", "   ");
      const change = pick<Partial<Claim>>(
        { reason: blank },
        { userId: "" },
        { userId: "", reason: blank },
        { purpose: "BTG", reason: pick(blank, "collapsed in the street") },
        { purpose: "BTG", role: "R0001" },
      );
      const answer = await ask(pick(patient, stranger, objector), change);
      if (answer instanceof Failure) counts.refused++;
      else counts.shown++;
    }
    assert.deepEqual(counts, { calls: trials.count, refused: trials.count, shown: 0 });
    assert.equal(network.entryCount("elm"), askedBefore, "nothing has left");
    return { counts };
  });

  it("goes no further than the asker's node for a patient who has objected there, and reads as for a stranger", async () => {
    const warm = told(await ask(stranger));
    const [objected, nobody] = [told(await ask(objector)), told(await ask(stranger))];
    const asked = ({ requestId }: Told): number => network.entries("elm", requestId).length;
    assert.deepEqual([asked(objected), asked(nobody) > 0, asked(warm) > 0], [0, true, true]);
    assert.deepEqual(await otherwiseOf(objected), { elm: "not-asked" }, "the audit knows");
    const comparable = ({ answers, verdict: { sentence, scopes } }: Told): unknown => [
      answers.map((answer) => ({
        ...answer,
        elapsedMs: 0,
        coverage: answer.coverage?.providers.map(({ code }) => code),
      })),
      ...[sentence, scopes],
    ];
    assert.deepEqual(comparable(objected), comparable(nobody));
  });

  it("counts an objection from the next question on, loaded as CSV or as FHIR Consent, and no longer once withdrawn", async () => {
    const load = async (name: string, text: string): Promise<void> => {
      const file = join(network.folder, name);
      writeFileSync(file, text);
      const loaded = await corridor(["load", file, "--via", "elm", "--mesh", network.folder, "--provider", "ELMH"]);
      assert.equal(loaded.exitCode, 0, loaded.stderr);
    };
    const header = "provider,local_id,objection_id,state,received_on,override_in_emergency,scope,reason";
    const csv = (state: string, reason = ""): string =>
      `${header}\nELMH,P0,O1,${state},2026-01-01,false,type:allergies,${reason}\n`;
    const consent = (status: string): string =>
      JSON.stringify({
        ...{ resourceType: "Consent", id: "C1", status, dateTime: "2026-01-01", patient: { reference: "Patient/P0" } },
        scope: { coding: [{ code: "patient-privacy" }] },
        provision: {
          type: "deny",
          code: [{ coding: [{ system: "http://snomed.info/sct", code: "861421000000109" }] }],
        },
      });
    const missing = async (): Promise<string[]> => {
      const { pointers } = answerAt(told(await ask(patient)), "elm");
      const shown = new Set(pointers.map(({ recordType }) => recordType));
      return ["allergies", "end-of-life-plan", "ecg"].filter((key) => !shown.has(key as never));
    };
    assert.deepEqual(await missing(), []);
    await load("o1.csv", csv("received"));
    await load("c1.ndjson", consent("active"));
    assert.deepEqual(await missing(), ["allergies", "end-of-life-plan"]);
    await load("o2.csv", csv("declined", "Needed for the safety of others"));
    await load("c2.ndjson", consent("inactive"));
    assert.deepEqual(await missing(), []);
  });

  // Last, because it changes the nodes.
  describe("where settings say so", () => {
    it("shows less: the holder to its peers, the asker to its users; and takes a local role for a national one", async () => {
      const narrow = async (id: string, lines: string, more = ""): Promise<void> => {
        const node = network.mesh.node(id);
        await node.process.stop();
        writeFileSync(
          join(node.configPath, "..", "narrowing.csv"),
          `custodian,setting,role_group,record_type,at_most,why\n${lines}\n`,
        );
        appendFileSync(node.configPath, `access:\n  narrowing: narrowing.csv\n${more}`);
        await node.restart();
      };
      await narrow("elm", "ELMH,emergency,doctor,discharge-letter,none,Trust board");
      const ashRoles = "  localRoles:\n    - { organisation: RRK, name: Duty doctor, role: R8000 }\n";
      await narrow("ash", "all,emergency,doctor,maternity,summary,Pilot", ashRoles);

      const seen = told(await ask(patient, { role: "duty doctor" }));
      assert.deepEqual(outcomeAt(seen, "elm"), ["records", ""]);
      const roles = (node: string, kind: string): unknown[] =>
        network
          .entries(node, seen.requestId)
          .flatMap((entry) => (entry.kind === kind ? [entry.role, entry.detail] : []));
      assert.deepEqual(
        roles("ash", "question"),
        ["R8000", '{"localRole":"duty doctor"}'],
        "both are in the asker's audit",
      );
      assert.deepEqual(roles("elm", "answer")[0], "R8000");
      const { pointers, sealed } = answerAt(seen, "elm");
      const access = new Map(pointers.map((each) => [each.recordType, each.access]));
      assert.deepEqual(
        [access.get("discharge-letter"), access.get("maternity"), access.get("allergies")],
        [undefined, "summary", "full"],
      );
      assert.ok(sealed.includes("discharge-letter") && sealed.includes("maternity"));
      const unknown = await ask(patient, { role: "duty porter" });
      assert.ok(unknown instanceof Failure && unknown.code === "not-permitted");
    });
  });
});
