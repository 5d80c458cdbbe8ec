import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import type { HolderAnswer, PointerView, Verdict } from "../base/answer.ts";
import { BirthDate } from "../base/birth-date.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import { orderedUuid } from "../base/ordered-uuid.ts";
import type { Decision, Permit } from "../base/permit.ts";
import type { PatientQuery, Question } from "../base/question.ts";
import { systemRandom } from "../base/random.ts";
import { parseNodeId, parseOrganisationCode } from "../base/words.ts";
import { answerLocate, type AnswerLocateNeeds, type Found, type PeerQuestion } from "../requests/answer-locate.ts";
import type { LocateNeeds } from "../requests/locate.ts";
import { openDatabase, openStore } from "../storage/database.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import { startThreadExecutor } from "../storage/thread-executor.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { type Audit, makeAudit } from "./audit.ts";
import { type AuditEntry, openAuditReader } from "./audit-reader.ts";
import { makeHandlers } from "./audit-store.ts";
import { EVIDENCE_REACH_MS } from "./evidence.ts";
import { makePatientToken } from "./patient-token.ts";

// This file is also the process that one of its tests kills.

const NUMBER = "9000000009";
const NONCE = Buffer.from("sixteen random b");
const OWN = must(parseNodeId("wm-bsol"));
const PEER = must(parseNodeId("wm-cw"));
const OTHER_PEER = must(parseNodeId("wm-hw"));
const PERMIT_ID = "11111111-1111-4111-8111-111111111111";
const PERMITTED = {
  kind: "permitted",
  permit: { permitId: PERMIT_ID, sealed: [], notOffered: [] } as unknown as Permit,
} as const;

const byNumber: PatientQuery = {
  by: "number",
  nhsNumber: must(NhsNumber.parse(NUMBER)),
  birthDate: must(BirthDate.parse("1950-04-03", "2026-11-20")),
};
const byName = (family: string, given: string): PatientQuery => ({
  by: "demographics",
  familyName: new Concealed(family),
  givenName: new Concealed(given),
  birthDate: must(BirthDate.parse("1950-04-03", "2026-11-20")),
});

function aQuestion(changes: Partial<PeerQuestion> = {}): PeerQuestion {
  return {
    requestId: systemRandom.uuid(),
    attemptId: orderedUuid(systemRandom, systemClock.wallMs()),
    asker: PEER,
    evidence: { payload: Uint8Array.from([1, 2, 3]), signature: Uint8Array.from([4, 5]), patientNonce: NONCE },
    patient: byNumber,
    claim: {
      userId: "user-1",
      role: "S8000:G8000:R8000",
      setting: "emergency",
      organisation: must(parseOrganisationCode("RRK")),
      assurance: "smartcard",
      purpose: "TREAT",
      relationship: { kind: "attendance", reference: "A-17" },
      trigger: "person",
      reason: "Brought in by ambulance",
    },
    answerBy: Deadline.in(systemClock, 60_000),
    lateUntil: Deadline.in(systemClock, 60_000),
    ...changes,
  };
}

const aPointer = (pointerId: string): PointerView => ({
  pointerId,
  recordType: "discharge-letter",
  custodian: { code: must(parseOrganisationCode("RRK")), name: "A trust", phone: "" },
  recordedOn: "2026-01-01",
  updatedAtMs: 0,
  format: "",
  access: "full",
  sources: [],
});
const found = (changes: Partial<Found> = {}): Found => ({
  personId: undefined,
  pointers: [],
  otherPersonHasRecords: false,
  why: "none-held",
  ...changes,
});
const answer = (outcome: HolderAnswer["outcome"], pointers: readonly PointerView[] = []): HolderAnswer => ({
  outcome,
  pointers,
  sealed: [],
  reason: "",
  notOffered: [],
  morePointers: 0,
});
const HELD = found({ personId: "person-1", pointers: [aPointer("pointer-1"), aPointer("pointer-2")], why: "held" });

const ANSWERING_CHILD = "answering-child";

