import assert from "node:assert/strict";

import fc from "fast-check";

import { Concealed } from "../base/concealed.ts";
import { seededRandom } from "../base/random.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import { anIdentityRecord, aPermit, aPointer, openTestIndex, type TestIndex } from "../testing/an-index.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import {
  type EncounterChange,
  type FeedChange,
  type FeedMessage,
  type FeedMessageStory,
  type FeedTaken,
  makeHandlers,
  takeFeedMessage,
} from "./feed-message.ts";
import type { SaidFields } from "./said-times.ts";

const DAY_MS = 24 * 3_600_000;
/** Of the first message of a test. */
const FROM_MS = Date.UTC(2026, 10, 20, 9);
const MINUTE_MS = 60_000;

/** One index, and what feeds say to it. */
interface Fed extends FeedMessageStory {
  readonly index: TestIndex;
  say(changes: readonly FeedChange[], more?: Partial<FeedMessage>): Promise<FeedTaken>;
  /** The records, encounters and merges that are held, and where each pointer is seen. */
  held(): string;
}

function openFed(): Fed {
  const index = openTestIndex();
  const clock = makeFakeClock();
  const store = makeInlineExecutor(index.db, makeHandlers(index.db, seededRandom(5)));
  const all = (sql: string): unknown[] => index.db.prepare(sql).raw().all();
  return {
    ...{ index, clock, store },
    say: (changes, more = {}) =>
      takeFeedMessage({ feed: "pas", provider: "RRK", changes: new Concealed(changes), ...more }, { clock, store }),
    held() {
      const people = all(
        `SELECT local_id, nhs_number, nhs_number_status, given_name, family_name, birth_date, postcode, phone, recorded_on
         FROM identity_record WHERE current = 1 ORDER BY local_id`,
      );
      const encounters = all(
        "SELECT visit, local_id, state, class, said_ms, started_ms, started_said_ms, ended_ms FROM encounter ORDER BY visit",
      );
      const pointers = all(
        `SELECT p.record_id, i.local_id, p.recorded_on FROM pointer p JOIN identity_record i
         ON i.identity_no = p.pointer_no / 65536 AND i.current = 1 ORDER BY 1`,
      );
      const persons = all("SELECT count(DISTINCT person_id) FROM identity_record WHERE current = 1");
      return JSON.stringify({ people, persons, encounters, pointers });
    },
  };
}

const { provider: _provider, localId: _localId, ...FIELDS } = anIdentityRecord({ recordedOn: "2026-11-20" });

const update = (localId = "P1", fields: SaidFields = FIELDS): FeedChange => ({ kind: "update", localId, fields });
const merge = (losing: string, winning: string): FeedChange => ({ kind: "merge", losing, winning });
const encounter = (state: EncounterChange["state"], more: Partial<EncounterChange> = {}): EncounterChange => ({
  ...{ kind: "encounter", localId: "P1", visit: "V1", state, encounterClass: "emergency" },
  ...more,
});
/** The minutes after the first message. */
const at = (minutes: number): { atMs: number } => ({ atMs: FROM_MS + minutes * MINUTE_MS });

