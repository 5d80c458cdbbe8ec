import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { makeHandlers as auditHandlers, type NewEntry } from "../audit/audit-store.ts";
import { makeHandlers as claimHandlers } from "../audit/claim-store.ts";
import { anEntry } from "../audit/testing/an-audit-log.ts";
import { Concealed } from "../base/concealed.ts";
import { seededRandom } from "../base/random.ts";
import { openStore } from "../storage/database.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import { anIdentityRecord, openTestIndex, type TestIndex } from "../testing/an-index.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { makeAttendances } from "./attendances.ts";
import { checkClaims, startClaimChecks } from "./check-claims.ts";
import { type FeedChange, makeHandlers as feedHandlers, takeFeedMessage } from "./feed-message.ts";

const HOUR_MS = 3_600_000;
const HOSPITAL = "RRK";
const { provider: _provider, localId: _localId, ...FIELDS } = anIdentityRecord({ recordedOn: "2026-11-01" });
const { nhsNumber } = FIELDS;
const OTHER_NUMBER = "9000000017";

describe("what a user claims to be to a patient", () => {
  let dir: string;
  let clock: FakeClock;
  let index: TestIndex;
  let auditDb: Database;
  let audit: StoreExecutor;
  let entries: number;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "corridor-claims-"));
    clock = makeFakeClock();
    index = openTestIndex();
    openAudit();
    entries = 0;
  });
  afterEach(async () => {
    await audit.close();
    await index.close();
    rmSync(dir, { recursive: true });
  });

  function openAudit(): void {
    auditDb = openStore(join(dir, "audit.db"), "audit");
    audit = makeInlineExecutor(auditDb, { ...auditHandlers(auditDb), ...claimHandlers(auditDb) });
  }

  async function ask(more: Partial<NewEntry> = {}): Promise<number> {
    const asked = { kind: "question", holder: null, organisation: HOSPITAL, patient: nhsNumber } as const;
    return audit.run("audit.append", { ...anEntry(++entries), wallMs: clock.wallMs(), ...asked, ...more });
  }

  function told(changes: readonly FeedChange[]) {
    const store = makeInlineExecutor(index.db, feedHandlers(index.db, seededRandom(5)));
    const message = { feed: "pas", provider: HOSPITAL, changes: new Concealed(changes), atMs: clock.wallMs() };
    return takeFeedMessage(message, { clock, store });
  }
  const arrives = (localId = "P1", number: string = nhsNumber, visit = "V1"): FeedChange[] => [
    { kind: "update", localId, fields: { ...FIELDS, nhsNumber: number } },
    { kind: "encounter", localId, visit, state: "open", encounterClass: "emergency", startedAtMs: clock.wallMs() },
  ];

  const check = () =>
    checkClaims({ clock, store: audit, attendanceOf: makeAttendances(index.db) }, new AbortController().signal);
  const listed = () => auditDb.prepare("SELECT seq, why FROM claim_to_review ORDER BY seq").raw().all();

  it("is borne out by the hospital's own word, with the visit's number or without", async () => {
    await told(arrives());
    await ask({ relationshipReference: "V1" });
    await ask();
    await ask({ relationshipReference: "mistyped" });
    await clock.advance(3 * HOUR_MS);
    assert.deepEqual(await check(), { unmatched: 0, selfClaimed: 0, takenOff: 0 });
    assert.deepEqual(listed(), []);
  });

  it("is put before the privacy officer where no hospital tells of it, and where only the user can confirm it", async () => {
    await told(arrives("P2", OTHER_NUMBER, "V2"));
    const unknown = await ask({ relationshipReference: "V9" });
    const another = await ask({ relationshipReference: "V2" });
    const own = await ask({ relationship: "self-claimed" });
    await ask({ relationship: "caseload" });
    await ask({ kind: "answer", relationship: "self-claimed" });
    await clock.advance(3 * HOUR_MS);
    assert.deepEqual(await check(), { unmatched: 2, selfClaimed: 1, takenOff: 0 });
    assert.deepEqual(listed(), [
      [unknown, "no-attendance"],
      [another, "attendance-of-another"],
      [own, "self-claimed"],
    ]);
  });

  it("comes off the list when its attendance is told of late; one that was over long before does not help", async () => {
    await told(arrives("P2", OTHER_NUMBER, "V2"));
    const seq = await ask();
    await clock.advance(3 * HOUR_MS);
    await check();
    assert.deepEqual(listed(), [[seq, "no-attendance"]]);
    const long = { startedAtMs: clock.wallMs() - 90 * HOUR_MS, endedAtMs: clock.wallMs() - 80 * HOUR_MS };
    const [patient] = arrives();
    await told([
      patient!,
      { kind: "encounter", localId: "P1", visit: "V0", state: "closed", encounterClass: "other", ...long },
    ]);
    assert.equal((await check()).takenOff, 0);
    await told(arrives());
    assert.equal((await check()).takenOff, 1);
    assert.deepEqual(listed(), []);
  });

  it("stands open where the hospital cancels the visit", async () => {
    const [patient, arrival] = arrives();
    await told([patient!, arrival!]);
    const seq = await ask({ relationshipReference: "V1" });
    await clock.advance(HOUR_MS);
    await told([{ kind: "encounter", localId: "P1", visit: "V1", state: "cancelled", encounterClass: "emergency" }]);
    await clock.advance(2 * HOUR_MS);
    await check();
    assert.deepEqual(listed(), [[seq, "no-attendance"]]);
  });

  it("accuses nobody whose hospital tells of no attendance: it cannot be checked, and is counted as such", async () => {
    await ask();
    await ask();
    await clock.advance(3 * HOUR_MS);
    assert.deepEqual(await check(), { unmatched: 0, selfClaimed: 0, takenOff: 0 });
    assert.deepEqual(auditDb.prepare("SELECT * FROM claims_not_checkable").raw().all(), [[HOSPITAL, "2026-11-20", 2]]);
  });

  it("is looked at once, across restarts, and not before the hospital had time to tell of it", async () => {
    await told(arrives("P2", OTHER_NUMBER, "V2"));
    await Promise.all(Array.from({ length: 1_500 }, () => ask()));
    assert.equal((await check()).unmatched, 0, "too early");
    await clock.advance(3 * HOUR_MS);
    const stopped = new AbortController();
    stopped.abort();
    const needs = { clock, store: audit, attendanceOf: makeAttendances(index.db) };
    assert.equal((await checkClaims(needs, stopped.signal)).unmatched, 0);
    await audit.close();
    openAudit();
    assert.equal((await check()).unmatched, 1_500);
    assert.equal((await check()).unmatched, 0);
  });

  it("is looked at by itself, within the day, and a round that fails is made again", async () => {
    await told(arrives("P2", OTHER_NUMBER, "V2"));
    const [said, alarms]: [unknown[], string[]] = [[], []];
    let fails = true;
    const attendanceOf = makeAttendances(index.db);
    const checks = startClaimChecks(
      {
        ...{ clock, store: audit },
        attendanceOf(claim) {
          if (fails) throw new Error("the disk");
          return attendanceOf(claim);
        },
      },
      (checked) => said.push(checked),
      ({ code }) => alarms.push(code),
    );
    await ask();
    await clock.advance(3 * HOUR_MS);
    assert.ok(alarms.length > 0);
    fails = false;
    await clock.advance(HOUR_MS);
    await checks.stop();
    assert.deepEqual(said, [{ unmatched: 1, selfClaimed: 0, takenOff: 0 }]);
    assert.equal(clock.pending(), 0);
  });
});
