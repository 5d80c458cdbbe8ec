import assert from "node:assert/strict";

import type { Area, AreaAnswer, HolderAnswer, LocateEvent } from "../base/answer.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import type { Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import type { NodeId } from "../base/words.ts";
import type { Manifest, Member } from "../../topology/manifest.ts";
import { makeFederation, type DirectoryInForce } from "../federation/federation.ts";
import { aPermit, byDemographics, byNumber } from "../testing/an-index.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { locate, type LocateNeeds } from "./locate.ts";

const OWN = "n-own";
/** The verdict is wanted after this; the node keeps 50 ms back. */
const ANSWER_BY_MS = 300;
const DEADLINE_MS = 250;

const says = (outcome: HolderAnswer["outcome"], more: Partial<HolderAnswer> = {}): HolderAnswer => ({
  outcome,
  pointers: [],
  sealed: [],
  reason: "",
  notOffered: [],
  morePointers: 0,
  ...more,
});

const member = (id: string): Member => ({
  id,
  collaborative: "ccr",
  region: "West Midlands",
  ics: [{ code: id.toUpperCase().replaceAll("-", ""), name: `Area ${id}`, from: "2022-07-01" }],
  endpoints: ["127.0.0.1:1"],
  issuingCa: "0".repeat(64),
  assertionKey: "A".repeat(43),
  population: 1,
  ages: { from: 0 },
  coverageContact: { name: "", phone: "", hours: "" },
  status: "live",
});

const directoryOf = (sequence: number, ...ids: readonly string[]): DirectoryInForce => ({
  manifest: {
    format: 1,
    network: { name: "Test", domain: "test.example", authority: "Nobody" },
    sequence,
    issuedAt: "2026-11-20T00:00:00Z",
    routing: "ask-all",
    members: ids.map(member),
    icsWithoutNode: [],
    agreements: [],
  } satisfies Manifest,
  ageMs: 0,
  state: "fresh",
});

interface Behaviour {
  /** The own index; answers at once unless said otherwise. */
  readonly own?: () => Promise<HolderAnswer>;
  readonly peer?: () => Promise<HolderAnswer>;
  readonly needs?: Partial<LocateNeeds>;
}

/** The story over a real federation of the own node and two others. */
class Trial {
  readonly clock: FakeClock = makeFakeClock();
  readonly permit: Permit = { ...aPermit(), notOffered: ["dols"] };
  readonly asked = new Map<string, AbortSignal>();
  readonly outcomes: Parameters<LocateNeeds["recordOutcomes"]>[2][] = [];
  readonly failures: Failure[] = [];
  readonly gone = new AbortController();
  readonly shown: { readonly event: LocateEvent; readonly atMs: number }[] = [];
  directory = directoryOf(1, OWN, "n-a", "n-b");
  readonly needs: LocateNeeds;
  readonly question: Question;

  constructor({ own, peer, needs = {} }: Behaviour, patient = byNumber("9000000009", "1980-05-17")) {
    const { clock } = this;
    const federation = makeFederation({
      clock,
      ownId: OWN as NodeId,
      directory: () => this.directory,
      mayAsk: () => ({ ok: true }),
      transport: {
        ask: ({ id }, _question, _permit, _deadline, signal) => {
          this.asked.set(id, signal);
          return (peer ?? (() => Promise.resolve(says("nothing-to-show"))))();
        },
      },
    });
    this.needs = {
      clock,
      decideAccess: () => ({ kind: "permitted", permit: this.permit }),
      recordQuestion: () => Promise.resolve(),
      knowPerson: (question) => ({ kind: "ask", question }),
      recordRestricted: () => Promise.resolve(),
      openNetwork: federation.open,
      answerFromOwnIndex: own ?? (() => Promise.resolve(says("nothing-to-show"))),
      ownIndexFailed: (failure) => void this.failures.push(failure),
      recordOutcomes: (_question, _permit, told) => void this.outcomes.push(told),
      ...needs,
    };
    this.question = {
      requestId: "r-1",
      patient,
      claim: this.permit.claim,
      answerBy: Deadline.in(clock, ANSWER_BY_MS),
      lateUntil: Deadline.in(clock, ANSWER_BY_MS),
    };
  }

  /** Runs the locate to its end, far beyond its deadline. */
  async run(): Promise<void> {
    const ended = (async () => {
      for await (const event of locate(this.question, this.needs, this.gone.signal)) {
        this.shown.push({ event, atMs: this.clock.monotonicMs() });
      }
    })();
    ended.catch(() => undefined);
    await this.clock.advance(10_000);
    await ended;
  }