describe("a message of a feed", () => {
  let fed: Fed;
  beforeEach(() => (fed = openFed()));
  afterEach(() => fed.index.close());

  const field = (column: string, localId = "P1"): unknown =>
    fed.index.db
      .prepare(`SELECT ${column} FROM identity_record WHERE current = 1 AND local_id = ?`)
      .pluck()
      .get(localId);
  const personOf = (localId: string): unknown => field("person_id", localId);
  async function refused(changes: readonly FeedChange[], why: string, more: Partial<FeedMessage> = {}): Promise<void> {
    const before = fed.index.dump() + fed.held();
    assert.deepEqual(await fed.say(changes, more), { kind: "refused", why });
    assert.equal(fed.index.dump() + fed.held(), before, "nothing of it is left");
  }
  async function taken(changes: readonly FeedChange[], more: Partial<FeedMessage> = {}): Promise<FeedTaken> {
    const result = await fed.say(changes, more);
    assert.equal(result.kind, "taken", JSON.stringify(result));
    return result;
  }

  it("changes of a patient what it names, takes away what it empties, and leaves the rest", async () => {
    await taken([update()], at(0));
    await taken([update("P1", { phone: "", familyName: "Begum", givenName: "Aisha", middleName: "" })], at(1));
    assert.deepEqual([field("family_name"), field("phone"), field("postcode")], ["Begum", "", "B86 8QD"]);
    assert.equal(field("version"), 2);
  });

  it("makes a patient of whom it is the first to tell anything", async () => {
    assert.deepEqual(await taken([update("P7", { familyName: "Khan" })], at(0)), {
      ...{ kind: "taken", isNew: true, version: 1, waitsForReview: false },
    });
    assert.deepEqual([field("family_name", "P7"), field("birth_date", "P7")], ["Khan", ""]);
  });

  it("that comes late says only of what nothing later was said", async () => {
    await taken([update()], at(0));
    await taken([update("P1", { familyName: "Begum", givenName: "Aisha", middleName: "" })], at(10));
    await taken([update("P1", { familyName: "Kahn", givenName: "Aisha", phone: "0121 496 0999" })], at(5));
    assert.deepEqual([field("family_name"), field("phone")], ["Begum", "0121 496 0999"]);
  });

  it("does not undo what a later whole record of another feed says, nor the other way round", async () => {
    await taken([update("P1", { ...FIELDS, recordedOn: "2026-11-18" })], { atMs: FROM_MS - 2 * DAY_MS });
    await taken([update("P1", { ...FIELDS, phone: "0121 496 0111", recordedOn: "2026-11-20" })]);
    await taken([update("P1", { phone: "0121 496 0222", recordedOn: "2026-11-19" })], { atMs: FROM_MS - DAY_MS });
    assert.equal(field("phone"), "0121 496 0111");
    await refused([update("P1", { ...FIELDS, recordedOn: "2026-11-19" })], "older");
    await taken([update("P1", { phone: "0121 496 0333", recordedOn: "2026-11-21" })], { atMs: FROM_MS + DAY_MS });
    assert.equal(field("phone"), "0121 496 0333");
  });

  it("is taken whole or not at all", async () => {
    await taken([update()], at(0));
    await refused([update("P1", { phone: "" }), update("P2"), merge("P9", "P1")], "losing-unknown", at(1));
    await refused([update("P3"), encounter("open", { localId: "P9" })], "patient-unknown", at(1));
  });

  it("is answered once, and may come again where it was refused", async () => {
    const A40 = { ...at(2), messageId: "m2" };
    await taken([update("P1")], { ...at(0), messageId: "m0" });
    await refused([merge("P2", "P1")], "losing-unknown", A40);
    const first = await taken([update("P2")], { ...at(1), messageId: "m1" });
    await taken([merge("P2", "P1")], A40);
    const held = fed.held();
    assert.deepEqual(await taken([update("P2")], { ...at(1), messageId: "m1" }), first);
    await taken([merge("P2", "P1")], A40);
    assert.equal(fed.held(), held);
    await refused([update("P1")], "message-id-reused", A40);
    await taken([update("P1")], { ...A40, feed: "another feed" });
  });

  it("has a typed answer to every mistake about two ids", async () => {
    for (const localId of ["P1", "P2", "P3"]) await taken([update(localId)], at(0));
    await refused([merge("P1", "P1")], "onto-itself", at(1));
    await refused([merge("P1", "P9")], "winning-unknown", at(1));
    await refused([{ kind: "link", one: "P8", other: "P1" }], "one-unknown", at(1));
    await refused([{ kind: "link", one: "P1", other: "P8" }], "other-unknown", at(1));
    await taken([merge("P1", "P2")], at(1));
    await refused([merge("P2", "P1")], "cycle", at(2));
    await refused([merge("P1", "P3")], "merged-elsewhere", at(2));
    await taken([{ kind: "unmerge", losing: "P3" }], at(2));
  });

  it("that merged two is not said again by an older one, once it was taken back", async () => {
    await taken([update("P1"), update("P2", { ...FIELDS, nhsNumber: "", givenName: "Zoya" })], at(0));
    const apart = [personOf("P1"), personOf("P2")];
    assert.notEqual(apart[0], apart[1]);
    await taken([{ kind: "unlink", one: "P1", other: "P2" }], at(5));
    await taken([merge("P2", "P1")], at(3));
    assert.deepEqual([personOf("P1"), personOf("P2")], apart);
    await taken([merge("P2", "P1")], at(7));
    assert.equal(personOf("P2"), apart[0]);
    await taken([{ kind: "unlink", one: "P1", other: "P2" }], at(6));
    assert.equal(personOf("P2"), apart[0], "an older word in other terms");
    await taken([{ kind: "unlink", one: "P1", other: "P2" }], at(8));
    assert.notEqual(personOf("P2"), apart[0]);
  });
});

