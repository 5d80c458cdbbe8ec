import assert from "node:assert/strict";

import type { AreaAnswer, HolderAnswer, LocateEvent, Verdict } from "../base/answer.ts";
import { Deadline } from "../base/deadline.ts";
import type { Failure } from "../base/failure.ts";
import type { Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import type { NodeId } from "../base/words.ts";
import type { Manifest, Member } from "../../topology/manifest.ts";
import { makeFederation } from "../federation/federation.ts";
import { aPermit, byNumber } from "../testing/an-index.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { LateAnswers } from "./late-answers.ts";
import { type LocateNeeds, locate } from "./locate.ts";

const OWN = "n-own" as NodeId;
const ANSWER_BY_MS = 300;
const LATE_UNTIL_MS = 2_000;
const R1 = "11111111-1111-4111-8111-111111111111";

const nothing: HolderAnswer = {
  ...{ outcome: "nothing-to-show", pointers: [], sealed: [], reason: "", notOffered: [], morePointers: 0 },
};
const member = (id: string): Member => ({
  ...{ id, collaborative: "ccr", region: "West Midlands", endpoints: ["127.0.0.1:1"], issuingCa: "0".repeat(64) },
  ics: [{ code: id.toUpperCase().replaceAll("-", ""), name: `Area ${id}`, from: "2022-07-01" }],
  ...{ assertionKey: "A".repeat(43), population: 1, ages: { from: 0 }, status: "live" },
  coverageContact: { name: "", phone: "", hours: "" },
});
const MANIFEST: Manifest = {
  ...{ format: 1, sequence: 1, issuedAt: "2026-11-20T00:00:00Z", routing: "ask-all" },
  network: { name: "Test", domain: "test.example", authority: "Nobody" },
  members: [OWN, "n-quick", "n-slow"].map(member),
  ...{ icsWithoutNode: [], agreements: [] },
};

/** A network of which one area answers only so long after it was asked. */
function aTrial(slowMs: number) {
  const clock = makeFakeClock();
  const asked: string[] = [];
  const told: { readonly requestId: string; readonly otherwise: Record<string, string> }[] = [];
  const federation = makeFederation({
    ...{ clock, ownId: OWN, mayAsk: () => ({ ok: true }) },
    directory: () => ({ manifest: MANIFEST, ageMs: 0, state: "fresh" }),
    transport: {
      async ask({ id }, _question, _permit, _deadline, signal) {
        asked.push(id);
        if (id === "n-slow") await clock.sleep(slowMs, signal);
        return nothing;
      },
    },
  });
  const permit: Permit = aPermit();
  const needs: LocateNeeds = {
    clock,
    late: new LateAnswers(clock),
    decideAccess: () => ({ kind: "permitted", permit }),
    recordQuestion: () => Promise.resolve(),
    knowPerson: (question) => ({ kind: "ask", question }),
    recordRestricted: () => Promise.resolve(),
    openNetwork: federation.open,
    answerFromOwnIndex: () => Promise.resolve(nothing),
    ownIndexFailed() {},
    recordOutcomes: ({ requestId }, _permit, _told, otherwise) =>
      void told.push({ requestId, otherwise: Object.fromEntries(otherwise) }),
  };
  const questionOf = (change: Partial<Question> = {}): Question => ({
    ...{ requestId: R1, patient: byNumber("9000000009", "1980-05-17"), claim: permit.claim },
    answerBy: Deadline.in(clock, ANSWER_BY_MS),
    lateUntil: Deadline.in(clock, LATE_UNTIL_MS),
    ...change,
  });
  async function run(change: Partial<Question> = {}, more: Partial<LocateNeeds> = {}) {
    const events: LocateEvent[] = [];
    const all = (async () => {
      const gone = new AbortController().signal;
      for await (const event of locate(questionOf(change), { ...needs, ...more }, gone)) events.push(event);
    })();
    const ended = all.then(
      () => "ended",
      ({ code }: Failure) => code as string,
    );
    await clock.advance(ANSWER_BY_MS);
    return {
      ended: await ended,
      answers: events.flatMap((event): AreaAnswer[] => (event.kind === "answer" ? [event.answer] : [])),
      verdict: events.flatMap((event): Verdict[] => (event.kind === "verdict" ? [event.verdict] : []))[0],
    };
  }
  return { clock, asked, told, run };
}

const late = (change: Partial<Question> = {}): Partial<Question> => ({ requestId: "r-2", lateOf: R1, ...change });
const outcomesOf = ({ answers }: { readonly answers: readonly AreaAnswer[] }): Record<string, string> =>
  Object.fromEntries(answers.map(({ area, outcome }) => [area.nodeId ?? "", outcome]));

describe("answers that come after the verdict", () => {
  it("are shown to whoever asked, with what was answered before and a verdict over all; nobody is asked anew", async () => {
    const { clock, asked, told, run } = aTrial(1_000);
    const first = await run();
    assert.deepEqual(outcomesOf(first), {
      [OWN]: "nothing-to-show",
      "n-quick": "nothing-to-show",
      "n-slow": "timed-out",
    });
    assert.equal(first.verdict?.scopes.at(-1)?.everyAreaAnswered, false);
    const before = await run(late());
    assert.equal(outcomesOf(before)["n-slow"], "timed-out", "not yet");
    await clock.advance(1_000);
    asked.length = 0;
    const then = await run(late());
    assert.deepEqual(outcomesOf(then), { ...outcomesOf(first), "n-slow": "nothing-to-show" });
    assert.equal(then.answers[0]?.own, true);
    assert.equal(then.verdict?.requestId, "r-2");
    assert.equal(then.verdict?.scopes.at(-1)?.everyAreaAnswered, true);
    assert.deepEqual(asked, []);
    assert.deepEqual(told.at(-1), {
      requestId: "r-2",
      otherwise: { [OWN]: "not-asked", "n-quick": "not-asked", "n-slow": "not-asked" },
    });
  });

  it("are waited for until no more can come, and come no later than that", async () => {
    const { clock, run } = aTrial(60_000);
    await run();
    await clock.advance(LATE_UNTIL_MS - 2 * ANSWER_BY_MS);
    const then = await run(late());
    assert.equal(then.ended, "ended");
    assert.equal(outcomesOf(then)["n-slow"], "timed-out");
    assert.equal(clock.pending(), 0, "nothing goes on");
  });

  it("are for the same user and patient alone", async () => {
    const { clock, run } = aTrial(500);
    await run();
    await clock.advance(1_000);
    const { claim } = aPermit();
    for (const change of [
      { claim: { ...claim, userId: "somebody.else" } },
      { patient: byNumber("9000000017", "1980-05-17") },
      { patient: byNumber("9000000009", "1980-05-18") },
      { lateOf: "22222222-2222-4222-8222-222222222222" },
    ]) {
      const other = await run(late(change));
      assert.deepEqual([other.ended, other.answers.length], ["invalid-input", 0]);
    }
    assert.equal((await run(late())).ended, "ended");
  });

  it("need a decision anew, and are not shown of somebody restricted or withheld since", async () => {
    const { clock, asked, run } = aTrial(500);
    await run();
    await clock.advance(1_000);
    const refused = await run(late(), {
      decideAccess: () => ({ kind: "refused", code: "role-refused", reason: "Not for this role." }),
    });
    assert.deepEqual([refused.ended, refused.answers.length], ["role-refused", 0]);
    const restricted = await run(late(), { knowPerson: () => ({ kind: "restricted" }) });
    assert.deepEqual([restricted.ended, restricted.answers.length], ["restricted-record", 0]);
    asked.length = 0;
    await run(late(), { knowPerson: (question) => ({ kind: "ask", question, objected: true }) });
    assert.deepEqual(asked, [], "as for anybody of whom nobody is asked");
  });

  it("are not kept of emergency access, nor of a locate that every area answered, nor for long", async () => {
    const { claim } = aPermit();
    const emergency = aTrial(500);
    const btg = { claim: { ...claim, purpose: "BTG" as const } };
    await emergency.run(btg);
    await emergency.clock.advance(1_000);
    assert.equal((await emergency.run(late(btg))).ended, "invalid-input");
    const whole = aTrial(10);
    await whole.run();
    assert.equal((await whole.run(late())).ended, "invalid-input");
    const old = aTrial(500);
    await old.run();
    await old.clock.advance(125_000);
    assert.equal((await old.run(late())).ended, "invalid-input");
  });

  it("are kept of so many locates and no more", async () => {
    const { run } = aTrial(500);
    await run();
    for (let count = 0; count < 100; count++) await run({ requestId: `r-${count}-many` });
    assert.equal((await run(late())).ended, "invalid-input");
  });
});