/** Answers peers for ever, and prints each attempt once its answer has left. */
async function answerForEver(file: string): Promise<void> {
  const executor = await startThreadExecutor({ file, store: "audit" });
  const audit = makeAudit({
    executor,
    ownId: OWN,
    clock: systemClock,
    random: systemRandom,
    tokenOf: makePatientToken(systemRandom.bytes(32)),
    onAlarm: () => undefined,
  });
  const needs = {
    clock: systemClock,
    decideAnswer: () => PERMITTED,
    admit: () => undefined,
    noteMismatch: () => undefined,
    find: () => HELD,
    coverage: () => ({ providers: [] }),
    recordAnswer: audit.recordAnswer,
    recordFailure: audit.recordFailure,
  };
  for (;;) {
    const answering = Array.from({ length: 8 }, async () => {
      const question = aQuestion();
      const { outcome } = await answerLocate(question, needs);
      writeSync(1, `${question.requestId} ${question.attemptId} ${outcome}\n`);
    });
    await Promise.all(answering);
  }
}

if (process.argv[2] === ANSWERING_CHILD) await answerForEver(process.argv[3] ?? "");
else describeAudit();

function describeAudit(): void {
  let folder: string;
  let file: string;
  let clock: FakeClock;
  let executor: StoreExecutor;
  let audit: Audit;
  let alarms: string[];

  const start = (on: Clock = clock): void => {
    const db = openStore(file, "audit");
    executor = makeInlineExecutor(db, makeHandlers(db));
    audit = makeAudit({
      executor,
      ownId: OWN,
      clock: on,
      random: systemRandom,
      tokenOf: makePatientToken(Buffer.alloc(32, 7)),
      onAlarm: (event, failure) => alarms.push(`${event} ${failure.code}`),
    });
  };
  const stop = async (): Promise<void> => {
    await audit.close();
    await executor.close();
  };
  const entriesOf = ({ requestId }: Question): readonly AuditEntry[] => {
    const reader = openAuditReader(file);
    try {
      return reader.byRequest(requestId);
    } finally {
      reader.close();
    }
  };
  const onlyEntryOf = (question: Question): AuditEntry => {
    const entries = entriesOf(question);
    assert.equal(entries.length, 1);
    return must(entries[0]);
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-audit-"));
    file = join(folder, "audit.db");
    clock = makeFakeClock();
    alarms = [];
    start();
  });
  afterEach(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("gives the stories exactly what they need", () => {
    const asker: Pick<LocateNeeds, "recordQuestion" | "recordRestricted" | "recordOutcomes"> = audit;
    const holder: Pick<AnswerLocateNeeds, "recordAnswer"> = audit;
    for (const record of [asker.recordQuestion, asker.recordRestricted, asker.recordOutcomes, holder.recordAnswer]) {
      assert.equal(typeof record, "function");
    }
  });

  describe("the audit of an asker", () => {
    it("keeps who asked, from where, why, about whom, and under which permit", async () => {
      const question = aQuestion();
      await audit.recordQuestion(question, PERMITTED);
      const { patient, ...entry } = onlyEntryOf(question);
      assert.equal(patient?.expose(), NUMBER);
      assert.deepEqual(entry, {
        seq: 1,
        atMs: clock.wallMs(),
        kind: "question",
        requestId: question.requestId,
        attemptId: undefined,
        permitId: PERMIT_ID,
        asker: OWN,
        holder: undefined,
        userId: "user-1",
        role: "S8000:G8000:R8000",
        setting: "emergency",
        organisation: "RRK",
        purpose: "TREAT",
        relationship: "attendance",
        reason: "Brought in by ambulance",
        personId: undefined,
        outcome: "permitted",
        why: undefined,
        pointerIds: [],
        detail: undefined,
        hasEvidence: false,
      });
    });

    it("keeps a refusal, and a locate that stopped at a protected location", async () => {
      const [refused, restricted] = [aQuestion(), aQuestion()];
      await audit.recordQuestion(refused, {
        kind: "refused",
        code: "purpose-refused",
        reason: "Individual care only.",
      });
      await audit.recordRestricted(restricted, PERMITTED.permit);
      const entries = [onlyEntryOf(refused), onlyEntryOf(restricted)];
      assert.deepEqual(
        entries.map(({ kind, outcome, why, permitId }) => [kind, outcome, why, permitId]),
        [
          ["refused", "purpose-refused", "Individual care only.", undefined],
          ["restricted", "restricted-record", undefined, PERMIT_ID],
        ],
      );
    });

    it("keeps what the own index showed to the own user", async () => {
      const question = aQuestion();
      await audit.recordOwnAnswer(question, PERMITTED.permit, HELD, answer("records", HELD.pointers));
      const entry = onlyEntryOf(question);
      assert.deepEqual([entry.kind, entry.asker, entry.holder, entry.attemptId], ["answer", OWN, OWN, undefined]);
      assert.deepEqual(entry.pointerIds, ["pointer-1", "pointer-2"]);
    });

    it("stands a token in for demographics, the same for the same person, and keeps no name", async () => {
      const [first, again, other] = [
        byName("Ashdown", "Beatrix"),
        byName(" ashdown ", "BEATRIX"),
        byName("Ashdown", "Bo"),
      ];
      const tokens = [];
      for (const patient of [first, again, other]) {
        const question = aQuestion({ patient });
        await audit.recordQuestion(question, PERMITTED);
        tokens.push(onlyEntryOf(question).patient?.expose());
      }
      assert.match(tokens[0] ?? "", /^t:[\w-]{22}$/);
      assert.equal(tokens[1], tokens[0]);
      assert.notEqual(tokens[2], tokens[0]);
      await stop();
      assert.doesNotMatch(readFileSync(file, "latin1"), /ashdown|beatrix|1950-04-03/i);
      start();
    });

    it("writes the outcomes within a second, in the background", async () => {
      const question = aQuestion();
      audit.recordOutcomes(question, PERMITTED.permit, aVerdict(false));
      assert.equal(entriesOf(question).length, 0);
      await clock.advance(1_000);
      const entry = onlyEntryOf(question);
      assert.deepEqual([entry.kind, entry.outcome], ["outcomes", "not-every-area-answered"]);
      assert.deepEqual(JSON.parse(entry.detail ?? ""), {
        areas: [
          ["wm-bsol", "records", 4],
          ["wm-cw", "timed-out", 1950, "No answer in time."],
          ["An area without a node", "not-in-network", 0],
        ],
        scopes: [["network", false]],
        gaps: [["wm-bsol", "RRK", "stale"]],
        unfed: ["wm-cw"],
        directory: 3,
      });
    });

    it("writes what was told until a locate was cut short", async () => {
      const question = aQuestion();
      const area = { nodeId: OWN, name: "Birmingham", icsCodes: [], scopes: [], contact: "" };
      const own = { ...answer("records", [aPointer("pointer-1")]), area, elapsedMs: 4, own: true };
      audit.recordOutcomes(question, PERMITTED.permit, { cutShort: [own] });
      await clock.advance(1_000);
      const entry = onlyEntryOf(question);
      assert.deepEqual([entry.kind, entry.outcome], ["outcomes", "cut-short"]);
      assert.deepEqual(JSON.parse(entry.detail ?? ""), { areas: [["wm-bsol", "records", 4]] });
    });

    it("writes what a locate that broke off had told, and what it broke off with", async () => {
      const question = aQuestion();
      audit.recordOutcomes(question, PERMITTED.permit, { cutShort: [], failed: "configuration" });
      await clock.advance(1_000);
      const { kind, outcome, why } = onlyEntryOf(question);
      assert.deepEqual([kind, outcome, why], ["outcomes", "failed", "configuration"]);
    });

    it("writes that a peer's attempt broke off, without user or patient", async () => {
      const question = aQuestion();
      audit.recordFailure(question, "internal");
      await clock.advance(1_000);
      const entry = onlyEntryOf(question);
      assert.deepEqual(
        [entry.kind, entry.outcome, entry.why, entry.asker, entry.holder, entry.attemptId],
        ["outcomes", "failed", "internal", PEER, OWN, question.attemptId],
      );
      assert.deepEqual([entry.userId, entry.patient, entry.pointerIds], [undefined, undefined, []]);
    });

    it("writes the outcomes that wait when it is closed", async () => {
      const question = aQuestion();
      audit.recordOutcomes(question, PERMITTED.permit, aVerdict(true));
      await stop();
      assert.equal(onlyEntryOf(question).outcome, "every-area-answered");
      start();
    });

    it("raises the alarm for each of the outcomes that it cannot take", async () => {
      for (let n = 0; n < 10_003; n++) audit.recordOutcomes(aQuestion(), PERMITTED.permit, aVerdict(true));
      assert.deepEqual(alarms, Array(3).fill("audit-outcomes-lost overloaded"));
      await clock.advance(1_000);
      const reader = openAuditReader(file);
      assert.equal(reader.count(), 10_000);
      reader.close();
    });
  });

  describe("the audit of a holder", () => {
    it("keeps which records left, for whom, with the signed evidence", async () => {
      const question = aQuestion();
      await audit.recordAnswer(question, PERMITTED, HELD, answer("records", HELD.pointers));
      const entry = onlyEntryOf(question);
      assert.deepEqual(
        [entry.kind, entry.asker, entry.holder, entry.attemptId, entry.permitId, entry.personId, entry.outcome],
        ["answer", PEER, OWN, question.attemptId, PERMIT_ID, "person-1", "records"],
      );
      assert.deepEqual([entry.patient?.expose(), entry.why], [NUMBER, undefined]);
      assert.deepEqual(entry.pointerIds, ["pointer-1", "pointer-2"]);
      assert.deepEqual(readRows("SELECT evidence_payload AS p, evidence_signature AS s FROM audit_log"), [
        { p: Buffer.from([1, 2, 3]), s: Buffer.from([4, 5]) },
      ]);
    });

    it("keeps the evidence of several questions once, and in the tree which entry has it", async () => {
      const [one, other] = [aQuestion(), aQuestion()];
      const again = { ...aQuestion(), evidence: { ...one.evidence, payload: Uint8Array.from(one.evidence.payload) } };
      const forged = { ...aQuestion(), evidence: { ...one.evidence, payload: Uint8Array.from([9]) } };
      await Promise.all(
        [one, other, again, forged].map((each) => audit.recordAnswer(each, PERMITTED, HELD, answer("records", []))),
      );
      assert.deepEqual(
        readRows(
          "SELECT evidence_payload AS p, evidence_signature AS s, evidence_of AS one FROM audit_log ORDER BY seq",
        ),
        [
          { p: Buffer.from([1, 2, 3]), s: Buffer.from([4, 5]), one: null },
          { p: null, s: null, one: 1 },
          { p: null, s: null, one: 1 },
          { p: Buffer.from([9]), s: Buffer.from([4, 5]), one: null },
        ],
      );
      assert.ok(onlyEntryOf(again).hasEvidence);
      await clock.advance(EVIDENCE_REACH_MS + 1);
      const late = aQuestion();
      await audit.recordAnswer(late, PERMITTED, HELD, answer("records", []));
      assert.deepEqual(
        readRows("SELECT evidence_payload AS p FROM audit_log WHERE kind = 'answer' ORDER BY seq DESC LIMIT 1"),
        [{ p: Buffer.from([1, 2, 3]) }],
        "not from further back than retention waits for",
      );
    });

    it("keeps what shows whom the evidence is about only where it knows the person", async () => {
      const other = found({ otherPersonHasRecords: true, why: "other-person" });
      const refusal: Decision = { kind: "refused", code: "no-agreement", reason: "No agreement." };
      await audit.recordAnswer(aQuestion(), PERMITTED, found(), answer("nothing-to-show"));
      await audit.recordAnswer(aQuestion(), refusal, undefined, answer("no-agreement"));
      await stop();
      for (const each of readdirSync(folder)) {
        assert.ok(
          !readFileSync(join(folder, each)).includes(NONCE),
          `${each} holds it nowhere, deleted parts included`,
        );
      }
      start();
      await audit.recordAnswer(aQuestion(), PERMITTED, HELD, answer("records", HELD.pointers));
      await audit.recordAnswer(aQuestion(), PERMITTED, other, answer("identity-check"));
      assert.deepEqual(
        readRows("SELECT patient_nonce AS nonce FROM audit_log ORDER BY seq").map(({ nonce }) => nonce),
        [null, null, NONCE, NONCE],
      );
    });

    it("keeps what truly lay behind answers that are one answer outside", async () => {
      const person = "person-1";
      for (const why of ["objected", "restricted", "filtered"] as const) {
        const question = aQuestion();
        await audit.recordAnswer(question, PERMITTED, found({ personId: person, why }), answer("nothing-to-show"));
        const entry = onlyEntryOf(question);
        assert.deepEqual([entry.outcome, entry.why, entry.personId], ["nothing-to-show", why, person]);
        assert.equal(entry.patient?.expose(), NUMBER, "the patient's own report must find it");
      }
    });

    it("keeps the number of somebody whose existence here was disclosed", async () => {
      const question = aQuestion();
      const other = found({ otherPersonHasRecords: true, why: "other-person" });
      await audit.recordAnswer(question, PERMITTED, other, answer("identity-check"));
      const entry = onlyEntryOf(question);
      assert.deepEqual([entry.outcome, entry.why, entry.patient?.expose()], ["identity-check", "other-person", NUMBER]);
    });

    it("keeps no number of somebody whom it does not know, or whom it did not look for", async () => {
      const refusal: Decision = { kind: "refused", code: "no-agreement", reason: "No agreement." };
      const [unknown, unasked] = [aQuestion(), aQuestion()];
      await audit.recordAnswer(unknown, PERMITTED, found(), answer("nothing-to-show"));
      await audit.recordAnswer(unasked, refusal, undefined, answer("no-agreement"));
      assert.deepEqual(
        [unknown, unasked].map(onlyEntryOf).map(({ outcome, why }) => [outcome, why]),
        [
          ["nothing-to-show", "none-held"],
          ["no-agreement", "no-agreement"],
        ],
      );
      assert.match(onlyEntryOf(unknown).patient?.expose() ?? "", /^t:/);
      await stop();
      assert.ok(!readFileSync(file, "latin1").includes(NUMBER));
      start();
    });

    it("answers an attempt once, across restarts; a replay is recorded and discloses nothing", async () => {
      await answersOnce(aQuestion());
    });

    it("answers an attempt once whose id does not say when it was drawn", async () => {
      await answersOnce(aQuestion({ attemptId: systemRandom.uuid() }));
    });

    async function answersOnce(question: PeerQuestion): Promise<void> {
      const replay = (): Promise<void> =>
        audit.recordAnswer(question, PERMITTED, HELD, answer("records", HELD.pointers));
      await replay();
      await assert.rejects(replay(), isFailure("replayed"));
      await stop();
      start();
      await assert.rejects(replay(), isFailure("replayed"));
      assert.deepEqual(
        entriesOf(question).map(({ kind, outcome, pointerIds }) => [kind, outcome, pointerIds.length]),
        [
          ["answer", "records", 2],
          ["refused", "replayed", 0],
          ["refused", "replayed", 0],
        ],
      );
    }

    it("answers one of two that come at once", async () => {
      const question = aQuestion();
      const results = await Promise.allSettled(
        [1, 2].map(() => audit.recordAnswer(question, PERMITTED, HELD, answer("records", HELD.pointers))),
      );
      assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    });

    it("keeps the newest attempts together, so that an answer does not write a page of its own", async () => {
      const [first, second] = [aQuestion(), aQuestion()];
      for (const question of [first, second]) {
        await audit.recordAnswer(question, PERMITTED, found(), answer("nothing-to-show"));
      }
      const drawn = [first, second].map(({ attemptId }) => attemptId.replaceAll("-", "").slice(0, 12));
      const kept = readRows("SELECT lower(hex(substr(key, 1, 6))) AS drawn FROM seen_attempt").map(
        (row) => row["drawn"],
      );
      for (const each of drawn) assert.ok(kept.includes(each), `${each} is not among the keys`);
    });

    it("lets no peer use up another one's attempt", async () => {
      const question = aQuestion();
      await audit.recordAnswer(question, PERMITTED, found(), answer("nothing-to-show"));
      await audit.recordAnswer({ ...question, asker: OTHER_PEER }, PERMITTED, found(), answer("nothing-to-show"));
    });

    it("remembers attempts for ten minutes, and then forgets them all", async () => {
      const questions = Array.from({ length: 4_500 }, () => aQuestion());
      const answerAll = (): Promise<PromiseSettledResult<void>[]> =>
        Promise.allSettled(
          questions.map((each) => audit.recordAnswer(each, PERMITTED, found(), answer("nothing-to-show"))),
        );
      await answerAll();
      await clock.advance(9 * 60_000);
      assert.ok((await answerAll()).every(({ status }) => status === "rejected"));
      await clock.advance(2 * 60_000);
      assert.deepEqual(readRows("SELECT count(*) AS n FROM seen_attempt"), [{ n: 0 }]);
      assert.deepEqual(alarms, []);
    });

    it("forgets no attempt early because the clock was put ahead, or was wrong at a start, and then right again", async () => {
      let wrongMs = 0;
      const jumping: Clock = { ...clock, wallMs: () => clock.wallMs() + wrongMs };
      await stop();
      start(jumping);
      const question = aQuestion();
      const replay = (): Promise<void> => audit.recordAnswer(question, PERMITTED, found(), answer("nothing-to-show"));
      await replay();
      wrongMs = 365 * 86_400_000;
      await clock.advance(2 * 60_000);
      await audit.recordQuestion(aQuestion(), PERMITTED);
      await stop();
      start(jumping);
      await clock.advance(2 * 60_000);
      wrongMs = 0;
      await assert.rejects(replay(), isFailure("replayed"));
      await clock.advance(21 * 60_000);
      assert.deepEqual(readRows("SELECT count(*) AS n FROM seen_attempt"), [{ n: 0 }], "and none for longer than that");
    });
  });

  describe("the audit log", () => {
    it("has a time that never goes back, across restarts, and says by how much the clock did", async () => {
      let wallMs = 5_000_000;
      const jumping: Clock = { ...clock, wallMs: () => wallMs };
      for (const nextMs of [5_000_000, 1_400_000, 1_500_000, 5_000_001]) {
        wallMs = nextMs;
        await stop();
        start(jumping);
        await audit.recordQuestion(aQuestion(), PERMITTED);
      }
      assert.deepEqual(readRows("SELECT seq, at_ms, clock_behind_ms FROM audit_log"), [
        { seq: 1, at_ms: 5_000_000, clock_behind_ms: null },
        { seq: 2, at_ms: 5_000_000, clock_behind_ms: 3_600_000 },
        { seq: 3, at_ms: 5_000_000, clock_behind_ms: 3_500_000 },
        { seq: 4, at_ms: 5_000_001, clock_behind_ms: null },
      ]);
    });

    it("is added to and nothing else", async () => {
      await audit.recordQuestion(aQuestion(), PERMITTED);
      const db = openDatabase(file);
      assert.throws(() => db.exec("UPDATE audit_log SET user_id = 'somebody else'"), /never changed/);
      assert.throws(() => db.exec("DELETE FROM audit_log"), /never removed/);
      assert.throws(() => db.exec("INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log"), /never/);
      db.close();
    });

    it("gives each entry a salt of its own", async () => {
      for (let n = 0; n < 3; n++) await audit.recordQuestion(aQuestion(), PERMITTED);
      const salts = readRows("SELECT hex(salt) AS salt FROM audit_log").map((row) => String(row["salt"]));
      assert.equal(new Set(salts).size, 3);
      for (const salt of salts) assert.match(salt, /^[0-9A-F]{32}$/);
    });

    it("is found by request wherever the entry lies", async () => {
      const questions = Array.from({ length: 9_000 }, () => aQuestion());
      await Promise.all(questions.map((each) => audit.recordQuestion(each, PERMITTED)));
      for (const at of [0, 4_094, 4_095, 4_096, 8_999]) {
        assert.equal(onlyEntryOf(must(questions[at])).seq, at + 1);
      }
      assert.deepEqual(entriesOf(aQuestion()), []);
      const query = openDatabase(file, { readonly: true });
      const plan = query.prepare(
        "EXPLAIN QUERY PLAN SELECT 1 FROM audit_log WHERE seq >> 12 = 1 AND substr(request_id, 1, 8) = ''",
      );
      assert.match(JSON.stringify(plan.all()), /audit_log_by_request/);
      query.close();
    });

    it("lets nothing be recorded as if it had been, when the store is broken", async () => {
      const db = openDatabase(file);
      const broken = makeInlineExecutor(db, makeHandlers(db));
      db.pragma("max_page_count = 1"); // every new page is one too many
      const onAlarm = (event: string, failure: Failure): void => void alarms.push(`${event} ${failure.code}`);
      const ownAudit = makeAudit({
        executor: broken,
        ownId: OWN,
        clock,
        random: systemRandom,
        tokenOf: () => "t:",
        onAlarm,
      });
      const long = aQuestion({ claim: { ...aQuestion().claim, reason: "x".repeat(100_000) } });
      await assert.rejects(ownAudit.recordQuestion(long, PERMITTED), isFailure("store-unavailable"));

      const question = aQuestion();
      for (const record of [
        ownAudit.recordQuestion(question, PERMITTED),
        ownAudit.recordRestricted(question, PERMITTED.permit),
        ownAudit.recordAnswer(question, PERMITTED, HELD, answer("records", HELD.pointers)),
        ownAudit.recordOwnAnswer(question, PERMITTED.permit, HELD, answer("records", HELD.pointers)),
      ]) {
        await assert.rejects(record, isFailure("store-unavailable"));
      }
      ownAudit.recordOutcomes(question, PERMITTED.permit, aVerdict(true));
      await ownAudit.close();
      assert.deepEqual(alarms, ["audit-outcomes-lost store-unavailable"]);
      await broken.close();
      assert.deepEqual(readRows("SELECT seq FROM audit_log"), []);
    });

    it("holds every answer that left, when the process is killed between the two", async function () {
      this.timeout(30_000);
      await stop();
      for (let round = 0; round < 4; round++) {
        const left = await killWhileAnswering(file, 30 + round * 40);
        assert.ok(left.length > 0, "something was answered");
        start();
        const reader = openAuditReader(file);
        const replays = left.map(async ([requestId, attemptId, outcome]) => {
          const question = aQuestion({ requestId: must(requestId), attemptId: must(attemptId) });
          const entries = reader.byRequest(question.requestId);
          assert.deepEqual(
            entries.map((entry) => [entry.attemptId, entry.outcome]),
            [[attemptId, outcome]],
          );
          const again = audit.recordAnswer(question, PERMITTED, HELD, answer("records", HELD.pointers));
          await assert.rejects(again, isFailure("replayed"));
        });
        await Promise.all(replays);
        reader.close();
        await stop();
      }
      start();
    });
  });

  function readRows(sql: string): Record<string, unknown>[] {
    const db = openDatabase(file, { readonly: true });
    try {
      return db.prepare<[], Record<string, unknown>>(sql).all();
    } finally {
      db.close();
    }
  }
}

