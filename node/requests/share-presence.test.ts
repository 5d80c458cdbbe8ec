import assert from "node:assert/strict";

import type { Database } from "better-sqlite3";
import fc from "fast-check";

import type { Manifest, Member } from "../../topology/manifest.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Permit } from "../base/permit.ts";
import type { PatientQuery } from "../base/question.ts";
import { seededRandom } from "../base/random.ts";
import type { NodeId } from "../base/words.ts";
import { buildBinaryFuse } from "../presence/binary-fuse.ts";
import { keyedTokens } from "../presence/token.ts";
import { openDatabase } from "../storage/database.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import {
  anIdentity,
  anObjection,
  aPermit,
  aPointer,
  aQuestion,
  byNumber,
  openTestIndex,
  type TestIndex,
} from "../testing/an-index.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { type FeedChange, makeHandlers as makeFeedHandlers, takeFeedMessage } from "./feed-message.ts";
import { type FollowedPresence, followPresence } from "./follow-presence.ts";
import { makeHandlers as makeChangeHandlers, makePresenceReader } from "./presence-changes.ts";
import { type SharedPresence, type SharePresenceNeeds, sharePresenceOf } from "./share-presence.ts";

const HOLDER = "holder" as NodeId;
const ASKER = "asker" as NodeId;
const MANIFEST = {
  routing: "presence-filter",
  presence: {
    dpia: "D",
    signOffs: [HOLDER, ASKER].map((member) => ({ member, guardian: "G", signedOn: "2026-01-01" })),
  },
  members: [HOLDER, ASKER].map((id) => ({ id, status: "live" })),
} as unknown as Manifest;
const MEMBER = { id: HOLDER, status: "live" } as unknown as Member;

const NUMBERS = ["9000000009", "9000000017", "9000000025", "9000000033"];
const BORN = ["1980-05-17", "1981-06-18"];
/** What two kinds of users of the asker may see; together, both. */
const SOME = aPermit({ levels: { "imaging-report": "none" }, sensitivities: ["N"] });
const OTHERS = aPermit({ levels: { allergies: "none" } });
const PERMITS = { together: aPermit(), each: [SOME, OTHERS], key: "all" };

/** One step of an interleaving, drawn by chance. */
type Step =
  | {
      readonly do: "identity";
      readonly at: number;
      readonly number: number;
      readonly born: number;
      readonly restricted: boolean;
    }
  | { readonly do: "pointer"; readonly at: number; readonly type: number }
  | { readonly do: "objection"; readonly at: number; readonly state: number; readonly scope: number }
  | { readonly do: "merge"; readonly at: number; readonly other: number }
  | { readonly do: "part"; readonly at: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "lose" | "delay" | "bulk" | "restart-holder" | "restart-asker" | "away" };

/** Longer than a holder keeps up what nobody asks after. */
const AWAY_MS = 200_000;

const PLACES = ["P1", "P2", "P3", "P4", "P5"];
const TYPES = ["allergies", "imaging-report", "discharge-letter"] as const;
const STATES = ["received", "upheld", "declined", "withdrawn"] as const;
const SCOPES = ["", "type:allergies", "organisation:RRK"];

const at = fc.nat(PLACES.length - 1);
const aStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      ...{ do: fc.constant("identity" as const), at, number: fc.nat(NUMBERS.length - 1), born: fc.nat(1) },
      restricted: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("pointer" as const), at, type: fc.nat(TYPES.length - 1) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("objection" as const),
      at,
      state: fc.nat(3),
      scope: fc.nat(SCOPES.length - 1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("merge" as const), at, other: at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("part" as const), at }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 9_000 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "lose" as const,
        "delay" as const,
        "bulk" as const,
        "restart-holder" as const,
        "restart-asker" as const,
        "away" as const,
      ),
    }),
  },
);

