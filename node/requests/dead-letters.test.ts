import assert from "node:assert/strict";

import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { seededRandom } from "../base/random.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import { openTestIndex, type TestIndex } from "../testing/an-index.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { LETTER_BYTES_PER_FEED_MAX, makeHandlers, makeLetterReader } from "./dead-letter-store.ts";
import {
  type DeadLetterNeeds,
  keepLetter,
  LETTER_SIZE_BYTES_MAX,
  listLetters,
  purgeLetters,
  replayLetters,
  showLetter,
  startLetterRounds,
  type TakenAgain,
} from "./dead-letters.ts";
import { makeLetterSeal } from "./letter-seal.ts";
import type { Look, Reviewer } from "./review.ts";

const REVIEWER: Reviewer = {
  ...{ requestId: "0d4f2c1e-5f5e-4b0a-9d57-3f1f2f6f8a11", caller: "review-desk", userId: "r.one", role: "R8010" },
  ...{ reason: "weekly review", mayReview: true },
};
const OPERATOR: Reviewer = { ...REVIEWER, userId: "op", mayReview: false };
const DAY_MS = 24 * 3_600_000;

const isFailure =
  (code: string, text = /./) =>
  (thrown: unknown) =>
    thrown instanceof Failure && thrown.code === code && text.test(thrown.message);

