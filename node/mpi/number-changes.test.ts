import assert from "node:assert/strict";

import fc from "fast-check";

import { seededRandom } from "../base/random.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import { anIdentityRecord, openTestIndex, type TestIndex } from "../testing/an-index.ts";
import type { IdentityRecord } from "./identity-record.ts";
import { makeForgetting } from "./forgetting.ts";
import { type IdentityStore, makeIdentityStore } from "./identity-store.ts";
import { makeNumbers } from "./numbers.ts";
import { makeReviewDesk } from "./review-desk.ts";

const OLD = "9000000009";
const NEW = "9000000017";
const OTHER = "9000000025";

describe("changes of NHS numbers", () => {
  let index: TestIndex;
  let store: IdentityStore;
  beforeEach(() => {
    index = openTestIndex();
    store = makeIdentityStore(index.db, seededRandom(11), "by-number");
  });
  afterEach(() => index.close());

  const put = (localId: string, more: Partial<IdentityRecord> = {}) =>
    store.put(anIdentityRecord({ localId, ...more }), 1);
  const change = (old: string, to: string, isProtected = false) =>
    store.supersede({ old, new: to, protected: isProtected, actor: { kind: "feed", name: "pds" }, atMs: 2 }).kind;
  const found = (digits: string): number[] =>
    index.mpi.personsByNumber(NhsNumber.parse(digits) ?? assert.fail()).map(({ identities }) => identities.length);
  const revert = (eventNo: number) =>
    makeReviewDesk(index.db, seededRandom(12)).change(
      { kind: "revert", eventNo },
      { actor: { kind: "user", id: "u", role: "R8010" }, atMs: 3, reason: "by mistake" },
    ).kind;
  const lastEvent = () => Number(index.db.prepare("SELECT max(event_no) FROM link_event").pluck().get());

  it("leave a person findable by the old number and by the new one, as one person", () => {
    put("P1", { nhsNumber: OLD });
    put("P2", { nhsNumber: NEW });
    assert.deepEqual([found(OLD), found(NEW)], [[1], [1]]);
    assert.equal(change(OLD, NEW), "recorded");
    assert.deepEqual([found(OLD), found(NEW)], [[2], [2]]);
    const [person] = index.mpi.personsByNumber(NhsNumber.parse(OLD) ?? assert.fail());
    assert.equal(index.mpi.numberOf(person?.personId ?? "")?.expose(), NEW);
    put("P3", { provider: "RJE", nhsNumber: OLD });
    assert.deepEqual(found(NEW), [3], "what still comes under the old number joins them");
  });

  it("are undone exactly", () => {
    put("P1", { nhsNumber: OLD });
    put("P2", { nhsNumber: NEW });
    change(OLD, NEW);
    assert.equal(revert(lastEvent()), "done");
    assert.deepEqual([found(OLD), found(NEW)], [[1], [1]]);
  });

  it("follow one another, the last word counts, and go in no circle", () => {
    put("P1", { nhsNumber: OLD });
    assert.equal(change(OLD, NEW), "recorded");
    assert.equal(change(NEW, OTHER), "recorded");
    assert.deepEqual(found(OTHER), [1]);
    assert.equal(change(OTHER, OLD), "cycle");
    assert.equal(change(OLD, NEW), "already");
    assert.equal(change(OLD, OLD), "onto-itself");
    assert.equal(change(OLD, OTHER), "recorded");
    assert.deepEqual([found(NEW), found(OTHER)], [[1], [1]]);
  });

  it("go in no circle either where the new number had gone further, and no undoing makes one", () => {
    put("P1", { nhsNumber: OLD });
    change(OLD, NEW);
    const first = lastEvent();
    change(NEW, OTHER);
    assert.equal(change(NEW, OLD), "cycle");
    assert.deepEqual([found(OLD), found(NEW), found(OTHER)], [[1], [1], [1]]);
    assert.equal(revert(first), "done");
    const undoing = lastEvent();
    assert.equal(change(NEW, OLD), "recorded");
    assert.equal(revert(undoing), "overtaken", "it would lead the two numbers to each other");
    assert.deepEqual([found(OLD), found(NEW)], [[1], [1]]);
  });

  it("lead to one number at a time, whatever is undone", () => {
    put("P1", { nhsNumber: OLD });
    change(OLD, NEW);
    assert.equal(revert(lastEvent()), "done");
    const undoing = lastEvent();
    change(OLD, OTHER);
    assert.equal(revert(undoing), "overtaken");
    assert.deepEqual([found(NEW), found(OTHER)], [[], [1]]);
  });

  it("are followed however many there were", () => {
    const numbers = testNumbers(40);
    put("P1", { nhsNumber: numbers[0]! });
    for (const [at, number] of numbers.slice(1).entries()) assert.equal(change(numbers[at]!, number), "recorded");
    assert.deepEqual([found(numbers[0]!), found(numbers.at(-1)!)], [[1], [1]]);
    assert.equal(change(numbers.at(-1)!, numbers[0]!), "cycle");
  });

  it("leave for somebody to look at whom the new number may belong to, but for one thing", () => {
    put("P1", { nhsNumber: NEW });
    put("P2", { nhsNumber: OLD, birthDate: "1980-05-18" });
    change(OLD, NEW);
    assert.equal(index.db.prepare("SELECT identity_no FROM review_item").pluck().get(), 2);
  });

  describe("under protection", () => {
    it("lead nowhere, link nobody, and leave no trace that holds the two together", () => {
      put("P1", { nhsNumber: OLD });
      put("P2", { nhsNumber: NEW });
      const events = lastEvent();
      assert.equal(change(OLD, NEW, true), "recorded");
      assert.deepEqual([found(OLD), found(NEW)], [[1], [1]]);
      assert.equal(lastEvent(), events);
      assert.equal(index.db.prepare("SELECT count(*) FROM statement").pluck().get(), 0);
      assert.equal(change(OLD, NEW), "recorded", "a word that came later looks as if it had been taken");
      assert.deepEqual([found(OLD), found(NEW)], [[1], [1]]);
      assert.equal(index.db.prepare("SELECT count(*) FROM statement").pluck().get(), 0);
    });

    it("take back a redirect that was there, the person that it made, and all that was written of it", () => {
      put("P1", { nhsNumber: OLD });
      put("P2", { nhsNumber: NEW });
      change(OLD, NEW);
      assert.deepEqual(found(NEW), [2]);
      const eventNo = lastEvent();
      change(OLD, NEW, true);
      assert.deepEqual([found(OLD), found(NEW)], [[1], [1]]);
      assert.equal(index.db.prepare("SELECT count(*) FROM link_event WHERE kind = 'supersede'").pluck().get(), 0);
      assert.equal(index.db.prepare("SELECT count(*) FROM event_move WHERE event_no = ?").pluck().get(eventNo), 0);
      assert.equal(index.db.prepare("SELECT count(*) FROM person_redirect").pluck().get(), 0);
      assert.equal(revert(eventNo), "unknown");
    });

    it("leave no event either of what joined them since, by the machine or by hand", () => {
      put("P1", { nhsNumber: OLD });
      put("P2", { nhsNumber: NEW });
      change(OLD, NEW);
      revert(lastEvent());
      change(OLD, NEW);
      put("P3", { provider: "RJE", nhsNumber: OLD });
      store.merge({ provider: "RRK", losing: "P1", winning: "P2", atMs: 3, source: "pas" });
      assert.deepEqual(found(NEW), [3]);
      change(OLD, NEW, true);
      assert.deepEqual([found(OLD), found(NEW)], [[2], [1]]);
      const told = index.db.prepare(
        `SELECT count(*) FROM link_event WHERE identity_no <> 2 AND (from_person_id = :person OR to_person_id = :person)`,
      );
      const person = index.db.prepare("SELECT person_id FROM identity_record WHERE record_no = 2").pluck().get();
      assert.equal(told.pluck().get({ person }), 0);
      assert.equal(index.db.prepare("SELECT count(*) FROM statement").pluck().get(), 0);
      assert.equal(index.db.prepare("SELECT count(*) FROM link_event WHERE kind = 'revert'").pluck().get(), 0);
    });

    it("leave nothing in the history of either that names the other, whichever of the two was brought to the other", () => {
      put("P1", { nhsNumber: OLD });
      put("P2", { nhsNumber: NEW });
      const desk = makeReviewDesk(index.db, seededRandom(12));
      const by = { actor: { kind: "user", id: "u", role: "R8010" }, atMs: 3, reason: "one person" } as const;
      assert.equal(desk.change({ kind: "link", identityNo: 2, otherIdentityNo: 1 }, by).kind, "done");
      change(OLD, NEW, true);
      assert.deepEqual([found(OLD), found(NEW)], [[1], [1]]);
      const named = index.db.prepare("SELECT count(*) FROM link_event WHERE other_identity_no IS NOT NULL");
      assert.equal(named.pluck().get(), 0);
    });

    it("leave each of the two a history like anybody's: where it was placed first, and nothing before", () => {
      put("P1", { nhsNumber: OLD });
      put("P2", { nhsNumber: NEW });
      put("P3", { nhsNumber: "9000000033", localId: "P3", givenName: "Zoe", birthDate: "1991-02-03" });
      change(OLD, NEW);
      put("P4", { provider: "RJE", nhsNumber: OLD });
      change(OLD, NEW, true);
      const history = index.db.prepare<[number], unknown[]>(
        `SELECT kind, actor, reason, from_person_id IS NULL, other_identity_no IS NULL, to_person_id = person_id
           FROM link_event JOIN identity_record USING (identity_no) WHERE identity_no = ?`,
      );
      const anybodys = history.raw().all(3);
      assert.deepEqual(anybodys, [["link", "machine", "number-unknown", 1, 1, 1]]);
      for (const identityNo of [1, 2]) assert.deepEqual(history.raw().all(identityNo), anybodys);
    });

    it("keep the writer no longer however much has been said of others: no table is walked", () => {
      const plans: string[] = [];
      const prepare = ((sql: string) => {
        const explained = index.db.prepare<[object], { detail: string }>(
          `EXPLAIN QUERY PLAN ${sql.replaceAll("?", "1")}`,
        );
        plans.push(...explained.all({ a: 1, b: 2 }).map(({ detail }) => detail));
        return index.db.prepare(sql);
      }) as typeof index.db.prepare;
      makeForgetting({ prepare });
      assert.ok(plans.length >= 8);
      assert.deepEqual(
        plans.filter((detail) => /^SCAN (?!CONSTANT)/.test(detail)),
        [],
      );
    });

    it("keep the two apart from feeds and reviewers too, and say no more than of any other refusal", () => {
      put("P1", { nhsNumber: OLD });
      put("P2", { nhsNumber: NEW, nhsNumberStatus: "" });
      change(OLD, NEW, true);
      const merged = store.merge({ provider: "RRK", losing: "P1", winning: "P2", atMs: 3, source: "pas" });
      assert.deepEqual(merged, { kind: "refused-by-manual-decision" });
      assert.equal(index.db.prepare("SELECT count(*) FROM review_item").pluck().get(), 0);
    });
  });

  it("link nobody by a number that is two people's, wherever it led", () => {
    put("P1", { nhsNumber: OLD });
    store.confuse({ nhsNumber: OLD, actor: { kind: "feed", name: "pds" }, atMs: 2 });
    change(OLD, NEW);
    put("P2", { provider: "RJE", nhsNumber: OLD });
    put("P3", { provider: "RJE", nhsNumber: NEW });
    const persons = index.db.prepare("SELECT count(DISTINCT person_id) FROM identity_record WHERE current = 1");
    assert.equal(persons.pluck().get(), 3);
  });

  it("that turn out to be two people's link nobody any more", () => {
    put("P1", { nhsNumber: OLD });
    const actor = { kind: "feed", name: "pds" } as const;
    assert.deepEqual(store.confuse({ nhsNumber: OLD, actor, atMs: 2 }), { kind: "recorded" });
    assert.deepEqual(store.confuse({ nhsNumber: OLD, actor, atMs: 2 }), { kind: "already" });
    put("P2", { provider: "RJE", nhsNumber: OLD });
    assert.deepEqual(found(OLD), [1, 1]);
    assert.equal(
      revert(Number(index.db.prepare("SELECT event_no FROM link_event WHERE kind = 'confusion'").pluck().get())),
      "done",
    );
    put("P3", { provider: "RJE", nhsNumber: OLD, givenName: "A" });
    assert.deepEqual(found(OLD), [1, 1, 1], "two agree by now: none is chosen");
  });
});