/** A holder with a real index and an asker, with everything between them that can go wrong. */
class Pair {
  readonly clock: FakeClock = makeFakeClock();
  readonly index: TestIndex = openTestIndex(undefined, this.clock);
  readonly #reader: Database = openDatabase(this.index.db.name, { readonly: true });
  readonly #feed: StoreExecutor = makeInlineExecutor(this.index.db, makeFeedHandlers(this.index.db, seededRandom(5)));
  readonly #changes: StoreExecutor = makeInlineExecutor(this.index.db, makeChangeHandlers(this.index.db));
  readonly #isForgetful: boolean;
  #shared: SharedPresence;
  #followed: FollowedPresence;
  #losses = 0;
  #delayMs = 0;
  #isAway = false;
  #isBulk = false;
  /** Since when, without a break, a question with this number finds something. */
  readonly #shownSinceMs = new Map<string, number>();
  ruledOut = 0;

  /** @param isForgetful a holder that looks at no change: what these tests must find. */
  constructor(isForgetful = false) {
    this.#isForgetful = isForgetful;
    this.#shared = this.#share();
    this.#followed = this.#follow();
  }

  #share(): SharedPresence {
    const needs: SharePresenceNeeds = {
      ...{ clock: this.clock, random: seededRandom(3), ownId: HOLDER, reader: makePresenceReader(this.#reader) },
      store: {
        run: (async (name: "presence.changes", payload: { by: "filter"; most: number }) => {
          const changes = await this.#changes.run(name, payload);
          if (this.#isForgetful && Array.isArray(changes)) return [];
          if (!this.#isBulk || !Array.isArray(changes)) return changes;
          this.#isBulk = false;
          return "too-many";
        }) as StoreExecutor["run"],
        close: () => Promise.resolve(),
      },
      personsByNumber: this.index.mpi.personsByNumber,
      wouldShow: (patient, permit) => this.#isShown(patient, permit),
      ...{ ordinaryPermits: () => PERMITS, coversAge: () => true, checkMayShare: () => {} },
      ...{ coverage: () => ({ providers: [] }), sign: () => Promise.resolve(new Uint8Array(64)) },
      ...{ recordHanded: () => Promise.resolve(), failed: (failure) => assert.fail(failure) },
      build({ numbers, key, epoch, seed }) {
        const { token } = keyedTokens(key, epoch);
        const keys = [...numbers].map((number) => token(NhsNumber.parse(String(number))!));
        return Promise.resolve(buildBinaryFuse(BigUint64Array.from(keys), seed));
      },
    };
    return sharePresenceOf(needs);
  }

  #follow(): FollowedPresence {
    return followPresence({
      ...{ clock: this.clock, random: seededRandom(4), ownId: ASKER, manifest: () => MANIFEST },
      ...{ verify: () => Promise.resolve(true), keep: () => Promise.resolve() },
      alarm: (_holder, failure) => assert.fail(failure),
      transport: {
        readNews: (_member, held) => this.#carry(() => this.#shared.news(ASKER, held)),
        fetchFilter: (_member) => this.#carry(() => this.#shared.handOver(ASKER)),
        keepOnly: () => {},
      },
    });
  }

  /** There and back: lost on either way, or late. */
  async #carry<Said>(say: () => Said | Promise<Said>): Promise<Said> {
    if (this.#isAway) throw new Failure("unreachable", "away");
    const isLost = this.#losses > 0 && this.#losses-- > 0;
    if (isLost && this.#losses % 2 === 0) throw new Failure("unreachable", "lost on the way there");
    const said = await say();
    if (this.#delayMs > 0) await this.clock.sleep(this.#delayMs);
    if (isLost) throw new Failure("unreachable", "lost on the way back");
    return said;
  }

  #isShown(patient: PatientQuery, permit: Permit): boolean {
    const { pointers, otherPersonHasRecords, possibleMatch } = this.index.find(patient, permit);
    return pointers.length > 0 || otherPersonHasRecords || possibleMatch === true;
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "identity": {
        const nhsNumber = NUMBERS[step.number]!;
        const localId = PLACES[step.at]!;
        await this.index.load([
          anIdentity({ localId, nhsNumber, birthDate: BORN[step.born]!, restricted: step.restricted }),
        ]);
        break;
      }
      case "pointer":
        await this.index.load([
          aPointer({ localId: PLACES[step.at]!, recordId: `D${step.at}-${step.type}`, recordType: TYPES[step.type]! }),
        ]);
        break;
      case "objection":
        await this.index.load([
          anObjection({
            ...{ localId: PLACES[step.at]!, objectionId: `O${step.at}` },
            ...{ state: STATES[step.state]!, scope: SCOPES[step.scope]!, reason: "why" },
          }),
        ]);
        break;
      case "merge":
        await this.#say({ kind: "merge", losing: PLACES[step.at]!, winning: PLACES[step.other]! });
        break;
      case "part":
        await this.#say({ kind: "unmerge", losing: PLACES[step.at]! });
        break;
      case "wait":
        await this.clock.advance(step.ms);
        break;
      case "lose":
        this.#losses = 3;
        break;
      case "delay":
        this.#delayMs = this.#delayMs === 0 ? 7_000 : 0;
        break;
      case "bulk":
        this.#isBulk = true;
        break;
      case "restart-holder":
        void this.#shared.stop();
        this.#shared = this.#share();
        break;
      case "restart-asker":
        void this.#followed.stop();
        this.#followed = this.#follow();
        break;
      case "away":
        this.#isAway = true;
        await this.clock.advance(AWAY_MS);
        this.#isAway = false;
    }
    this.#look();
  }

  async #say(change: FeedChange): Promise<void> {
    const needs = { clock: this.clock, store: this.#feed };
    await takeFeedMessage({ feed: "pas", provider: "RRK", changes: new Concealed([change]) }, needs);
  }

  /** Nothing that has been shown since before the filter's as-of may be ruled out. */
  #look(): void {
    const nowMs = this.clock.monotonicMs();
    const asOfMs = nowMs - (this.#followed.asOfAgeMs(HOLDER) ?? Infinity);
    for (const digits of NUMBERS) {
      const asked = [...BORN, "1930-01-01"].map((born) => byNumber(digits, born));
      if (!asked.some((patient) => [SOME, OTHERS].some((permit) => this.#isShown(patient, permit)))) {
        this.#shownSinceMs.delete(digits);
      } else if (!this.#shownSinceMs.has(digits)) this.#shownSinceMs.set(digits, nowMs);
      const isRuledOut = asked.some(
        (patient) => this.#followed.ruledOutBy(MEMBER, aQuestion(patient, this.clock), SOME) !== undefined,
      );
      if (!isRuledOut) continue;
      this.ruledOut++;
      const sinceMs = this.#shownSinceMs.get(digits) ?? Infinity;
      assert.ok(sinceMs >= asOfMs, `shown since ${sinceMs}, ruled out as of ${asOfMs}, now ${nowMs}`);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#shared.stop(), this.#followed.stop(), this.clock.advance(60_000)]);
    this.#reader.close();
    await this.index.close();
  }
}

describe("a filter of whom a node would show something", function () {
  this.timeout(120_000);

  it("misses no write older than its as-of, whatever is written, lost, late, built anew or started again", async () => {
    let ruledOut = 0;
    const holds = fc.asyncProperty(fc.array(aStep, { minLength: 20, maxLength: 60 }), async (steps) => {
      const pair = new Pair();
      try {
        await pair.take({ do: "wait", ms: 9_000 });
        for (const step of steps) await pair.take(step);
        ruledOut += pair.ruledOut;
      } finally {
        await pair.close();
      }
    });
    await fc.assert(holds, { numRuns: Number(process.env["FC_RUNS"] ?? 60) });
    assert.ok(ruledOut > 1_000, `it was looked at where somebody is ruled out: ${ruledOut} times`);
  });

  it("is found out where a holder forgets what was written", async () => {
    const pair = new Pair(true);
    try {
      for (let times = 0; times < 4; times++) await pair.take({ do: "wait", ms: 9_000 });
      assert.ok(pair.ruledOut > 0, "somebody is ruled out");
      await pair.take({ do: "identity", at: 0, number: 0, born: 0, restricted: false });
      await pair.take({ do: "pointer", at: 0, type: 2 });
      await assert.rejects(async () => {
        for (let times = 0; times < 4; times++) await pair.take({ do: "wait", ms: 9_000 });
      }, /ruled out as of/);
    } finally {
      await pair.close();
    }
  });
});
