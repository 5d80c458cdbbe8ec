import assert from "node:assert/strict";

import { Failure } from "../base/failure.ts";
import { seededRandom } from "../base/random.ts";
import type { IdentityRecord } from "../mpi/identity-record.ts";
import { type IdentityStore, makeIdentityStore } from "../mpi/identity-store.ts";
import { makeReviewReader } from "../mpi/review-reader.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import { anIdentityRecord, openTestIndex, type TestIndex } from "../testing/an-index.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import {
  changePersons,
  listHairballs,
  listReview,
  type Look,
  makeHandlers,
  type Reviewer,
  type ReviewNeeds,
  showHistory,
  showQuality,
  showReview,
} from "./review.ts";

const A = "9000000009";
const B = "9000000017";

const REVIEWER: Reviewer = {
  ...{ requestId: "0d4f2c1e-5f5e-4b0a-9d57-3f1f2f6f8a11", caller: "review-desk", userId: "r.one", role: "R8010" },
  ...{ reason: "weekly review", mayReview: true },
};
const OPERATOR: Reviewer = { ...REVIEWER, userId: "op", mayReview: false };

describe("reviewing who is whom", () => {
  let index: TestIndex;
  let store: IdentityStore;
  let needs: ReviewNeeds;
  let looks: Look[];
  beforeEach(() => {
    index = openTestIndex();
    store = makeIdentityStore(index.db, seededRandom(11), "by-number");
    looks = [];
    const clock = makeFakeClock();
    needs = {
      clock,
      store: makeInlineExecutor(index.db, makeHandlers(index.db, seededRandom(12))),
      reader: makeReviewReader(index.db, clock),
      recordReview(look) {
        looks.push(look);
        return Promise.resolve();
      },
    };
  });
  afterEach(() => index.close());

  const put = (localId: string, more: Partial<IdentityRecord> = {}) =>
    store.put(anIdentityRecord({ localId, ...more }), 1);
  /** A record in review: its provider says that it is a person who has another verified number. */
  const putDoubtful = (more: Partial<IdentityRecord> = {}) => {
    put("P1", { nhsNumber: A, ...more });
    put("P2", { nhsNumber: B });
    store.merge({ provider: "RRK", losing: "P1", winning: "P2", atMs: 2, source: "pas" });
  };
  const candidate = async () => (await showReview(REVIEWER, 1, needs)).candidates[0] ?? assert.fail("no candidate");
  const decide = async (verdict: "same" | "different" | "unsure") => {
    const personKey = Number.parseInt((await candidate()).personId, 36);
    return changePersons(REVIEWER, { kind: "decide", identityNo: 1, personKey, verdict }, needs);
  };
  const together = () =>
    new Set(index.db.prepare("SELECT person_id FROM identity_record WHERE current = 1").pluck().all()).size === 1;

  it("lists what waits in figures, and names nobody", async () => {
    putDoubtful();
    const { records, oldestMs } = await listReview(OPERATOR, needs);
    assert.deepEqual([records.length, oldestMs, records[0]?.identityNo], [1, 2, 1]);
    assert.equal(records[0]?.reason, "two-verified-numbers");
    assert.equal(typeof records[0].candidates[0]?.weight, "number");
    assert.ok(!JSON.stringify(records).includes("Khan"));
  });

  it("shows a reviewer how each field agrees, and the values; an operator the first alone", async () => {
    putDoubtful();
    const [full, masked] = [await showReview(REVIEWER, 1, needs), await showReview(OPERATOR, 1, needs)];
    const { fields } = full.candidates[0]!.score;
    assert.ok(fields.some(({ field, level, weight }) => field === "family" && level === "same" && weight > 0));
    assert.ok(fields.some(({ field, weight }) => field === "number" && weight < 0));
    assert.equal(full.record.values?.expose().familyName, "Khan");
    assert.equal(full.candidates[0]?.records[0]?.values?.expose().nhsNumber, B);
    assert.deepEqual(masked.candidates[0]?.score, full.candidates[0]?.score);
    assert.equal(masked.record.values, undefined);
    assert.ok(masked.candidates.every(({ records }) => records.every(({ values }) => values === undefined)));
  });

  it("audits before it shows, and shows nothing that could not be audited", async () => {
    putDoubtful();
    await showReview(REVIEWER, 1, needs);
    const { personId } = await candidate();
    assert.deepEqual(looks[0]?.action, "review-show");
    assert.deepEqual([looks[0].values, looks[0].about], [true, { identityNo: 1 }]);
    assert.ok(looks[0].personIds.includes(personId));
    const full: ReviewNeeds = {
      ...needs,
      recordReview: () => Promise.reject(new Failure("store-unavailable", "full")),
    };
    const before = index.dump();
    await assert.rejects(showReview(REVIEWER, 1, full), { code: "store-unavailable" });
    await assert.rejects(listReview(OPERATOR, full), { code: "store-unavailable" });
    await assert.rejects(showHistory(OPERATOR, 1, full), { code: "store-unavailable" });
    await assert.rejects(changePersons(REVIEWER, { kind: "break", identityNo: 1 }, full), {
      code: "store-unavailable",
    });
    assert.equal(index.dump(), before);
  });

  it("never shows where somebody restricted lives", async () => {
    putDoubtful({ restricted: true });
    const values = (await showReview(REVIEWER, 1, needs)).record.values?.expose();
    assert.deepEqual([values?.addressLine1, values?.postcode, values?.phone, values?.familyName], ["", "", "", "Khan"]);
  });

  it("never shows where somebody lives who may be a restricted one", async () => {
    put("P1", { nhsNumber: A });
    put("P2", { nhsNumber: B, restricted: true });
    store.merge({ provider: "RRK", losing: "P1", winning: "P2", atMs: 2, source: "pas" });
    const values = (await showReview(REVIEWER, 1, needs)).record.values?.expose();
    assert.deepEqual([values?.addressLine1, values?.postcode, values?.phone, values?.familyName], ["", "", "", "Khan"]);
  });

  it("never says either that somebody lives where a restricted person does, in a score, a sum or a history", async () => {
    put("P1", { nhsNumber: A });
    put("P2", { nhsNumber: B });
    store.merge({ provider: "RRK", losing: "P1", winning: "P2", atMs: 2, source: "pas" });
    const fieldsOf = async () => (await candidate()).score.fields.map(({ field }) => field);
    const weightOf = async () => (await listReview(OPERATOR, needs)).records[0]?.candidates[0]?.weight ?? 0;
    const [fields, weight] = [await fieldsOf(), await weightOf()];
    assert.ok(fields.includes("place") && fields.includes("phone"));
    put("P2", { nhsNumber: B, restricted: true });
    const left = (await candidate()).score;
    assert.deepEqual(
      left.fields.map(({ field }) => field),
      fields.filter((field) => field !== "place" && field !== "phone"),
    );
    assert.equal(
      left.weight,
      left.fields.reduce((sum, each) => sum + each.weight, 0),
    );
    assert.ok((await weightOf()) === left.weight && left.weight < weight);

    const outcome = await decide("different");
    assert.equal(outcome.kind, "done");
    const told = (await showHistory(OPERATOR, 1, needs)).map(({ score }) => score ?? "").join("");
    assert.match(told, /"field":"family"/);
    assert.doesNotMatch(told, /"field":"(?:place|phone)"/);
  });

  it("lists nobody, and counts nobody, whom a change under protection has set apart since", async () => {
    putDoubtful();
    store.supersede({ old: A, new: B, protected: true, actor: { kind: "feed", name: "pds" }, atMs: 3 });
    const { records, waiting } = await listReview(OPERATOR, needs);
    assert.deepEqual([records, waiting, (await showQuality(OPERATOR, needs)).inReview], [[], 0, 0]);
  });

  it("shows a candidate as whoever has been made of them since, and can be decided all the same", async () => {
    putDoubtful();
    const before = Number.parseInt((await candidate()).personId, 36);
    put("P3", { nhsNumber: "", nhsNumberStatus: "", givenName: "Zoe" });
    assert.equal(
      (await changePersons(REVIEWER, { kind: "merge", identityNo: 2, otherIdentityNo: 3 }, needs)).kind,
      "done",
    );
    assert.equal((await candidate()).records.length, 2);
    const asSeenBefore = { kind: "decide", identityNo: 1, personKey: before, verdict: "same" } as const;
    assert.equal((await changePersons(REVIEWER, asSeenBefore, needs)).kind, "not-in-review");
    assert.equal((await decide("different")).kind, "done");
    assert.equal((await listReview(OPERATOR, needs)).records.length, 0);
  });

  it("lets go of a record that was joined to its candidate otherwise", async () => {
    putDoubtful();
    await changePersons(REVIEWER, { kind: "link", identityNo: 2, otherIdentityNo: 1 }, needs);
    assert.ok(together());
    assert.equal((await decide("same")).kind, "already");
    assert.equal((await listReview(OPERATOR, needs)).waiting, 0);
  });

  it("joins whom a reviewer calls the same, until that is taken back", async () => {
    putDoubtful();
    const outcome = await decide("same");
    assert.ok(outcome.kind === "done" && outcome.verdictNo !== undefined);
    assert.ok(together());
    await assert.rejects(showReview(REVIEWER, 1, needs), { code: "invalid-input", where: "identity_no" });
    const undone = await changePersons(REVIEWER, { kind: "undecide", verdictNo: outcome.verdictNo }, needs);
    assert.equal(undone.kind, "done");
    assert.ok(!together());
    assert.equal((await candidate()).score.fields.length > 0, true, "it waits again, with its score");
    const again = await changePersons(REVIEWER, { kind: "undecide", verdictNo: outcome.verdictNo }, needs);
    assert.equal(again.kind, "already");
  });

  it("keeps apart whom a reviewer calls different, whatever the feed says", async () => {
    putDoubtful();
    assert.equal((await decide("different")).kind, "done");
    assert.equal((await listReview(OPERATOR, needs)).records.length, 0);
    const word = { provider: "RRK", losing: "P1", winning: "P2", atMs: 3, source: "pas" };
    assert.equal(store.merge(word).kind, "refused-by-manual-decision");
  });

  it("leaves waiting what a reviewer is unsure of, and counts it", async () => {
    putDoubtful();
    assert.equal((await decide("unsure")).kind, "done");
    assert.equal((await listReview(OPERATOR, needs)).records.length, 1);
    const { bands, inReview, identities } = await showQuality(OPERATOR, needs);
    assert.deepEqual([bands.length, bands[0]?.unsure, bands[0]?.same, inReview, identities], [1, 1, 0, 1, 2]);
  });

  it("tells the history of an identity: who decided what, why, and what undid it", async () => {
    putDoubtful();
    const outcome = await decide("same");
    assert.ok(outcome.kind === "done" && outcome.eventNo !== undefined);
    await changePersons(REVIEWER, { kind: "revert", eventNo: outcome.eventNo }, needs);
    const events = await showHistory(OPERATOR, 1, needs);
    assert.deepEqual(
      events.map(({ kind, actor, reason }) => [kind, actor, reason]),
      [
        ["link", "machine", "number-unknown"],
        ["link", "user R8010 r.one", "weekly review"],
        ["revert", "user R8010 r.one", "weekly review"],
      ],
    );
    assert.equal(events[1]?.undoneBy, events[2]?.eventNo);
    assert.match(events[1]?.score ?? "", /"field":"family"/);
    assert.ok(!JSON.stringify(events).includes("Khan"));
    await assert.rejects(showHistory(OPERATOR, 99, needs), { code: "invalid-input" });
  });

  it("reports persons of suspiciously many identities, in figures", async () => {
    for (let each = 1; each <= 30; each++) put(`P${each}`, each === 30 ? { givenName: "Aishah" } : {});
    put("Q1", { nhsNumber: B, givenName: "Zoe", familyName: "Moss", birthDate: "1991-02-03", phone: "", postcode: "" });
    const [hairball, another] = await listHairballs(OPERATOR, 20, needs);
    assert.equal(another, undefined);
    assert.deepEqual(
      [hairball?.identities, hairball?.verifiedNumbers, hairball?.birthDates, hairball?.givenNames, hairball?.full],
      [30, 1, 1, 2, false],
    );
  });

  it("lets a reviewer record that a number was replaced, tells of it and takes it back; of a protected one nothing", async () => {
    put("P1", { nhsNumber: A });
    put("P2", { nhsNumber: B });
    const kinds = async (identityNo: number) =>
      (await showHistory(REVIEWER, identityNo, needs)).map(({ kind }) => kind);
    const supersede = (isProtected: boolean) =>
      changePersons(REVIEWER, { kind: "supersede", old: A, new: B, protected: isProtected }, needs);
    assert.deepEqual(await supersede(false), { kind: "done" });
    assert.ok(together());
    assert.deepEqual(looks.at(-1)?.about, {}, "the audit keeps no pair of numbers");
    const event = (await showHistory(REVIEWER, 2, needs)).find(({ kind }) => kind === "supersede");
    assert.ok(event, "also in the history of whoever did not move");
    await changePersons(REVIEWER, { kind: "revert", eventNo: event.eventNo }, needs);
    assert.ok(!together());
    await supersede(false);
    assert.deepEqual(await supersede(true), { kind: "done" }, "it looks like any other");
    assert.ok(!together());
    assert.ok(!(await kinds(1)).includes("supersede") && !(await kinds(2)).includes("supersede"));
    assert.deepEqual(await supersede(false), { kind: "done" });
    assert.ok(!together());
  });

  it("takes the number of a later version for no identity's", async () => {
    put("P1", { nhsNumber: A });
    put("P1", { nhsNumber: A, phone: "1" });
    put("P3", { nhsNumber: B });
    const link = { kind: "link", identityNo: 2, otherIdentityNo: 3 } as const;
    assert.equal((await changePersons(REVIEWER, link, needs)).kind, "unknown");
    await assert.rejects(showHistory(REVIEWER, 2, needs), { code: "invalid-input" });
    put("P1", { nhsNumber: A, phone: "2" });
    assert.equal((await changePersons(REVIEWER, link, needs)).kind, "unknown");
    await assert.rejects(showHistory(REVIEWER, 2, needs), { code: "invalid-input" });
  });

  it("lets a reviewer say that a number is two people's, and take it back", async () => {
    put("P1", { nhsNumber: A });
    assert.deepEqual(await changePersons(REVIEWER, { kind: "confuse", nhsNumber: A }, needs), { kind: "done" });
    const event = (await showHistory(REVIEWER, 1, needs)).find(({ kind }) => kind === "confusion");
    put("P2", { provider: "RJE", nhsNumber: A });
    assert.ok(!together());
    const revert = { kind: "revert", eventNo: event?.eventNo ?? 0 } as const;
    assert.equal((await changePersons(REVIEWER, revert, needs)).kind, "done");
  });
});
