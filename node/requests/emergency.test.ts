import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { type EmergencyGrants, makeEmergencyGrants } from "../access/emergency.ts";
import { type Audit, makeAudit } from "../audit/audit.ts";
import { makeHandlers } from "../audit/audit-store.ts";
import { makePatientToken } from "../audit/patient-token.ts";
import { Failure, type FailureCode } from "../base/failure.ts";
import type { Decision } from "../base/permit.ts";
import type { Claim, PatientQuery } from "../base/question.ts";
import { systemRandom } from "../base/random.ts";
import { type NodeId, parseOrganisationCode } from "../base/words.ts";
import { openStore } from "../storage/database.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import { aPermit, byNumber } from "../testing/an-index.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import * as emergency from "./emergency.ts";
import { startDeliveries } from "./emergency-deliveries.ts";

const OWN = "wm-bsol" as NodeId;
const PEER = "wm-cw" as NodeId;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PATIENT = byNumber("9000000009", "1980-05-17");
const OTHER = byNumber("9000000017", "1980-05-17");
const CLAIM: Claim = {
  userId: "user-1",
  role: "R1070",
  setting: "ambulance",
  organisation: parseOrganisationCode("RYA")!,
  assurance: "smartcard",
  purpose: "BTG",
  relationship: { kind: "attendance", reference: "A-17" },
  trigger: "person",
  reason: "Found collapsed",
};
const OFFICER: emergency.PrivacyOfficer = {
  ...{ requestId: systemRandom.uuid(), caller: "ig-desk", roles: ["R0001"], userId: "officer", role: "R0001" },
  reason: "review",
};
const permitted = (): Decision => ({ kind: "permitted", permit: aPermit() });