/** Sequences tried. */
const RUNS = process.env["COUNT"] === "full" ? 10_000 : 200;

describe("changes of NHS numbers, in whatever order they come", function () {
  this.timeout(RUNS * 200);
  const NUMBERS = [OLD, NEW, OTHER, "9000000033"];
  const number = fc.constantFrom(...NUMBERS);
  const localId = fc.constantFrom("P1", "P2", "P3", "P4", "P5");
  const step = fc.oneof(
    fc.record({ put: localId, number, status: fc.constantFrom("01", "") }),
    fc.record({ old: number, now: number, isProtected: fc.constantFrom(false, false, true) }),
    fc.record({ confused: number }),
    fc.record({ losing: localId, winning: localId }),
    fc.record({ link: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })) }),
    fc.record({ revert: fc.integer({ min: 1, max: 12 }) }),
  );

  let index: TestIndex;
  beforeEach(() => {
    index = openTestIndex();
  });
  afterEach(() => index.close());

  /** Each current identity, its person, and where its history says that it is. */
  const identities = () =>
    index.db
      .prepare<[], { no: number; person: number; number: number | null; told: number | null }>(
        `SELECT identity_no AS no, person_id AS person, nhs_number AS number, (
           SELECT person FROM (
             SELECT event_no, to_person_id AS person FROM link_event
               WHERE link_event.identity_no = record.identity_no AND actor = 'machine'
             UNION ALL SELECT event_no, to_person_id FROM event_move WHERE event_move.identity_no = record.identity_no
           ) ORDER BY event_no DESC LIMIT 1) AS told
         FROM identity_record AS record WHERE current = 1`,
      )
      .all();

  const NAMES_BOTH = `SELECT count(*) FROM link_event AS event, identity_record AS one, identity_record AS other
    WHERE one.current = 1 AND other.current = 1 AND one.nhs_number IN (:old, :now) AND other.nhs_number IN (:old, :now)
      AND one.nhs_number <> other.nhs_number AND event.identity_no = one.identity_no
      AND (event.other_identity_no = other.identity_no OR other.person_id IN (event.from_person_id, event.to_person_id))`;

  it("every number finds somebody or nobody, protected ones stand alone, and histories end where people are", () => {
    const store = makeIdentityStore(index.db, seededRandom(11), "by-number");
    const desk = makeReviewDesk(index.db, seededRandom(12));
    const actor = { kind: "feed", name: "pds" } as const;
    const by = { actor: { kind: "user", id: "u", role: "R8010" }, atMs: 3, reason: "seen" } as const;
    const namesBoth = index.db.prepare<{ old: number; now: number }, number>(NAMES_BOTH).pluck();
    let pairs: [number, number][] = [];
    let apart = 0;

    function take(made: typeof step extends fc.Arbitrary<infer Made> ? Made : never, day: number): void {
      if ("put" in made) {
        const record = { localId: made.put, nhsNumber: made.number, nhsNumberStatus: made.status };
        store.put(anIdentityRecord({ ...record, recordedOn: "", phone: String(day) }), day);
      } else if ("old" in made) {
        if (made.isProtected && made.old !== made.now) pairs.push([Number(made.old), Number(made.now)]);
        store.supersede({ old: made.old, new: made.now, protected: made.isProtected, actor, atMs: day });
      } else if ("confused" in made) store.confuse({ nhsNumber: made.confused, actor, atMs: day });
      else if ("losing" in made) store.merge({ ...made, provider: "RRK", atMs: day, source: "pas" });
      else if ("link" in made) {
        desk.change({ kind: "link", identityNo: made.link[0], otherIdentityNo: made.link[1] }, by);
      } else desk.change({ kind: "revert", eventNo: made.revert }, by);
    }

    function checkAll(): void {
      const numbersOf = new Map<number, Set<number>>();
      for (const { no, person, number: held, told } of identities()) {
        assert.equal(told, person, `the history of identity ${no} ends elsewhere`);
        if (held !== null) numbersOf.set(person, (numbersOf.get(person) ?? new Set()).add(held));
      }
      for (const [old, now] of pairs) {
        const together = [...numbersOf.values()].some((held) => held.has(old) && held.has(now));
        assert.ok(!together, `${old} and ${now} are one person's`);
        assert.equal(namesBoth.get({ old, now }), 0, `the history of ${old} names ${now}`);
        apart++;
      }
      const numbers = makeNumbers(index.db);
      for (const each of NUMBERS.map(Number)) assert.ok(numbers.family(each).includes(each));
    }

    fc.assert(
      fc.property(fc.array(step, { minLength: 6, maxLength: 16, size: "max" }), (history) => {
        index.db.exec("SAVEPOINT run");
        pairs = [];
        try {
          for (const [day, made] of history.entries()) {
            take(made, day);
            checkAll();
          }
        } finally {
          index.db.exec("ROLLBACK TO run; RELEASE run");
        }
      }),
      { numRuns: RUNS, seed: 7 },
    );
    assert.ok(apart > RUNS / 10, `only ${apart} times was anything protected`);
  });
});

/** Valid numbers that were never issued. */
function testNumbers(count: number): string[] {
  const bodies = Array.from({ length: 2 * count }, (_, at) => String(900_000_200 + at));
  const numbers = bodies.flatMap((body) => {
    const valid = [..."0123456789"].find((digit) => NhsNumber.parse(body + digit) !== undefined);
    return valid === undefined ? [] : [body + valid];
  });
  return numbers.slice(0, count);
}