  answers(): [string, string, string, number][] {
    return this.shown.flatMap(({ event, atMs }) =>
      event.kind === "answer" ? [[event.answer.area.name, event.answer.outcome, event.answer.reason, atMs]] : [],
    );
  }

  sentence(): string {
    const last = this.shown.at(-1)?.event;
    assert.ok(last?.kind === "verdict", "the verdict comes last");
    return last.verdict.sentence;
  }
}

describe("a locate", () => {
  it("shows the own area first, whoever answers sooner", async () => {
    const trial: Trial = new Trial({ own: () => trial.clock.sleep(100).then(() => says("nothing-to-show")) });
    await trial.run();
    assert.deepEqual(trial.answers(), [
      ["Area n-own", "nothing-to-show", "", 100],
      ["Area n-a", "nothing-to-show", "", 100],
      ["Area n-b", "nothing-to-show", "", 100],
    ]);
    assert.equal(trial.failures.length, 0);
  });

  it("loses no other area's answer to a slow own index, and closes in time", async () => {
    const trial: Trial = new Trial({ own: () => trial.clock.sleep(2_000).then(() => says("nothing-to-show")) });
    await trial.run();
    assert.deepEqual(trial.answers(), [
      ["Area n-own", "timed-out", "", DEADLINE_MS],
      ["Area n-a", "nothing-to-show", "", DEADLINE_MS],
      ["Area n-b", "nothing-to-show", "", DEADLINE_MS],
    ]);
    assert.match(trial.sentence(), /^2 of 3 areas answered.* Not answered: Area n-own \(no answer in time\)\./);
    assert.equal(trial.shown.at(-1)?.atMs, DEADLINE_MS);
  });

  it("loses no other area's answer to a damaged own index, and tells the operator", async () => {
    const damaged = new Failure("store-unavailable", "damaged");
    for (const own of [
      () => Promise.reject(damaged),
      () => {
        throw damaged;
      },
    ]) {
      const trial = new Trial({ own });
      await trial.run();
      assert.deepEqual(trial.answers(), [
        ["Area n-own", "unreachable", "failed", 0],
        ["Area n-a", "nothing-to-show", "", 0],
        ["Area n-b", "nothing-to-show", "", 0],
      ]);
      assert.match(trial.sentence(), /^2 of 3 areas answered.* Not answered: Area n-own \(could not be reached\)\./);
      assert.deepEqual(trial.failures, [damaged]);
    }
  });

  it("still says what the role is not offered where the own index did not answer", async () => {
    const trial = new Trial({ own: () => Promise.reject(new Error("damaged")) });
    await trial.run();
    const first = trial.shown[0]?.event;
    assert.ok(first?.kind === "answer");
    assert.deepEqual(first.answer.notOffered, ["dols"]);
  });

  it("asks nobody about a person who has objected here, and looks as if it had", async () => {
    const objected = { knowPerson: (question: Question) => ({ kind: "ask", question, objected: true }) as const };
    const trial = new Trial({ needs: objected });
    await trial.run();
    assert.equal(trial.asked.size, 0);
    assert.deepEqual(
      trial.answers().map(([name, outcome]) => [name, outcome]),
      [
        ["Area n-own", "nothing-to-show"],
        ["Area n-a", "timed-out"],
        ["Area n-b", "timed-out"],
      ],
      "nothing is known yet of how the others look",
    );
  });

  it("asks nobody where the question could not be recorded or the person not be looked up", async () => {
    const unavailable = new Failure("store-unavailable", "damaged");
    const trials: readonly [needs: Partial<LocateNeeds>, recorded: Trial["outcomes"]][] = [
      [{ recordQuestion: () => Promise.reject(unavailable) }, []],
      [
        {
          knowPerson: () => {
            throw unavailable;
          },
        },
        [{ cutShort: [], failed: "store-unavailable" }],
      ],
    ];
    for (const [needs, recorded] of trials) {
      const trial = new Trial({ needs });
      await assert.rejects(trial.run(), unavailable);
      assert.deepEqual([trial.asked.size, trial.shown.length], [0, 0]);
      assert.deepEqual(trial.outcomes, recorded);
    }
  });

  it("asks nobody where the audit takes longer than there is time, and says so in time", async () => {
    const trial: Trial = new Trial({ needs: { recordQuestion: () => trial.clock.sleep(2_000) } });
    const startedMs = trial.clock.monotonicMs();
    let endedMs = 0;
    const ended = locate(trial.question, trial.needs, trial.gone.signal)
      .next()
      .finally(() => (endedMs = trial.clock.monotonicMs()));
    const rejected = assert.rejects(ended, { code: "store-unavailable" });
    await trial.clock.advance(10_000);
    await rejected;
    assert.deepEqual([trial.asked.size, endedMs - startedMs], [0, DEADLINE_MS]);
  });

  it("is closed under the directory that it was asked under", async () => {
    const trial: Trial = new Trial({
      async own() {
        await trial.clock.sleep(10);
        trial.directory = directoryOf(2, "n-a", "n-b", "n-new");
        return says("nothing-to-show");
      },
    });
    await trial.run();
    const last = trial.shown.at(-1)?.event;
    assert.ok(last?.kind === "verdict");
    assert.equal(last.verdict.directory.sequence, 1);
    assert.deepEqual(
      last.verdict.areas.map(({ nodeId }) => nodeId),
      [OWN, "n-a", "n-b"],
    );
    assert.ok(!trial.asked.has("n-new"));
  });

  it("records what was told once, at its end", async () => {
    const trial = new Trial({});
    await trial.run();
    const last = trial.shown.at(-1)?.event;
    assert.ok(last?.kind === "verdict");
    assert.deepEqual(trial.outcomes, [last.verdict]);
  });

  it("left before its verdict, records what was told until then, and cancels what is open", async () => {
    const trial = new Trial({ peer: () => new Promise(() => {}) });
    const events = locate(trial.question, trial.needs, trial.gone.signal);
    const first = await events.next();
    assert.ok(first.value?.kind === "answer");
    await events.return();
    assert.deepEqual(trial.outcomes, [{ cutShort: [first.value.answer] }]);
    assert.deepEqual(
      [...trial.asked.values()].map(({ aborted }) => aborted),
      [true, true],
    );
    assert.equal(trial.clock.pending(), 0);
  });

  it("whose caller leaves while peers are waited for cancels what is open there and then, and gives no verdict", async () => {
    const trial = new Trial({ peer: () => new Promise(() => {}) });
    const events = locate(trial.question, trial.needs, trial.gone.signal);
    const first = await events.next();
    assert.ok(first.value?.kind === "answer");
    const next = events.next();
    await trial.clock.advance(10);
    trial.gone.abort();
    assert.ok([...trial.asked.values()].every(({ aborted }) => aborted));
    assert.equal((await next).done, true);
    assert.deepEqual(trial.outcomes, [{ cutShort: [first.value.answer] }]);
    assert.equal(trial.clock.pending(), 0);
  });

  it("whose caller left before anybody was asked asks nobody", async () => {
    const trial: Trial = new Trial({
      needs: { recordQuestion: () => Promise.resolve(trial.gone.abort()) },
      peer: () => new Promise(() => {}),
    });
    for await (const { kind } of locate(trial.question, trial.needs, trial.gone.signal)) assert.equal(kind, "answer");
    assert.ok([...trial.asked.values()].every(({ aborted }) => aborted));
    assert.equal(trial.outcomes.length, 1);
  });

  it("that fails on the way records what was told, and cancels what is open", async () => {
    const trial = new Trial({ peer: () => new Promise(() => {}) });
    const { openNetwork } = trial.needs;
    const fault = new Error("an own mistake");
    const failing: LocateNeeds = {
      ...trial.needs,
      openNetwork: () => ({
        ...openNetwork(),
        get ownArea(): Area {
          throw fault;
        },
      }),
    };
    await assert.rejects(locate(trial.question, failing, trial.gone.signal).next(), fault);
    assert.deepEqual(trial.outcomes, [{ cutShort: [] satisfies readonly AreaAnswer[], failed: "internal" }]);
    assert.ok([...trial.asked.values()].every(({ aborted }) => aborted));
    assert.equal(trial.asked.size, 2);
  });

  it("says how the others were asked where the caller gave no number", async () => {
    const details = byDemographics("Khan", "Aisha", "1980-05-17");
    const found = byNumber("9000000009", "1980-05-17");
    const withNumber = new Trial(
      { needs: { knowPerson: (question) => ({ kind: "ask", question: { ...question, patient: found } }) } },
      details,
    );
    await withNumber.run();
    assert.match(withNumber.sentence(), /asked with the NHS number that is held here/);
    const without = new Trial({}, details);
    await without.run();
    assert.match(without.sentence(), /Asked without an NHS number/);
    const given = new Trial({});
    await given.run();
    assert.doesNotMatch(given.sentence(), /NHS number/);
  });
});
