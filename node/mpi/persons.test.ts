import assert from "node:assert/strict";

import fc from "fast-check";

import { seededRandom } from "../base/random.ts";
import { anIdentityRecord, openTestIndex, type TestIndex } from "../testing/an-index.ts";
import type { IdentityRecord } from "./identity-record.ts";
import { type IdentityStore, makeIdentityStore } from "./identity-store.ts";
import { type ByHand, makeReviewDesk, type ReviewDesk } from "./review-desk.ts";

const A = "9000000009";
const B = "9000000017";
const C = "9000000025";

/** A registration that says nothing by which anybody could be known, and that nothing contradicts. */
const BARE: Partial<IdentityRecord> = {
  ...{ nhsNumber: "", nhsNumberStatus: "", givenName: "", familyName: "", birthDate: "", gender: "" },
  ...{ addressLine1: "", locality: "", postcode: "", phone: "" },
};

/** Sequences tried of each way of linking. */
const RUNS = process.env["COUNT"] === "full" ? 10_000 : 500;

const BY_HAND: ByHand = { actor: { kind: "user", id: "u1", role: "R8010" }, atMs: 5, reason: "seen the letters" };

describe("persons", () => {
  let index: TestIndex;
  let store: IdentityStore;
  let desk: ReviewDesk;
  beforeEach(() => {
    index = openTestIndex();
    store = makeIdentityStore(index.db, seededRandom(11), "by-number");
    desk = makeReviewDesk(index.db, seededRandom(12));
  });
  afterEach(() => index.close());

  const put = (localId: string, more: Partial<IdentityRecord> = {}) =>
    store.put(anIdentityRecord({ localId, ...more }), 1);
  const word = (losing: string, winning: string) => ({ provider: "RRK", losing, winning, atMs: 2, source: "pas" });
  const pair = (one: string, other: string) => ({ provider: "RRK", one, other, atMs: 2, source: "pas" });
  const numberOf = (localId: string) => store.identityNoOf("RRK", localId) ?? 0;
  const link = (one: string, other: string) =>
    desk.change({ kind: "link", identityNo: numberOf(one), otherIdentityNo: numberOf(other) }, BY_HAND);
  const unmerge = (one: string, other: string) =>
    desk.change({ kind: "unmerge", identityNo: numberOf(one), otherIdentityNo: numberOf(other) }, BY_HAND);
  const breakOff = (one: string) => desk.change({ kind: "break", identityNo: numberOf(one) }, BY_HAND);
  const revert = (eventNo: number) => desk.change({ kind: "revert", eventNo }, BY_HAND);

  /** Which identities are together: `P1 P2|P3`. */
  function partition(): string {
    const rows = index.db
      .prepare<[], { id: string; person: number }>(
        "SELECT provider || local_id AS id, person_id AS person FROM identity_record WHERE current = 1 ORDER BY 1",
      )
      .all();
    const groups = Map.groupBy(rows, ({ person }) => person);
    return [...groups.values()].map((group) => group.map(({ id }) => id.replace("RRK", "")).join(" ")).join("|");
  }
  const words = (): unknown[] =>
    index.db.prepare("SELECT says, one, other, authority FROM statement WHERE ended_by = 0 ORDER BY 1, 2, 3, 4").all();
  const done = (result: { readonly kind: string; readonly eventNo?: number }): number => {
    assert.equal(result.kind, "done");
    return result.eventNo ?? assert.fail("it made no event");
  };

  describe("merged by a feed", () => {
    it("are one person until they are unmerged, and then are exactly who they were", () => {
      put("P1", BARE);
      put("P2", { nhsNumber: A });
      put("P3", { provider: "RJE", nhsNumber: A });
      assert.equal(partition(), "RJEP3 P2|P1");
      const before = index.db.prepare("SELECT person_id FROM identity_record ORDER BY record_no").pluck().all();
      done(store.merge(word("P1", "P2")));
      assert.equal(partition(), "RJEP3 P1 P2");
      done(store.unmerge(word("P1", "P2")));
      assert.deepEqual(
        index.db.prepare("SELECT person_id FROM identity_record ORDER BY record_no").pluck().all(),
        before,
      );
      assert.deepEqual(words(), []);
    });

    it("bring along whom the losing one was linked with, where nothing contradicts", () => {
      put("P1", { nhsNumber: A });
      put("P3", { provider: "RJE", nhsNumber: A });
      put("P2", BARE);
      done(store.merge(word("P1", "P2")));
      assert.equal(partition(), "RJEP3 P1 P2");
    });

    it("leave nobody behind who came for the losing one's sake while they were one", () => {
      put("P1", { nhsNumber: A });
      put("P2", BARE);
      done(store.merge(word("P1", "P2")));
      put("P3", { provider: "RJE", nhsNumber: A });
      assert.equal(partition(), "RJEP3 P1 P2");
      done(store.unmerge(word("P1", "P2")));
      assert.equal(partition(), "RJEP3 P1|P2");
      const last = index.db.prepare("SELECT reason FROM link_event ORDER BY event_no DESC LIMIT 1").pluck().get();
      assert.equal(last, "placed-anew");
    });

    it("leave for somebody to look at a newcomer who could be either's once they are two again", () => {
      put("P1", { nhsNumber: A, givenName: "Amira" });
      put("P2", { nhsNumber: A, givenName: "Aisha" });
      done(store.merge(word("P1", "P2")));
      put("P3", { provider: "RJE", nhsNumber: A, givenName: "A" });
      assert.equal(partition(), "RJEP3 P1 P2");
      done(store.unmerge(word("P1", "P2")));
      assert.equal(partition(), "RJEP3|P1|P2");
      const queued = index.db.prepare("SELECT reason FROM review_item WHERE identity_no = ?").pluck();
      assert.equal(queued.get(store.identityNoOf("RJE", "P3") ?? 0), "several-agree");
    });

    it("are no bridge between two groups that contradict each other: the record alone moves", () => {
      put("P1", { nhsNumber: A, nhsNumberStatus: "", givenName: "A" });
      put("P3", { provider: "RJE", nhsNumber: A, nhsNumberStatus: "", givenName: "Amira" });
      put("P2", { nhsNumber: "", nhsNumberStatus: "", givenName: "Aisha" });
      done(store.merge(word("P1", "P2")));
      assert.equal(partition(), "RJEP3|P1 P2");
    });

    it("never make a person of two verified numbers: that is for somebody to look at", () => {
      put("P1", { nhsNumber: A });
      put("P2", { nhsNumber: B });
      assert.deepEqual(store.merge(word("P1", "P2")), { kind: "for-review", reason: "two-verified-numbers" });
      assert.equal(partition(), "P1|P2");
      assert.equal(index.db.prepare("SELECT reason FROM review_item").pluck().get(), "two-verified-numbers");
    });

    it("stay together when the losing record is sent again without its number", () => {
      put("P1", { nhsNumber: A });
      put("P2", { nhsNumber: A });
      done(store.merge(word("P1", "P2")));
      put("P1", { nhsNumber: C, nhsNumberStatus: "", recordedOn: "2024-06-01" });
      assert.equal(partition(), "P1 P2");
    });

    it("part again when one of them turns out to have another verified number", () => {
      put("P1", BARE);
      put("P2", { nhsNumber: A });
      done(store.merge(word("P1", "P2")));
      put("P1", { ...BARE, nhsNumber: B, nhsNumberStatus: "01", recordedOn: "2024-06-01" });
      assert.equal(partition(), "P1|P2");
    });

    it("answer a feed's mistakes with what is wrong, and change nothing", () => {
      put("P1", BARE);
      put("P2", { nhsNumber: A });
      put("P3", BARE);
      const before = index.dump();
      assert.deepEqual(store.merge(word("P1", "P1")), { kind: "onto-itself" });
      assert.deepEqual(store.merge(word("X1", "P1")), { kind: "unknown", which: ["losing"] });
      assert.deepEqual(store.merge(word("X1", "X2")), { kind: "unknown", which: ["losing", "winning"] });
      assert.deepEqual(store.unmerge(word("P1", "P2")), { kind: "not-merged" });
      assert.deepEqual(store.link(pair("P1", "P1")), { kind: "onto-itself" });
      assert.deepEqual(store.unlink(pair("P1", "X9")), { kind: "unknown", which: ["other"] });
      assert.equal(index.dump(), before);
      done(store.merge(word("P1", "P2")));
      const merged = index.dump();
      assert.deepEqual(store.merge(word("P1", "P2")), { kind: "already" });
      assert.deepEqual(store.merge(word("P2", "P1")), { kind: "cycle" });
      assert.deepEqual(store.merge(word("P1", "P3")), { kind: "merged-elsewhere" });
      assert.equal(index.dump(), merged);
    });

    it("find a circle of three", () => {
      for (const localId of ["P1", "P2", "P3"]) put(localId, BARE);
      done(store.merge(word("P1", "P2")));
      done(store.merge(word("P2", "P3")));
      assert.deepEqual(store.merge(word("P3", "P1")), { kind: "cycle" });
    });

    it("take a link back, and part for good two whom the machine alone had linked", () => {
      put("P1", { nhsNumber: A });
      put("P2", BARE);
      put("P3", { nhsNumber: A });
      done(store.link(pair("P1", "P2")));
      assert.equal(partition(), "P1 P2 P3");
      done(store.unlink(pair("P1", "P2")));
      assert.equal(partition(), "P1 P3|P2");
      done(store.unlink(pair("P1", "P3")));
      assert.equal(partition(), "P1|P2|P3");
      put("P1", { nhsNumber: A, gender: "", recordedOn: "2024-06-01" });
      assert.equal(partition(), "P1|P2|P3");
      assert.deepEqual(store.unlink(pair("P1", "P3")), { kind: "already" });
    });
  });

  describe("decided by hand", () => {
    it("stay as decided, whatever the machine and the feeds say later", () => {
      put("P1", { nhsNumber: A });
      put("P2", { nhsNumber: A });
      const eventNo = done(breakOff("P1"));
      assert.equal(partition(), "P1|P2");
      put("P1", { nhsNumber: A, gender: "", recordedOn: "2024-06-01" });
      assert.deepEqual(store.merge(word("P1", "P2")), { kind: "refused-by-manual-decision" });
      assert.deepEqual(store.link(pair("P1", "P2")), { kind: "refused-by-manual-decision" });
      assert.equal(partition(), "P1|P2");
      assert.deepEqual(link("P1", "P2"), { kind: "conflicts" });
      done(revert(eventNo));
      assert.equal(partition(), "P1 P2");
    });

    it("may make a person of two verified numbers, and keep it", () => {
      put("P1", { nhsNumber: A });
      put("P2", { nhsNumber: B });
      done(link("P1", "P2"));
      put("P1", { nhsNumber: A, gender: "", recordedOn: "2024-06-01" });
      assert.equal(partition(), "P1 P2");
      assert.deepEqual(link("P1", "P2"), { kind: "already" });
      assert.deepEqual(link("P1", "P1"), { kind: "onto-itself" });
      assert.deepEqual(link("P1", "X1"), { kind: "unknown" });
    });

    it("refuse what would contradict another decision made by hand, round three corners too", () => {
      for (const localId of ["P1", "P2", "P3"]) put(localId, BARE);
      done(link("P1", "P2"));
      done(link("P2", "P3"));
      assert.deepEqual(breakOff("P1"), { kind: "already" }, "all of its person were said to be the same");
      assert.equal(partition(), "P1 P2 P3");
    });

    it("outlast the feed's next try when they took back its merge", () => {
      put("P1", BARE);
      put("P2", { nhsNumber: A });
      const merged = done(store.merge(word("P1", "P2")));
      const reverted = done(revert(merged));
      assert.equal(partition(), "P1|P2");
      assert.deepEqual(store.merge(word("P1", "P2")), { kind: "refused-by-manual-decision" });
      assert.deepEqual(revert(merged), { kind: "already" });
      done(revert(reverted));
      assert.equal(partition(), "P1 P2");
      assert.deepEqual(store.merge(word("P1", "P2")), { kind: "already" });
    });

    it("undo what the machine linked, and the machine does not link it again", () => {
      put("P1", { nhsNumber: A });
      put("P2", { nhsNumber: A });
      const eventNo = Number(index.db.prepare("SELECT max(event_no) FROM link_event").pluck().get());
      done(revert(eventNo));
      assert.equal(partition(), "P1|P2");
      put("P2", { nhsNumber: A, gender: "", recordedOn: "2024-06-01" });
      assert.equal(partition(), "P1|P2");
      assert.deepEqual(revert(999), { kind: "unknown" });
      assert.deepEqual(revert(1), { kind: "nothing-to-undo" });
    });
  });

  it("of more than a hundred identities are joined by nobody but a reviewer", () => {
    for (let each = 1; each <= 101; each++) put(`P${each}`);
    const sizes = index.db
      .prepare("SELECT count(*) FROM identity_record WHERE current = 1 GROUP BY person_id ORDER BY 1")
      .pluck()
      .all();
    assert.deepEqual(sizes, [1, 100]);
    const last = index.db.prepare("SELECT reason FROM link_event ORDER BY event_no DESC LIMIT 1").pluck().get();
    assert.equal(last, "person-too-large");
    assert.deepEqual(store.merge(word("P101", "P1")), { kind: "for-review", reason: "person-too-large" });
    done(link("P101", "P1"));
  });

  it("keep their identities' pointers and objections, whoever's they become", () => {
    put("P1", BARE);
    put("P2", { nhsNumber: A });
    const numbers = () =>
      index.db.prepare("SELECT identity_no FROM identity_record WHERE current = 1 ORDER BY 1").pluck().all();
    const before = numbers();
    done(store.merge(word("P1", "P2")));
    assert.deepEqual(numbers(), before);
    assert.equal(store.identityNoOf("RRK", "P1"), 1, "what comes for the losing id still finds its identity");
    assert.equal(index.db.prepare("SELECT to_person_id FROM person_redirect").pluck().all().length, 1);
    done(store.unmerge(word("P1", "P2")));
    assert.deepEqual(numbers(), before);
    assert.equal(index.db.prepare("SELECT to_person_id FROM person_redirect").pluck().all().length, 0);
  });

  describe("in whatever order things happen", function () {
    this.timeout(600_000);

    const localIds = ["P1", "P2", "P3", "P4"] as const;
    const localId = fc.constantFrom(...localIds);
    const values = fc.record({
      nhsNumber: fc.constantFrom("", A, A, B),
      nhsNumberStatus: fc.constantFrom("", "01"),
      givenName: fc.constantFrom("Aisha", "A", "Amira"),
      gender: fc.constantFrom("", "female"),
    });
    const lastEvent = () => Number(index.db.prepare("SELECT coalesce(max(event_no), 0) FROM link_event").pluck().get());
    /** By their names, so that a counter-example can be read. */
    const acts = {
      merge: (one: string, other: string) => store.merge(word(one, other)),
      unmerge: (one: string, other: string) => store.unmerge(word(one, other)),
      link: (one: string, other: string) => store.link(pair(one, other)),
      unlink: (one: string, other: string) => store.unlink(pair(one, other)),
      linkByHand: link,
      unmergeByHand: unmerge,
      breakByHand: breakOff,
    };
    const step = fc.oneof(
      fc.record({ put: fc.record({ provider: fc.constantFrom("RRK", "RRK", "RJE"), localId, values }) }),
      fc.record({
        act: fc.constantFrom(...(Object.keys(acts) as (keyof typeof acts)[])),
        one: localId,
        other: localId,
      }),
      fc.record({ revert: fc.integer({ min: 1, max: 30 }) }),
    );
    type Step = typeof step extends fc.Arbitrary<infer Made> ? Made : never;
    function take(made: Step, day: number): void {
      if ("put" in made) {
        const { provider, localId: id, values: each } = made.put;
        store.put(anIdentityRecord({ ...each, provider, localId: id, recordedOn: "", phone: String(day) }), day);
      } else if ("act" in made) acts[made.act](made.one, made.other);
      else revert(made.revert);
    }

    /** What must hold at every moment. */
    function checkAll(): void {
      const people = Map.groupBy(
        index.db
          .prepare<[], { no: number; person: number; number: number | null; status: string }>(
            `SELECT identity_no AS no, person_id AS person, nhs_number AS number, nhs_number_status AS status
               FROM identity_record WHERE current = 1`,
          )
          .all(),
        ({ person }) => person,
      );
      const personOf = new Map([...people].flatMap(([person, members]) => members.map(({ no }) => [no, person])));
      const manual = index.db
        .prepare<[], { says: string; one: number; other: number }>(
          "SELECT says, one, other FROM statement WHERE ended_by = 0 AND authority = 'reviewer'",
        )
        .all();
      for (const { says, one, other } of manual) {
        assert.equal(
          personOf.get(one) === personOf.get(other),
          says === "same",
          `${one} and ${other} are said to be ${says}`,
        );
      }
      const tied = new Set(manual.filter(({ says }) => says === "same").flatMap(({ one, other }) => [one, other]));
      for (const members of people.values()) {
        const verified = members.filter(({ number, status }) => number !== null && status === "01");
        if (new Set(verified.map(({ number }) => number)).size < 2) continue;
        assert.ok(
          members.some(({ no }) => tied.has(no)),
          "two verified numbers in a person that nobody made by hand",
        );
      }
    }

    for (const linking of ["by-number", "by-score"] as const) {
      it(`an event that is undone leaves everybody with whom they were, and every word that held (linked ${linking})`, () => {
        store = makeIdentityStore(index.db, seededRandom(11), linking);
        let undone = 0;

        fc.assert(
          fc.property(
            fc.array(values, { minLength: 4, maxLength: 4 }),
            fc.array(step, { maxLength: 12, size: "max" }),
            step,
            (first, history, last) => {
              index.db.exec("SAVEPOINT run");
              try {
                for (const [at, each] of first.entries()) put(localIds[at]!, each);
                for (const [day, each] of history.entries()) {
                  take(each, day);
                  checkAll();
                }
                const before = [partition(), words(), lastEvent()] as const;
                take(last, 99);
                checkAll();
                // One record may have made two events: it was linked, and showed two others to be one.
                const events = index.db
                  .prepare<[number], { no: number; actor: string; from: number | null; reason: string }>(
                    `SELECT event_no AS no, actor, from_person_id AS "from", reason FROM link_event WHERE event_no > ?
                       ORDER BY event_no DESC`,
                  )
                  .all(before[2]);
                if (events.length === 0) return;
                if (events.some(({ reason }) => reason === "placed-anew")) return; // more than the one thing was done
                if (events.some(({ actor, from }) => actor === "machine" && from === null)) return; // it was not here before
                for (const { no } of events) assert.equal(revert(no).kind, "done");
                assert.equal(partition(), before[0]);
                // What a reviewer takes back of others' is a word of its own.
                if (events[0]?.actor.startsWith("user") === true) assert.deepEqual(words(), before[1]);
                checkAll();
                undone++;
              } finally {
                index.db.exec("ROLLBACK TO run; RELEASE run");
              }
            },
          ),
          { numRuns: RUNS, seed: 4 },
        );
        assert.ok(undone > RUNS / 10, `only ${undone} events were undone`);
      });
    }
  });
});