/** Starts the answering child, kills it some time after its first answer, and gives the answers that left whole. */
async function killWhileAnswering(file: string, afterMs: number): Promise<string[][]> {
  const own = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, [own, ANSWERING_CHILD, file], { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(child, "close");
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
  await once(child.stdout, "data");
  await sleep(afterMs);
  child.kill("SIGKILL");
  await closed;
  const whole = printed.slice(0, printed.lastIndexOf("\n"));
  return whole.split("\n").map((line) => line.split(" "));
}

function aVerdict(everyAreaAnswered: boolean): Verdict {
  return {
    requestId: "",
    asker: OWN,
    givenAtMs: 0,
    scopes: [{ scope: "network", everyAreaAnswered, areas: 3, answered: 1 }],
    areas: [
      { nodeId: OWN, name: "Birmingham", outcome: "records", elapsedMs: 4, reason: "", scopes: ["network"] },
      {
        nodeId: PEER,
        name: "Coventry",
        outcome: "timed-out",
        elapsedMs: 1950,
        reason: "No answer in time.",
        scopes: ["network"],
      },
      { name: "An area without a node", outcome: "not-in-network", elapsedMs: 0, reason: "", scopes: [] },
    ],
    gaps: [
      {
        nodeId: OWN,
        provider: { code: must(parseOrganisationCode("RRK")), name: "A trust", state: "stale", lastReceivedAtMs: 0 },
      },
    ],
    unfed: [PEER],
    sentence: "",
    fixedLine: "",
    directory: { sequence: 3, ageSeconds: 0, ageing: false },
  };
}

function isFailure(code: Failure["code"]): (thrown: unknown) => boolean {
  return (thrown) => thrown instanceof Failure && thrown.code === code;
}

function must<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}