describe("emergency access", () => {
  let folder: string;
  let db: Database;
  let clock: FakeClock;
  let store: StoreExecutor;
  let audit: Audit;
  let grants: EmergencyGrants;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-emergency-"));
    clock = makeFakeClock(Date.parse("2026-11-23T12:00:00Z")); // a Monday
    db = openStore(join(folder, "audit.db"), "audit");
    store = makeInlineExecutor(db, makeHandlers(db));
    const tokenOf = makePatientToken(Buffer.alloc(32, 7));
    audit = makeAudit({ executor: store, ownId: OWN, clock, random: systemRandom, tokenOf, onAlarm: () => {} });
    grants = makeEmergencyGrants(clock, tokenOf);
  });
  afterEach(async () => {
    await audit.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const needs = (more: Partial<emergency.EmergencyNeeds> = {}): emergency.EmergencyNeeds => ({
    ...{ ...audit, clock, random: systemRandom, ownId: OWN, store, grants },
    ...{ tokenOf: makePatientToken(Buffer.alloc(32, 7)), wake: () => {} },
    ...more,
  });
  const wish = (patient: PatientQuery = PATIENT): emergency.EmergencyWish => ({
    ...{ requestId: systemRandom.uuid(), patient, claim: CLAIM, reasonCode: "unconscious" },
  });
  const give = (more: Partial<emergency.EmergencyNeeds> = {}) =>
    emergency.giveEmergencyAccess(wish(), permitted, needs(more));
  const rejects = (promise: Promise<unknown>, code: FailureCode) =>
    assert.rejects(promise, (thrown: unknown) => thrown instanceof Failure && thrown.code === code);
  const entries = () => db.prepare("SELECT kind, outcome, why FROM audit_log ORDER BY seq").all();

  it("is one user's of one organisation, to one patient, for 60 minutes", async () => {
    const { caseId } = await give();
    assert.equal(grants.caseOf(CLAIM, PATIENT), caseId);
    assert.equal(grants.caseOf(CLAIM, OTHER), undefined);
    assert.equal(grants.caseOf({ ...CLAIM, userId: "user-2" }, PATIENT), undefined);
    assert.equal(grants.caseOf({ ...CLAIM, organisation: parseOrganisationCode("RRK")! }, PATIENT), undefined);
    await clock.advance(HOUR_MS - 1);
    assert.equal(grants.caseOf(CLAIM, PATIENT), caseId);
    await clock.advance(1);
    assert.equal(grants.caseOf(CLAIM, PATIENT), undefined);
  });

  it("is in the audit with its case before it can be used, and is not given where the audit is not written", async () => {
    const broken = { recordGrant: () => Promise.reject(new Failure("store-unavailable", "The disk is full.")) };
    await rejects(give(broken), "store-unavailable");
    assert.equal(grants.caseOf(CLAIM, PATIENT), undefined);
    assert.deepEqual(entries(), []);
    const { caseId } = await give();
    assert.deepEqual(entries(), [{ kind: "emergency", outcome: "granted", why: null }]);
    const row = db.prepare("SELECT detail, purpose, reason FROM audit_log").get() as Record<string, string>;
    assert.deepEqual(JSON.parse(row["detail"]!), {
      case: caseId,
      reasonCode: "unconscious",
      credentials: "not-re-checked",
    });
    assert.deepEqual([row["purpose"], row["reason"]], ["BTG", CLAIM.reason]);
  });

  it("checks the user again, and gives access where nobody can within ten seconds", async () => {
    assert.equal((await give({ reauthenticate: () => Promise.resolve(true) })).credentialsRechecked, true);
    const down = () => Promise.reject(new Error("no sign-in"));
    assert.equal((await give({ reauthenticate: down })).credentialsRechecked, false);
    const silent = give({ reauthenticate: () => new Promise(() => {}) });
    await clock.advance(emergency.REAUTHENTICATION_MS);
    assert.equal((await silent).credentialsRechecked, false);
    await rejects(give({ reauthenticate: () => Promise.resolve(false) }), "not-authenticated");
    assert.deepEqual(entries().at(-1), { kind: "refused", outcome: "not-permitted", why: "credentials-denied" });
  });

  it("survives a restart, and never outlasts its hour", async () => {
    const { caseId } = await give();
    await clock.advance(HOUR_MS / 2);
    grants = makeEmergencyGrants(clock, makePatientToken(Buffer.alloc(32, 7)));
    await emergency.resumeEmergencyAccess(needs());
    assert.equal(grants.caseOf(CLAIM, PATIENT), caseId);
    await clock.advance(HOUR_MS / 2);
    assert.equal(grants.caseOf(CLAIM, PATIENT), undefined);
  });

  it("opens one case at a holder for an hour's questions of one user about one patient", async () => {
    const ask = (patient: PatientQuery, claim = CLAIM) =>
      emergency.noteDisclosure({ requestId: systemRandom.uuid(), asker: PEER, patient, claim }, needs());
    await ask(PATIENT);
    await ask(PATIENT);
    await ask(OTHER);
    await ask(PATIENT, { ...CLAIM, userId: "user-2" });
    assert.equal((await emergency.listCases(OFFICER, "open", needs())).length, 3);
    await clock.advance(HOUR_MS);
    await ask(PATIENT);
    assert.equal((await emergency.listCases(OFFICER, "open", needs())).length, 4);
  });

  it("is to be reviewed in five working days, and overdue after them, until it is reviewed", async () => {
    const { caseId } = await give();
    const overdue = async () => (await emergency.listCases(OFFICER, "all", needs())).map((each) => each.overdue);
    assert.equal((await emergency.showCase(OFFICER, caseId, needs())).of.dueOn, "2026-11-30");
    await clock.advance(7 * DAY_MS);
    assert.deepEqual(await overdue(), [false], "on its last day");
    await clock.advance(DAY_MS);
    assert.deepEqual(await overdue(), [true]);
    await emergency.reviewCase(OFFICER, caseId, { outcome: "justified", note: "Confirmed" }, needs());
    assert.deepEqual(await overdue(), [false]);
    const again = emergency.reviewCase(OFFICER, caseId, { outcome: "not-justified", note: "No" }, needs());
    await rejects(again, "invalid-input");
  });

  it("is reviewed by privacy officers alone, whose certificate lists the role", async () => {
    const { caseId } = await give();
    for (const by of [
      { ...OFFICER, role: "R8000", roles: ["R8000"] },
      { ...OFFICER, roles: ["R8000"] },
    ]) {
      await rejects(emergency.listCases(by, "all", needs()), "not-permitted");
      await rejects(emergency.showCase(by, caseId, needs()), "not-permitted");
      await rejects(emergency.reviewCase(by, caseId, { outcome: "justified", note: "x" }, needs()), "not-permitted");
      await rejects(emergency.writeLetter(by, caseId, "x", needs()), "not-permitted");
    }
  });

  it("takes letters about its own questions alone, each once", async () => {
    const [requestId, letterId] = [systemRandom.uuid(), systemRandom.uuid()];
    await give();
    await emergency.noteAsking({ requestId, claim: CLAIM, patient: PATIENT }, needs());
    const letter = { letterId, requestId, kind: "challenge", userId: "theirs", text: "Why?" } as const;
    await emergency.takeLetter(PEER, letter, needs());
    await emergency.takeLetter(PEER, letter, needs());
    await rejects(emergency.takeLetter(PEER, { ...letter, requestId: systemRandom.uuid() }, needs()), "not-permitted");
    await rejects(emergency.takeLetter(PEER, { ...letter, kind: "explanation" }, needs()), "not-permitted");
    const [of] = await emergency.listCases(OFFICER, "open", needs());
    assert.equal((await emergency.showCase(OFFICER, of!.caseId, needs())).letters.length, 1);
  });

  it("alerts until somebody takes it, what a stop left over included", async () => {
    const { caseId } = await give();
    let isUp = false;
    const [tried, failed]: [string[], string[]] = [[], []];
    const start = () =>
      startDeliveries({
        ...{ clock, store, send: () => Promise.resolve(), failed: (id) => failed.push(id) },
        alert(of) {
          tried.push(of.caseId);
          return isUp ? Promise.resolve() : Promise.reject(new Failure("unreachable", "Down."));
        },
      });
    const first = start();
    await first.stop();
    assert.deepEqual([tried, failed], [[caseId], [caseId]]);
    isUp = true;
    const second = start();
    await second.stop();
    assert.deepEqual(tried, [caseId, caseId]);
    assert.equal((await emergency.showCase(OFFICER, caseId, needs())).of.alertedAtMs, clock.wallMs());
    const third = start();
    await third.stop();
    assert.equal(tried.length, 2, "it was taken");
  });

  it("goes on trying what nobody takes, ever more seldom, and tells of it once an hour", async () => {
    await give();
    const [triedMs, toldMs]: [number[], number[]] = [[], []];
    const deliveries = startDeliveries({
      ...{ clock, store, send: () => Promise.resolve(), failed: () => toldMs.push(clock.monotonicMs()) },
      alert() {
        triedMs.push(clock.monotonicMs());
        return Promise.reject(new Failure("not-permitted", "Not here."));
      },
    });
    const beganMs = clock.monotonicMs();
    await clock.advance(60_000);
    assert.ok(triedMs.length >= 3, "several times within the first minute");
    await clock.advance(6 * 3_600_000);
    await deliveries.stop();
    assert.ok(triedMs.length > 30 && triedMs.length < 60, `${triedMs.length} times in six hours`);
    assert.ok(triedMs.at(-1)! - beganMs > 5.8 * 3_600_000, "to the end");
    assert.ok(toldMs.length >= 6 && toldMs.length <= 8, `told ${toldMs.length} times`);
  });
});
