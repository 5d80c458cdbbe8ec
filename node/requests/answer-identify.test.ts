import assert from "node:assert/strict";

import { makeQuota } from "../access/quota.ts";
import { Failure } from "../base/failure.ts";
import type { PatientQuery } from "../base/question.ts";
import { seededRandom } from "../base/random.ts";
import type { NodeId } from "../base/words.ts";
import {
  aPermit,
  aPointer,
  aQuestion,
  anIdentity,
  anObjection,
  byDemographics,
  openTestIndex,
  type TestIndex,
} from "../testing/an-index.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { answerIdentify } from "./answer-identify.ts";
import { EMPTY_ANSWER_FLOOR_MS, type PeerQuestion } from "./answer-locate.ts";
import { findRecords } from "./find-records.ts";

const NUMBER = "9000000009";
const BORN = "1980-05-17";
const KHAN = byDemographics("Khan", "Aisha", BORN);

describe("telling another node whose number it is", () => {
  let index: TestIndex;
  let clock = makeFakeClock();
  let audited: (readonly [why: string | undefined, told: string | undefined])[];
  let mismatches: number;
  beforeEach(() => {
    index = openTestIndex();
    clock = makeFakeClock();
    [audited, mismatches] = [[], 0];
  });
  afterEach(() => index.close());

  function question(patient: PatientQuery): PeerQuestion {
    const evidence = { payload: new Uint8Array(), signature: new Uint8Array(), patientNonce: new Uint8Array() };
    return { ...aQuestion(patient, clock), asker: "wm-cw" as NodeId, attemptId: "attempt", evidence };
  }

  async function identify(patient: PatientQuery = KHAN, permitted = true) {
    const startedMs = clock.monotonicMs();
    const answering = answerIdentify(question(patient), {
      ...{ ...index.mpi, clock, admit() {}, noteMismatch: () => void mismatches++, recordFailure() {} },
      decideAnswer: () =>
        permitted
          ? { kind: "permitted", permit: aPermit() }
          : { kind: "refused", code: "no-agreement", reason: "number-required" },
      find: (asked, permit) =>
        findRecords(asked, permit, {
          ...{ ...index.mpi, withheldOf: index.objections.withheld, pointersOf: index.locator.pointersOf },
          mayHearOfPossibleMatch: () => true,
        }),
      async recordIdentified(_question, _decision, found, told) {
        audited.push([found?.why, told?.expose()]);
      },
    });
    let tookMs = -1;
    const told = answering.then((answer) => {
      tookMs = clock.monotonicMs() - startedMs;
      return answer;
    });
    const settled = told.catch(() => {});
    for (let passed = 0; passed < 10; passed++) await clock.advance(1);
    await settled;
    return { told: await told, tookMs };
  }

  it("gives the verified number of the one whom all details fit, and says how much was compared", async () => {
    await index.load([anIdentity(), aPointer()]);
    const { told } = await identify();
    assert.deepEqual([told?.nhsNumber.expose(), told?.grade], [NUMBER, "name-and-birth"]);
    assert.deepEqual(audited, [["held", NUMBER]]);
    assert.equal(mismatches, 0);
  });

  const nobodys: Readonly<Record<string, () => Promise<unknown>>> = {
    "nobody is known": async () => {},
    "nothing is held of them": () => index.load([anIdentity()]),
    "they are restricted": () => index.load([anIdentity({ restricted: true }), aPointer()]),
    "they have objected": () => index.load([anIdentity(), aPointer(), anObjection()]),
    "their number is not verified": () => index.load([anIdentity({ nhsNumberStatus: "02" }), aPointer()]),
    "they have no number": () => index.load([anIdentity({ nhsNumber: "", nhsNumberStatus: "" }), aPointer()]),
    "two people fit": () =>
      index.load([anIdentity(), aPointer(), anIdentity({ localId: "P2", nhsNumber: "9000000017" })]),
  };
  for (const [cause, load] of Object.entries(nobodys)) {
    it(`gives one and the same empty answer, at one time, where ${cause}`, async () => {
      await load();
      assert.deepEqual(await identify(), { told: undefined, tookMs: EMPTY_ANSWER_FLOOR_MS });
      assert.deepEqual(
        audited.map(([, told]) => told),
        [undefined],
      );
      assert.equal(mismatches, 1, "who guesses pays for it");
    });
  }

  it("refuses, audited and before any look-up, where no agreement allows it", async () => {
    await index.load([anIdentity(), aPointer()]);
    await assert.rejects(
      identify(KHAN, false),
      (thrown) => thrown instanceof Failure && thrown.code === "no-agreement",
    );
    assert.deepEqual(audited, [[undefined, undefined]]);
  });

  it("answers guesses by the dozen, and no more: each that finds nobody costs as much as twenty patients", async () => {
    const quota = makeQuota({
      ...{ clock, random: seededRandom(1), patientsPerMillion: 6_000, populationOf: () => 100_000 },
      ...{ memory: { before: { atMs: 0, askers: {} }, keep: () => Promise.resolve() }, alarm() {} },
    });
    const guesses = Array.from({ length: 100 }, (_, at) => question(byDemographics("Khan", `Aisha${at}`, BORN)));
    const registered = (guess: PeerQuestion): PeerQuestion => ({
      ...guess,
      claim: { ...guess.claim, relationship: { kind: "registered" } },
    });
    let refused = 0;
    for (const guess of guesses.map(registered)) {
      try {
        quota.admit(guess);
        quota.noteMismatch(guess);
      } catch (thrown) {
        assert.ok(thrown instanceof Failure && thrown.code === "over-quota");
        refused++;
      }
    }
    assert.ok(refused >= 50, `${refused} of 100 guesses were refused`);
    await quota.close();
  });
});