describe("dead letters", () => {
  let index: TestIndex;
  let clock: FakeClock;
  let looks: Look[];
  let handed: string[];
  let answers: Record<string, TakenAgain | undefined>;
  let needs: DeadLetterNeeds;

  beforeEach(() => {
    index = openTestIndex();
    clock = makeFakeClock();
    looks = [];
    handed = [];
    answers = {};
    needs = needsWith(1);
  });
  afterEach(() => index.close());

  function needsWith(keyByte: number): DeadLetterNeeds {
    const random = seededRandom(keyByte);
    return {
      ...{ clock, random, store: makeInlineExecutor(index.db, makeHandlers(index.db)) },
      ...{ seal: makeLetterSeal(new Uint8Array(32).fill(keyByte), random), reader: makeLetterReader(index.db) },
      recordReview(look) {
        looks.push(look);
        return Promise.resolve();
      },
      takeAgain(feed, bytes) {
        if (feed === "gone") return undefined;
        const text = Buffer.from(bytes.expose()).toString();
        handed.push(text);
        return Promise.resolve(answers[text] ?? { kind: "taken" });
      },
    };
  }

  const keep = (text: string, more: { feed?: string; reason?: string } = {}): Promise<string> => {
    const { feed = "pas", reason = "204 Not known." } = more;
    const bytes = new Concealed(Buffer.from(text));
    return keepLetter({ feed, reason, at: "MRG-1", bytes }, needs);
  };
  const left = () => needs.reader.list({}, 100).map(({ id }) => id);

  it("are listed with their reason and place, and nothing of what is in them; the look is audited", async () => {
    const id = await keep("MSH|KHAN");
    await keep("MSH|BEGUM", { feed: "other" });
    const { letters, count, oldestMs } = await listLetters(OPERATOR, { feed: "pas" }, needs);
    const nowMs = clock.wallMs();
    assert.deepEqual(letters, [
      {
        ...{ letterNo: 1, id, feed: "pas", reason: "204 Not known.", place: "MRG-1" },
        ...{ arrivedMs: nowMs, tries: 1, triedMs: nowMs, sizeBytes: 8 },
      },
    ]);
    assert.deepEqual([count, oldestMs], [1, nowMs]);
    assert.deepEqual(
      [looks[0]?.action, looks[0]?.about, looks[0]?.values],
      ["dead-letters-list", { feed: "pas" }, false],
    );
  });

  it("hold nothing in the file that can be read without the key", async () => {
    await keep("MSH|KHAN|9000000009");
    const row = index.db.prepare("SELECT * FROM dead_letter").get() as Record<string, unknown>;
    const inside = Buffer.concat(
      Object.values(row).map((value) => Buffer.from(value instanceof Buffer ? value : String(value))),
    );
    for (const text of ["KHAN", "9000000009"]) assert.equal(inside.indexOf(text), -1, text);
  });

  it("are shown whole to a reviewer alone, audited before", async () => {
    const id = await keep("MSH|KHAN");
    await assert.rejects(showLetter(OPERATOR, id, needs), isFailure("not-permitted"));
    assert.equal(looks.length, 0);
    const { bytes } = await showLetter(REVIEWER, id, needs);
    assert.equal(Buffer.from(bytes.expose()).toString(), "MSH|KHAN");
    assert.deepEqual([looks[0]?.action, looks[0]?.values], ["dead-letter-show", true]);
    await assert.rejects(showLetter(REVIEWER, "nobody's-one", needs), isFailure("invalid-input"));
    const mute = { ...needs, recordReview: () => Promise.reject(new Failure("store-unavailable", "full")) };
    await assert.rejects(showLetter(REVIEWER, id, mute), isFailure("store-unavailable"));
  });

  it("that come again are one letter, with the newest reason", async () => {
    const id = await keep("MSH|1");
    await clock.advance(60_000);
    assert.equal(await keep("MSH|1", { reason: "207 Another." }), id);
    const [letter] = needs.reader.list({}, 9);
    assert.deepEqual([letter?.tries, letter?.reason, letter?.triedMs], [2, "207 Another.", clock.wallMs()]);
    assert.notEqual(await keep("MSH|1", { feed: "other" }), id);
  });

  it("are handed to their feeds again in the order in which they came: what is taken is gone", async () => {
    const ids = [await keep("1"), await keep("2", { feed: "gone" }), await keep("3"), await keep("4")];
    answers = { "3": { kind: "refused", reason: "206 A reviewer said otherwise.", at: "PID-3" } };
    assert.deepEqual(await replayLetters(OPERATOR, {}, needs), { taken: 2, refused: 1, notTried: 1, next: 0 });
    assert.deepEqual(handed, ["1", "3", "4"]);
    assert.deepEqual(left(), [ids[1], ids[2]]);
    const again = needs.reader.one(ids[2] ?? "");
    assert.deepEqual([again?.tries, again?.reason, again?.place], [2, "206 A reviewer said otherwise.", "PID-3"]);
    answers = {};
    assert.deepEqual(await replayLetters(OPERATOR, { id: ids[2] ?? "" }, needs), {
      ...{ taken: 1, refused: 0, notTried: 0, next: 0 },
    });
    await assert.rejects(replayLetters(OPERATOR, { id: ids[2] ?? "" }, needs), isFailure("invalid-input"));
    assert.deepEqual(left(), [ids[1]]);
  });

  it("are replayed some at a time, each once, refused ones too", async () => {
    for (let n = 0; n < 230; n++) await keep(`${n}`);
    const refused: TakenAgain = { kind: "refused", reason: "204", at: "" };
    answers = Object.fromEntries(Array.from({ length: 230 }, (_, n) => [`${n}`, refused]));
    const first = await replayLetters(OPERATOR, { feed: "pas" }, needs);
    assert.deepEqual(first, { taken: 0, refused: 200, notTried: 0, next: 200 });
    const rest = await replayLetters(OPERATOR, { feed: "pas", after: first.next }, needs);
    assert.deepEqual(rest, { taken: 0, refused: 30, notTried: 0, next: 0 });
    assert.equal(handed.length, 230);
  });

  it("are gone once, though two replay them at a time", async () => {
    const kept = await Promise.all(["1", "2", "3"].map((text) => keep(text)));
    answers = { "2": { kind: "refused", reason: "204", at: "" } };
    const results = await Promise.all([replayLetters(OPERATOR, {}, needs), replayLetters(OPERATOR, {}, needs)]);
    assert.ok(results.every(({ taken, refused }) => taken <= 2 && refused === 1));
    assert.deepEqual(left(), [kept[1]]);
    assert.equal(needs.reader.one(kept[1] ?? "")?.tries, 3);
  });

  it("cannot be opened under another key, and the node says so", async () => {
    const id = await keep("MSH|KHAN");
    const restored = needsWith(2);
    const alarms: string[] = [];
    const log = { warn() {}, error: (event: string, thrown: unknown) => alarms.push(`${event}: ${String(thrown)}`) };
    await startLetterRounds(restored, log)();
    assert.match(alarms[0] ?? "", /^dead-letters-unreadable: .*1 dead letters are under another key than letters\.key/);
    await assert.rejects(showLetter(REVIEWER, id, restored), isFailure("store-unavailable", /letters\.key/));
    assert.equal((await replayLetters(OPERATOR, {}, restored)).notTried, 1);
    assert.deepEqual([handed, left()], [[], [id]]);
  });

  it("never make room by themselves: the message is refused, and nothing is lost", async () => {
    const half = "x".repeat(LETTER_SIZE_BYTES_MAX - 9);
    await assert.rejects(keep(`${half}${half}`), isFailure("overloaded", /too long/));
    const fitting = Math.floor(LETTER_BYTES_PER_FEED_MAX / half.length);
    for (let n = 0; n < fitting; n++) await keep(`${half}${n % 10}`.replace(/^x{9}/, String(n).padStart(9, "0")));
    assert.equal(left().length, fitting);
    await assert.rejects(keep(half), isFailure("overloaded", /dead letters of the feed pas take no more/));
    assert.equal(left().length, fitting);
    await keep("of another feed", { feed: "other" });
  }).timeout(30_000);

  it("go after thirty days, and by hand before", async () => {
    const old = await keep("1");
    const told: unknown[] = [];
    const log = {
      warn: (_: string, fields: unknown) => told.push(fields),
      error: (event: string) => assert.fail(event),
    };
    const end = startLetterRounds(needs, log);
    await clock.advance(20 * DAY_MS);
    const young = await keep("2");
    const third = await keep("3", { feed: "other" });
    await clock.advance(9 * DAY_MS);
    assert.deepEqual(left(), [old, young, third]);
    await clock.advance(DAY_MS + 2 * 3_600_000);
    assert.deepEqual(left(), [young, third]);
    assert.deepEqual(told.at(-1), { letters: 2, oldest: "2026-12-10T03:00:00.000Z" });
    await end();
    assert.equal(await purgeLetters(OPERATOR, { feed: "other", olderThanMs: 11 * DAY_MS }, needs), 0);
    assert.equal(await purgeLetters(OPERATOR, { feed: "other", olderThanMs: 0 }, needs), 1);
    assert.equal(await purgeLetters(OPERATOR, { id: young }, needs), 1);
    assert.deepEqual(left(), []);
    assert.deepEqual(
      looks.map(({ action }) => action),
      Array.from({ length: 3 }, () => "dead-letters-purge"),
    );
  });
});
