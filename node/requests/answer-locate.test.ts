import assert from "node:assert/strict";

import type { HolderAnswer, PointerView } from "../base/answer.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { NodeId, OrganisationCode } from "../base/words.ts";
import { aPermit, byNumber } from "../testing/an-index.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { answerLocate, EMPTY_ANSWER_FLOOR_MS, type Found } from "./answer-locate.ts";

const pointer: PointerView = {
  pointerId: "x-1",
  recordType: "allergies",
  custodian: { code: "RRK" as OrganisationCode, name: "A trust", phone: "" },
  recordedOn: "2026-01-01",
  updatedAtMs: 0,
  format: "",
  access: "full",
  sources: [],
};

const EMPTY: Found = { personId: undefined, pointers: [], otherPersonHasRecords: false, why: "none-held" };
const HELD: Found = { ...EMPTY, personId: "p-1", pointers: [pointer], why: "held" };
const permit: Permit = { ...aPermit(), notOffered: ["dols", "ecg"] };

interface Case {
  /** The quota's refusal. */
  readonly overQuota?: Failure;
  readonly mismatches?: string[];
  readonly found?: Found;
  /** How long the audit takes. */
  readonly auditMs?: number;
  readonly decision?: Decision;
  /** How much earlier than asked a timer fires, as a real one may. */
  readonly earlyMs?: number;
}

/** Answers one question, and gives the answer and how long after its arrival it left. */
async function answer({ found = EMPTY, auditMs = 0, earlyMs = 0, mismatches = [], ...given }: Case) {
  const clock = makeFakeClock();
  const decision = given.decision ?? { kind: "permitted", permit };
  const later = Deadline.in(clock, 2_000);
  const question = {
    requestId: "r-1",
    patient: byNumber("9000000009", "1980-05-17"),
    claim: permit.claim,
    answerBy: later,
    lateUntil: later,
    asker: "wm-cw" as NodeId,
    attemptId: "a-1",
    evidence: { payload: new Uint8Array(), signature: new Uint8Array(), patientNonce: new Uint8Array() },
  };
  await clock.advance(7.25); // no question arrives just on a tick
  const arrivedMs = clock.monotonicMs();
  const answering = answerLocate(question, {
    clock: { ...clock, sleep: (ms, signal) => clock.sleep(Math.max(0.25, ms - earlyMs), signal) },
    decideAnswer: () => decision,
    admit() {
      if (given.overQuota !== undefined) throw given.overQuota;
    },
    noteMismatch: ({ asker }) => mismatches.push(asker),
    find: () => (given.overQuota === undefined ? found : assert.fail("the index was asked")),
    coverage: () => ({ providers: [] }),
    recordAnswer: () => clock.sleep(auditMs),
    recordFailure: (_question, failed) => assert.equal(failed, given.overQuota?.code),
  }).then((said) => ({ said, leftMs: clock.monotonicMs() - arrivedMs }));
  await clock.advance(1_000);
  return answering;
}

describe("an empty answer", () => {
  it("leaves at a multiple of the floor, however long the audit took", async () => {
    for (const [auditMs, expectedMs] of [
      [0, 5],
      [0.4, 5],
      [4.9, 5],
      [5, 5],
      [5.1, 10],
      [7, 10],
      [12.3, 15],
      [33, 35],
    ] as const) {
      const { leftMs } = await answer({ auditMs });
      assert.ok(leftMs >= expectedMs && leftMs < expectedMs + 1, `audit of ${auditMs} ms: left at ${leftMs} ms`);
    }
  });

  it("leaves at one time whatever its cause, though the causes take unlike times", async () => {
    const times = [7.0, 7.3, 8.2, 9.7].map(async (auditMs) => (await answer({ auditMs, earlyMs: 0.75 })).leftMs);
    const left = await Promise.all(times);
    for (const each of left)
      assert.ok(each >= 2 * EMPTY_ANSWER_FLOOR_MS && each < 2 * EMPTY_ANSWER_FLOOR_MS + 1, `${each}`);
  });

  it("waits for nothing where there is something to show, or nothing was looked up", async () => {
    assert.equal((await answer({ found: HELD })).leftMs, 0);
    const decision = { kind: "refused", code: "no-agreement", reason: "ended" } as const;
    assert.equal((await answer({ decision })).leftMs, 0);
  });
});

describe("what every answer says whoever the patient is", () => {
  it("is what the role is not offered here: the same for every cause", async () => {
    const founds: readonly Found[] = [
      EMPTY,
      { ...EMPTY, personId: "p-2", why: "objected" },
      { ...EMPTY, personId: "p-3", why: "restricted" },
      { ...EMPTY, personId: "p-4", why: "filtered", more: 7 },
    ];
    const empty: HolderAnswer[] = [];
    for (const found of founds) empty.push((await answer({ found })).said);
    for (const each of empty) assert.deepEqual(each, empty[0], "one answer");
    assert.deepEqual(empty[0]?.notOffered, ["dols", "ecg"]);
    assert.deepEqual((await answer({ found: HELD })).said.notOffered, ["dols", "ecg"]);
  });

  it("is nothing where the question was declined: then nothing at all is offered", async () => {
    const { said } = await answer({ decision: { kind: "refused", code: "role-refused", reason: "agreement-role" } });
    assert.deepEqual([said.outcome, said.notOffered, said.sealed], ["refused", [], []]);
  });
});

describe("a quota", () => {
  it("refuses before the index is asked, so that neither refusal nor moment tells who is known here", async () => {
    const overQuota = new Failure("over-quota", "Ask again in 20 s.", { retryAfterMs: 20_000 });
    await assert.rejects(answer({ overQuota, found: HELD }), overQuota);
  });

  it("is told of what the asker was told, and of nothing that is hidden from it", async () => {
    const mismatches: string[] = [];
    await answer({ found: { ...EMPTY, why: "other-person" }, mismatches });
    assert.deepEqual(mismatches, [], "somebody else's number, of whom nothing may be shown");
    await answer({ found: { ...EMPTY, why: "other-person", otherPersonHasRecords: true }, mismatches });
    assert.deepEqual(mismatches, ["wm-cw"]);
  });
});

describe("records beyond what one answer carries", () => {
  it("are counted in it", async () => {
    assert.equal((await answer({ found: { ...HELD, more: 41 } })).said.morePointers, 41);
    assert.equal((await answer({ found: HELD })).said.morePointers, 0);
  });
});