describe("an attendance", () => {
  let fed: Fed;
  beforeEach(async () => {
    fed = openFed();
    await fed.say([update()], at(0));
  });
  afterEach(() => fed.index.close());

  const identityNo = (localId: string): number =>
    Number(
      fed.index.db
        .prepare("SELECT identity_no FROM identity_record WHERE current = 1 AND local_id = ?")
        .pluck()
        .get(localId),
    );
  const shown = (localId = "P1") =>
    fed.index.locator
      .pointersOf([identityNo(localId)], aPermit())
      .shown.map(({ recordType, recordedOn, encounter: how }) => [recordType, recordedOn, how?.state, how?.endedOn]);
  const say = async (change: EncounterChange, minutes: number): Promise<void> => {
    assert.equal((await fed.say([change], at(minutes))).kind, "taken");
  };

  it("is shown from when it opens, with its day, and its end once it is over", async () => {
    await say(encounter("open", { startedAtMs: Date.UTC(2026, 10, 19, 23, 30) }), 1);
    assert.deepEqual(shown(), [["encounters", "2026-11-19", "open", ""]]);
    await say(encounter("closed", { endedAtMs: FROM_MS }), 2);
    assert.deepEqual(shown(), [["encounters", "2026-11-19", "closed", "2026-11-20"]]);
    const { shown: views } = fed.index.locator.pointersOf([identityNo("P1")], aPermit());
    assert.equal(views[0]?.updatedAtMs, at(2).atMs, "when it was last heard of");
  });

  it("that is over is not opened by an older word; by a later one it is", async () => {
    await say(encounter("closed"), 9);
    await say(encounter("open", { startedAtMs: FROM_MS - DAY_MS }), 1);
    assert.deepEqual(shown(), [["encounters", "2026-11-19", "closed", "2026-11-20"]]);
    await say(encounter("open"), 10);
    assert.deepEqual(shown(), [["encounters", "2026-11-19", "open", ""]]);
  });

  it("began, where nobody says when, at the first moment of which anything is told", async () => {
    await say(encounter("closed"), 3 * 24 * 60);
    await say(encounter("open"), 24 * 60);
    await say(encounter("open"), 2 * 24 * 60);
    assert.deepEqual(shown(), [["encounters", "2026-11-21", "closed", "2026-11-23"]]);
  });

  it("that was cancelled is gone from answers, but not from history, and stays so whatever comes late", async () => {
    await say(encounter("cancelled", { visit: "V2" }), 9);
    await say(encounter("open", { visit: "V2" }), 1);
    await say(encounter("open"), 1);
    await say(encounter("cancelled"), 2);
    assert.deepEqual(shown(), []);
    const events = fed.index.db.prepare("SELECT state FROM encounter_event ORDER BY event_no").pluck().all();
    assert.deepEqual(events, ["cancelled", "open", "open", "cancelled"]);
  });

  it("goes with a merge and comes back with its undoing, whatever was said of it meanwhile", async () => {
    await fed.say([update("P2", { ...FIELDS, nhsNumber: "", givenName: "Zoya" })], at(0));
    await say(encounter("open", { localId: "P2" }), 1);
    const people = () => fed.index.db.prepare("SELECT DISTINCT person_id FROM identity_record").pluck().all().length;
    await fed.say([merge("P2", "P1")], at(2));
    assert.equal(people(), 1);
    await say(encounter("closed", { localId: "P1" }), 3);
    await fed.say([{ kind: "unmerge", losing: "P2" }], at(4));
    assert.equal(people(), 2);
    assert.deepEqual([shown("P1").length, shown("P2")[0]?.[2]], [0, "closed"]);
  });

  it("moves to another patient where its provider says so", async () => {
    await fed.say([update("P3", { ...FIELDS, nhsNumber: "", givenName: "Zoya" })], at(0));
    await say(encounter("open"), 1);
    await say(encounter("open", { localId: "P3" }), 2);
    assert.deepEqual([shown("P1").length, shown("P3").length], [0, 1]);
  });

  it("of a patient who has more than anybody has is refused, and holds nothing else up", async () => {
    await fed.index.load([aPointer()]);
    fed.index.db.prepare("UPDATE pointer SET pointer_no = pointer_no + 65535").run();
    assert.deepEqual(await fed.say([encounter("open")], at(1)), { kind: "refused", why: "too-many-visits" });
    await fed.say([update("P3", { ...FIELDS, nhsNumber: "" })], at(1));
    await say(encounter("open", { localId: "P3" }), 1);
  });

  it("has an id that no feed's own record can have", async () => {
    await say(encounter("open"), 1);
    await fed.index.load([aPointer({ recordId: "visit V1" }), aPointer({ recordId: "V1" })]);
    assert.equal(shown().length, 3);
  });
});

