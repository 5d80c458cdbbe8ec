import assert from "node:assert/strict";

import { mayHearOfPossibleMatch } from "../access/possible-match.ts";
import { seededRandom } from "../base/random.ts";
import { SETTINGS, type Setting } from "../base/words.ts";
import { makeIdentityStore } from "../mpi/identity-store.ts";
import type { IdentityRecord } from "../mpi/identity-record.ts";
import { makeReviewDesk } from "../mpi/review-desk.ts";
import {
  anIdentity,
  anObjection,
  aPermit,
  aPointer,
  byNumber,
  openTestIndex,
  type TestIndex,
} from "../testing/an-index.ts";
import { answerOf, type Found } from "./answer-locate.ts";

const NUMBER = "9000000009";
const BORN = "1980-05-17";
/** A second provider's record of the same number, born a day later by its account: nobody has said yet whose it is. */
const DOUBTFUL = { provider: "RJE", localId: "X9", nhsNumberStatus: "", birthDate: "1980-05-18" } as const;

describe("a record in review", () => {
  let index: TestIndex;
  beforeEach(() => {
    index = openTestIndex();
  });
  afterEach(() => index.close());

  const load = (doubtful: Partial<IdentityRecord> = {}, person: Partial<IdentityRecord> = {}) =>
    index.load([
      anIdentity(person),
      anIdentity({ ...DOUBTFUL, ...doubtful }),
      aPointer({ provider: "RJE", localId: "X9", recordId: "E1" }),
    ]);
  const find = (permit = aPermit()) => index.find(byNumber(NUMBER, BORN), permit);
  const outcome = (found: Found) => answerOf(found, aPermit(), { providers: [] }).outcome;
  const hides = (found: Found): void => {
    assert.equal(outcome(found), "nothing-to-show");
    assert.equal(found.possibleMatch, undefined);
  };

  it("is told of as a possible match, without anything of it, and audited with both persons", async () => {
    await load();
    assert.equal(index.db.prepare("SELECT count(*) FROM review_item").pluck().get(), 1);
    const found = find();
    assert.equal(outcome(found), "possible-match");
    assert.deepEqual(found.pointers, []);
    assert.equal(found.personId?.split(" ").length, 2);
  });

  it("gives way to what is the person's own", async () => {
    await load();
    await index.load([aPointer({ recordId: "O1" })]);
    assert.equal(outcome(find()), "records");
    assert.equal(find().pointers.length, 1);
  });

  it("is nobody's possible match once a reviewer has decided, either way", async () => {
    await load();
    const [own, other] = index.db
      .prepare<[], number>("SELECT person_id FROM identity_record ORDER BY record_no")
      .pluck()
      .all();
    assert.ok(own !== undefined && other !== undefined);
    const desk = makeReviewDesk(index.db, seededRandom(3));
    const by = { actor: { kind: "user", id: "u", role: "R8008" }, atMs: 5, reason: "asked the ward" } as const;
    const decided = desk.change({ kind: "decide", identityNo: 2, personKey: own, verdict: "different" }, by);
    assert.ok(decided.kind === "done" && decided.verdictNo !== undefined);
    hides(find());
    desk.change({ kind: "undecide", verdictNo: decided.verdictNo }, by);
    assert.equal(outcome(find()), "possible-match");
    assert.equal(desk.change({ kind: "decide", identityNo: 2, personKey: own, verdict: "same" }, by).kind, "done");
    assert.equal(outcome(find()), "records");
  });

  it("is nothing where asking for it with the right details would show nothing", async () => {
    const hidden: [string, () => Promise<unknown>][] = [
      ["it has no records", () => index.load([anIdentity(), anIdentity(DOUBTFUL)])],
      ["it is restricted", () => load({ restricted: true })],
      ["the person is restricted", () => load({}, { restricted: true })],
      [
        "it has objected",
        async () => [await load(), await index.load([anObjection({ provider: "RJE", localId: "X9" })])],
      ],
      ["the person has objected", async () => [await load(), await index.load([anObjection()])]],
      [
        "it has objected to what it has",
        async () => [
          await load(),
          await index.load([anObjection({ provider: "RJE", localId: "X9", scope: "type:discharge-letter" })]),
        ],
      ],
      [
        "the person has objected to what it has",
        async () => [await load(), await index.load([anObjection({ scope: "organisation:RJE" })])],
      ],
      [
        "somebody else with its number is restricted",
        async () => [
          await load(),
          await index.load([
            anIdentity({ localId: "P3", givenName: "Zara", birthDate: "1990-02-03", restricted: true }),
          ]),
        ],
      ],
    ];
    for (const [why, prepare] of hidden) {
      await index.close();
      index = openTestIndex();
      await prepare();
      const found = find();
      assert.equal(outcome(found), "nothing-to-show", why);
      assert.equal(found.possibleMatch, undefined, why);
    }
  });

  it("is nothing where its records are of kinds that this role does not see", async () => {
    await load();
    hides(find(aPermit({ levels: { "discharge-letter": "none" } })));
  });

  it("is nothing where either has a number under protection, and the review shows it no more", async () => {
    await load({ nhsNumber: NUMBER });
    const store = makeIdentityStore(index.db, seededRandom(5));
    const actor = { kind: "feed", name: "pds" } as const;
    store.supersede({ old: NUMBER, new: "9000000017", protected: true, actor, atMs: 2 });
    hides(find());
  });

  it("is told of to emergency, general practice and mental health alone", () => {
    const hear = (role: string, setting: Setting) => mayHearOfPossibleMatch({ role, setting });
    assert.ok(hear("R8000", "emergency") && hear("R8001", "emergency") && hear("S8000:G8000:R8000", "emergency"));
    assert.ok(
      SETTINGS.every((setting) => hear("R0260", setting)),
      "general practitioners",
    );
    assert.ok(
      SETTINGS.every((setting) => hear("R1340", setting)),
      "approved mental health professionals",
    );
    assert.ok(hear("R8000", "mental-health"));
    const others = SETTINGS.filter((setting) => setting !== "emergency" && setting !== "mental-health");
    assert.ok(others.every((setting) => !hear("R8000", setting) && !hear("R8001", setting)));
    for (const role of ["R1070", "R1290", "R8014", "R8008", "R0001", "R9999", ""]) {
      assert.ok(
        SETTINGS.every((setting) => !hear(role, setting)),
        role,
      );
    }
  });
});