describe("messages that overtake one another", () => {
  const localId = fc.constantFrom("P1", "P2");
  const fields: fc.Arbitrary<SaidFields> = fc.record(
    {
      familyName: fc.constantFrom("Khan", "Begum", ""),
      birthDate: fc.constantFrom("1980-05-17", "1980-05-18"),
      phone: fc.constantFrom("", "0121 496 0001", "0121 496 0002"),
      postcode: fc.constantFrom("", "B86 8QD"),
      recordedOn: fc.constant("2026-11-20"),
    },
    { requiredKeys: ["recordedOn"] },
  );
  const anUpdate = fc.record({ kind: fc.constant("update"), localId, fields });
  const anEncounter = fc.record(
    {
      kind: fc.constant("encounter"),
      localId: fc.constant("P1"),
      visit: fc.constantFrom("V1", "V2"),
      state: fc.constantFrom("planned", "open", "closed", "cancelled"),
      encounterClass: fc.constantFrom("emergency", "inpatient"),
      startedAtMs: fc.constantFrom(FROM_MS - DAY_MS, FROM_MS),
      endedAtMs: fc.constant(FROM_MS + DAY_MS),
    },
    { requiredKeys: ["kind", "localId", "visit", "state", "encounterClass"] },
  );
  const aWord = fc.oneof(
    fc.record({ kind: fc.constant("merge"), losing: fc.constant("P2"), winning: fc.constant("P1") }),
    fc.record({ kind: fc.constantFrom("link", "unlink"), one: fc.constant("P1"), other: fc.constant("P2") }),
  );
  const messages: fc.Arbitrary<FeedChange[]> = fc.array(fc.oneof(anUpdate, anEncounter, aWord), { maxLength: 9 });
  const shuffled = messages.chain((changes) =>
    fc.record({
      changes: fc.constant(changes),
      order: fc.shuffledSubarray([...changes.keys()], { minLength: changes.length }),
      twice: fc.array(fc.nat(Math.max(0, changes.length - 1)), { maxLength: 3 }),
    }),
  );

  /** Those that are refused come again, as dead letters do, until none is taken any more. */
  async function stateAfter(changes: readonly FeedChange[], order: readonly number[]): Promise<string> {
    const fed = openFed();
    try {
      let waiting = [...order];
      for (let before = -1; before !== waiting.length;) {
        before = waiting.length;
        const refused: number[] = [];
        for (const minute of waiting) {
          const told = await fed.say([changes[minute]!], { ...at(minute), messageId: `m${minute}` });
          if (told.kind === "refused") refused.push(minute);
        }
        waiting = refused;
      }
      return fed.held();
    } finally {
      await fed.index.close();
    }
  }

  it("leave the same behind in whatever order they come, and however often", async function () {
    this.timeout(600_000);
    await fc.assert(
      fc.asyncProperty(shuffled, async ({ changes, order, twice }) => {
        if (changes.length === 0) return;
        const inOrder = await stateAfter(changes, [...changes.keys()]);
        assert.equal(await stateAfter(changes, [...order, ...twice]), inOrder);
      }),
      { numRuns: process.env["COUNT"] === "full" ? 1_000 : 25 },
    );
  });
});
