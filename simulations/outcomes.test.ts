import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import Sqlite from "better-sqlite3";

import { OUTCOMES, type Outcome } from "../node/base/answer.ts";
import { Failure } from "../node/base/failure.ts";
import { systemRandom } from "../node/base/random.ts";
import { EXIT } from "../node/cli/exit.ts";
import { EMPTY_ANSWER_FLOOR_MS } from "../node/requests/answer-locate.ts";
import { type NetworkOrder, type TestNetwork, startNetwork } from "./testing/a-network.ts";
import { type AreaOrder, hospitalOf } from "./testing/a-topology.ts";
import {
  ANSWER_BY_MS,
  type Asked,
  DOCTOR,
  type LocateOptions,
  type Located,
  NURSE,
  answerAt,
  ask,
  locate,
  outcomeAt,
  say,
  scopesOf,
} from "./testing/asking.ts";
import { type TrialPerson, aPerson } from "./testing/people.ts";
import { askHolderDirectly } from "./testing/peer-tap.ts";

/** A node starts in about a second on an idle machine; these are for one that is not. */
const START_MS = 60_000;
const TEST_MS = 30_000;

/** How long a node may take to act on a newer manifest: it looks at the file each second. */
const NOTICED_WITHIN_MS = 2_000;
/** How long a node that came back may stay unasked. */
const FOUND_AGAIN_WITHIN_MS = 5_000;
/** How long a lock on an audit is held to see that nothing gets past it; far longer than an answer takes. */
const HELD_MS = 600;

const ADULT = "1961-04-12";
const CHILD = "2019-04-12";

/** Every outcome that a test here has seen at the asker, from its real cause. */
const seen = new Set<Outcome>();

async function locateAndNote(network: TestNetwork, person: TrialPerson, options?: LocateOptions): Promise<Located> {
  const located = await locate(network, person, options);
  for (const { outcome } of located.verdict.areas) seen.add(outcome);
  return located;
}

/** Waits, for a while, for what follows an answer. */
async function until(holds: () => boolean): Promise<void> {
  const untilMs = performance.now() + 5_000;
  while (!holds() && performance.now() < untilMs) await sleep(50);
}

/** Asks again and again until the answer is as wanted. */
async function untilAnswered(
  wanted: (asked: Asked) => boolean,
  askOnce: () => Promise<Asked>,
  withinMs = 10_000,
): Promise<Asked> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const asked = await askOnce();
    if (wanted(asked)) return asked;
    assert.ok(performance.now() < untilMs, `still, after ${withinMs} ms: ${asked.verdict.sentence}`);
    await sleep(50);
  }
}

describe("an outcome that depends on the parties or the patient", () => {
  const ASH = { id: "ash", name: "Ashdale", collaborative: "north", region: "Upland" } as const;
  const BIRCH = { id: "birch", name: "Birchwood", collaborative: "north", region: "Upland" } as const;
  const CEDAR = { id: "cedar", name: "Cedarham", collaborative: "south", region: "Upland", agesFrom: 18 } as const;
  const DUNES = { id: "dunes", name: "Dunmere", collaborative: "south", region: "Lowland" } as const;
  const ELM = { id: "elm", name: "Elmstead", collaborative: "south", region: "Lowland", status: "joining" } as const;
  const AREAS: readonly AreaOrder[] = [ASH, BIRCH, CEDAR, DUNES, ELM];
  const WITH_BIRCH = { between: ["ash", "birch"] } as const;
  const WITH_CEDAR = { between: ["ash", "cedar"], purposes: ["TREAT"], roleGroups: ["doctor"] } as const;
  const WITH_ELM = { between: ["ash", "elm"] } as const;
  const AGREEMENTS = [WITH_BIRCH, WITH_CEDAR, WITH_ELM];

  const everywhere = AREAS.map(({ id }) => ({ area: id, records: ["allergies", "discharge-letter"] }) as const);
  const known = aPerson(1, ADULT, everywhere);
  const child = aPerson(2, CHILD, everywhere);
  const stranger = aPerson(3, ADULT);
  const restrictedHere = aPerson(4, ADULT, [
    { area: "ash", records: ["allergies"], restricted: true },
    { area: "birch", records: ["allergies"] },
  ]);
  const withoutRecords = aPerson(5, ADULT, [{ area: "birch", records: [] }]);
  const objector = aPerson(6, ADULT, [{ area: "birch", records: ["allergies"], objected: true }]);
  const restrictedThere = aPerson(7, ADULT, [{ area: "birch", records: ["allergies"], restricted: true }]);
  const filtered = aPerson(8, ADULT, [{ area: "birch", records: ["imaging-report"] }]);
  const ORDER: NetworkOrder = {
    areas: AREAS,
    agreements: AGREEMENTS,
    withoutNode: ["Farhill"],
    people: [known, child, restrictedHere, withoutRecords, objector, restrictedThere, filtered],
  };

  let network: TestNetwork;
  before(async function () {
    this.timeout(START_MS);
    network = await startNetwork(ORDER);
  });
  after(async function () {
    this.timeout(START_MS);
    await network?.stop();
  });

  /** True where a node's audit knows nothing of the request. */
  const wasNotAsked = (nodeId: string, { requestId }: { requestId: string }): boolean =>
    network.entries(nodeId, requestId).length === 0;

  describe("arises from its real cause", function () {
    this.timeout(TEST_MS);

    it("records: held by the own index and by peers", async () => {
      const located = await locateAndNote(network, known);
      for (const area of [ASH, BIRCH, CEDAR]) {
        assert.deepEqual(outcomeAt(located, area.id), ["records", ""]);
        const { pointers, own } = answerAt(located, area.id);
        assert.equal(own, area === ASH);
        assert.deepEqual(pointers.map(({ recordType }) => recordType as string).toSorted(), [
          "allergies",
          "discharge-letter",
        ]);
        assert.ok(pointers.every(({ custodian }) => custodian.name === hospitalOf(area)));
      }
      assert.deepEqual(scopesOf(located), { collaborative: true, region: true, network: false });
      assert.match(located.verdict.sentence, /^3 of 5 areas answered; 3 hold records\./);
      assert.equal(located.exitCode, EXIT.partial);
    });

    it("nothing-to-show: a number that nobody holds", async () => {
      const located = await locateAndNote(network, stranger);
      for (const id of ["ash", "birch", "cedar"]) assert.deepEqual(outcomeAt(located, id), ["nothing-to-show", ""]);
      assert.ok(located.answers.every(({ pointers }) => pointers.length === 0));
      assert.deepEqual(scopesOf(located), { collaborative: true, region: true, network: false });
      assert.match(located.verdict.sentence, /^3 of 5 areas answered; nothing to show you\./);
    });

    it("identity-check: the right number with another birth date", async () => {
      const located = await locateAndNote(network, known, { birthDate: "1961-04-13" });
      for (const id of ["ash", "birch", "cedar"]) assert.deepEqual(outcomeAt(located, id), ["identity-check", ""]);
      assert.ok(located.answers.every(({ pointers }) => pointers.length === 0));
      assert.deepEqual(scopesOf(located), { collaborative: true, region: true, network: false });
      assert.match(located.verdict.sentence, /Check who this is: .* in Ashdale; Birchwood; Cedarham\./);
    });

    it("no-agreement: two areas that have none are not asked", async () => {
      const located = await locateAndNote(network, known);
      assert.deepEqual(outcomeAt(located, "dunes"), ["no-agreement", "none-between"]);
      assert.ok(located.verdict.sentence.includes("Dunmere (not asked: no sharing agreement)"));
      assert.ok(wasNotAsked("dunes", located));
      assert.equal(located.exitCode, EXIT.partial);
    });

    it("refused: a role that the agreement leaves out is not asked for", async () => {
      const located = await locateAndNote(network, known, { asker: NURSE });
      assert.deepEqual(outcomeAt(located, "cedar"), ["refused", "agreement-role"]);
      assert.deepEqual(outcomeAt(located, "birch"), ["records", ""]);
      assert.deepEqual(scopesOf(located), { collaborative: true, region: false, network: false });
      assert.ok(located.verdict.sentence.includes("Cedarham (not available to your role or purpose)"));
      assert.ok(wasNotAsked("cedar", located));
    });

    it("refused: a purpose that the agreement leaves out is not asked for", async () => {
      const located = await locateAndNote(network, known, { asker: { ...DOCTOR, purpose: "CAREMGT" } });
      assert.deepEqual(outcomeAt(located, "cedar"), ["refused", "agreement-purpose"]);
      assert.deepEqual(scopesOf(located), { collaborative: true, region: false, network: false });
      assert.ok(wasNotAsked("cedar", located));
    });

    it("not-covered: a child at a member for adults only, and a member that is only joining", async () => {
      const located = await locateAndNote(network, child);
      assert.deepEqual(outcomeAt(located, "cedar"), ["not-covered", "under-18s"]);
      assert.deepEqual(outcomeAt(located, "elm"), ["not-covered", "joining"]);
      assert.deepEqual(outcomeAt(located, "birch"), ["records", ""]);
      assert.deepEqual(scopesOf(located), { collaborative: true, region: false, network: false });
      assert.ok(located.verdict.sentence.includes("Cedarham (does not cover under-18s)"));
      assert.ok(located.verdict.sentence.includes("Elmstead (not connected yet)"));
      assert.ok(wasNotAsked("cedar", located) && wasNotAsked("elm", located));
    });

    it("not-in-network: an area of the directory without a node is named, in no scope", async () => {
      const located = await locateAndNote(network, known);
      const farhill = located.verdict.areas.find(({ name }) => name === "Farhill");
      assert.deepEqual([farhill?.outcome, farhill?.nodeId, farhill?.reason], ["not-in-network", undefined, ""]);
      assert.ok(located.verdict.sentence.includes("Not connected to this network: Farhill."));
      assert.equal(located.verdict.scopes.find(({ scope }) => scope === "network")?.areas, AREAS.length);
    });

    it("is told a person in a terminal in plain words, every area by name", async () => {
      const { stdout, exitCode } = await say(network, known, { asker: NURSE });
      const lines = stdout.split("\n").map((line) => line.trim().replaceAll(/\s+/g, " "));
      for (const line of [
        /^Ashdale \(here\) Records found/,
        /^Birchwood Records found/,
        /^Cedarham Not available to your role or purpose/,
        /^Dunmere Not asked: no sharing agreement$/,
        /^Elmstead Not connected yet$/,
        /^Farhill Not connected to this network$/,
      ]) {
        assert.ok(
          lines.some((each) => line.test(each)),
          `${line} in\n${stdout}`,
        );
      }
      assert.doesNotMatch(
        stdout,
        /\b(?:refused|ruled out|incompatible|resting|dead letter|killed|peers?|holders?|permits?)\b/i,
      );
      assert.equal(exitCode, EXIT.partial);
    });
  });

  describe("leaves its trace at both ends", function () {
    this.timeout(TEST_MS);

    it("a question and every answer stand in the audits, under one request, before the answer is shown", async () => {
      const requestId = systemRandom.uuid();
      const shown: string[] = [];
      const { answers } = await ask(network, known, {
        requestId,
        onAnswer({ area: { nodeId = "" }, outcome, pointers, own }) {
          if (outcome !== "records") return;
          const answer = network.entries(nodeId, requestId).find(({ kind }) => kind === "answer");
          assert.ok(answer, `${nodeId} had not recorded its answer when it was shown`);
          assert.deepEqual([answer.asker, answer.holder, answer.outcome], ["ash", nodeId, "records"]);
          assert.deepEqual(answer.pointerIds.toSorted(), pointers.map(({ pointerId }) => pointerId).toSorted());
          assert.equal(answer.hasEvidence, !own, "a peer's entry keeps the asker's signed words");
          shown.push(nodeId);
        },
      });
      assert.deepEqual(shown.toSorted(), ["ash", "birch", "cedar"]);
      assert.equal(answers.length, AREAS.length + 1);
      assert.deepEqual(
        network
          .entries("ash", requestId)
          .slice(0, 2)
          .map(({ kind, outcome }) => [kind, outcome]),
        [
          ["question", "permitted"],
          ["answer", "records"],
        ],
      );
      assert.ok(wasNotAsked("dunes", { requestId }) && wasNotAsked("elm", { requestId }));
    });

    it("what the user was told follows within a second or so", async () => {
      const { requestId, verdict } = await ask(network, known);
      const outcomes = () => network.entries("ash", requestId).find(({ kind }) => kind === "outcomes");
      await until(() => outcomes() !== undefined);
      const told = JSON.parse(outcomes()?.detail ?? "{}") as { areas?: [string, Outcome][] };
      assert.deepEqual(
        told.areas?.map(([id, outcome]) => [id, outcome]),
        verdict.areas.map(({ nodeId, name, outcome }) => [nodeId ?? name, outcome]),
      );
    });

    it("nothing is shown and nobody is asked while the question cannot be recorded", async () => {
      const requestId = systemRandom.uuid();
      const shown: string[] = [];
      const lock = lockAudit(network, "ash");
      const asking = ask(network, known, {
        requestId,
        answerByMs: 10_000,
        onAnswer: ({ area }) => shown.push(area.name),
      });
      try {
        await sleep(HELD_MS);
        assert.deepEqual(shown, []);
        for (const id of ["birch", "cedar"]) assert.ok(wasNotAsked(id, { requestId }), `${id} was asked`);
      } finally {
        lock.release();
      }
      assert.deepEqual(outcomeAt(await asking, "birch"), ["records", ""], "and all goes on once it can be");
    });

    it("no answer leaves a holder while it cannot be recorded there", async () => {
      const requestId = systemRandom.uuid();
      const shown: string[] = [];
      const lock = lockAudit(network, "birch");
      const asking = ask(network, known, {
        ...{ requestId, answerByMs: 10_000 },
        onAnswer: ({ area }) => shown.push(area.nodeId ?? area.name),
      });
      try {
        await sleep(HELD_MS);
        assert.ok(shown.includes("cedar"), "the others answer meanwhile");
        assert.ok(!shown.includes("birch"));
        assert.ok(wasNotAsked("birch", { requestId }), "nothing got past the lock");
      } finally {
        lock.release();
      }
      assert.deepEqual(outcomeAt(await asking, "birch"), ["records", ""]);
      assert.equal(network.entries("birch", requestId)[0]?.kind, "answer");
    });

    it("an answer that its node cannot record is never shown, neither a holder's nor one's own", async () => {
      const atHolder = refuseAnswers(network, "birch");
      try {
        const located = await locate(network, known);
        assert.deepEqual(outcomeAt(located, "birch"), ["unreachable", "failed"]);
        assert.deepEqual(answerAt(located, "birch").pointers, []);
        assert.deepEqual(outcomeAt(located, "cedar"), ["records", ""], "the others answer all the same");
        const failures = () => network.entries("birch", located.requestId).map(({ kind, outcome }) => [kind, outcome]);
        await until(() => failures().length > 0);
        // Once more after the verdict, it is asked for a late answer.
        for (const failure of failures()) {
          assert.deepEqual(failure, ["outcomes", "failed"], "what became of it is recorded where it happened");
        }
      } finally {
        atHolder.repair();
      }
      const atHome = refuseAnswers(network, "ash");
      try {
        const located = await locate(network, known);
        assert.deepEqual(outcomeAt(located, "ash"), ["unreachable", "failed"]);
        assert.deepEqual(answerAt(located, "ash").pointers, []);
        assert.deepEqual(outcomeAt(located, "birch"), ["records", ""], "the others answer all the same");
        assert.equal(located.exitCode, EXIT.partial);
      } finally {
        atHome.repair();
      }
      const asked = await ask(network, known);
      for (const id of ["ash", "birch"])
        assert.deepEqual(outcomeAt(asked, id), ["records", ""], "and all is well again");
    });

    it("a person restricted in the own index is asked about nowhere", async () => {
      const peers = ["birch", "cedar", "dunes", "elm"];
      const before = peers.map((id) => network.entryCount(id));
      const { exitCode, stdout, stderr } = await say(network, restrictedHere);
      assert.equal(exitCode, EXIT.refused);
      assert.match(stderr, /Restricted record: location protected\. Request by emergency access\./);
      for (const { name } of AREAS) assert.ok(!`${stdout}${stderr}`.includes(name), `${name} is not named`);

      const requestId = systemRandom.uuid();
      await assert.rejects(
        ask(network, restrictedHere, { requestId, onAnswer: () => assert.fail("an area was shown") }),
        (thrown: unknown) => thrown instanceof Failure && thrown.code === "restricted-record",
      );
      assert.deepEqual(
        network.entries("ash", requestId).map(({ kind }) => kind),
        ["question", "restricted"],
      );
      assert.deepEqual(
        peers.map((id) => network.entryCount(id)),
        before,
        "no peer recorded anything",
      );
    });
  });

  describe("gives nothing away on the wire", function () {
    this.timeout(TEST_MS);

    it("not held, without records, objected, restricted and filtered are the same bytes, padded, after the same floor", async () => {
      const PADDED_TO_BYTES = 256;
      const paramedic = { ...DOCTOR, role: "R1070" }; // may not see imaging reports
      const otherBirthDate = { ...restrictedThere, birthDate: "1961-04-13" };
      const people = { stranger, withoutRecords, objector, restrictedThere, filtered, otherBirthDate };
      const asked = await askHolderDirectly(network, {
        ...{ as: "ash", holder: "birch", asker: paramedic, rounds: 3 },
        people: [known, ...Object.values(people)],
      });
      const [held, ...empty] = asked;
      assert.equal(held?.[0]?.answer.outcome, "records", "the holder does answer this asker");
      const whys = new Set<string>();
      const first = empty[0]?.[0];
      assert.ok(first);
      for (const [at, name] of Object.keys(people).entries()) {
        for (const { answer, bytes, answerBytes, elapsedMs, requestId } of empty[at] ?? assert.fail()) {
          assert.equal(answer.outcome, "nothing-to-show", name);
          assert.deepEqual(bytes, first.bytes, `${name} differs from ${Object.keys(people)[0]}`);
          assert.equal(answerBytes % PADDED_TO_BYTES, 0, `${name} is ${answerBytes} bytes long`);
          assert.ok(elapsedMs >= EMPTY_ANSWER_FLOOR_MS, `${name} took ${elapsedMs} ms`);
          whys.add(network.entries("birch", requestId)[0]?.why ?? "");
        }
      }
      assert.deepEqual(
        [...whys].toSorted(),
        ["filtered", "none-held", "objected", "other-person", "restricted"],
        "while the holder's own audit tells them apart",
      );
    });
  });

  /** The asker stays on the manifest with which all began; the others are given newer ones. */
  describe("is decided by the holder itself, whatever the asker's directory says", function () {
    this.timeout(TEST_MS);
    before(async function () {
      this.timeout(START_MS);
      await network.keepManifest("ash");
    });
    afterEach(async () => {
      await network.publish();
      await untilAnswered(isAnsweredBy("birch", "cedar"), () => ask(network, known));
    });

    const isAnsweredBy =
      (...ids: readonly string[]) =>
      (asked: Asked): boolean =>
        ids.every((id) => outcomeAt(asked, id)[0] === "records");

    const decided: [what: string, change: Partial<NetworkOrder>, person: TrialPerson, Outcome, string, string][] = [
      [
        "no-agreement: the holder's newer directory has none",
        { agreements: [WITH_CEDAR, WITH_ELM] },
        known,
        "no-agreement",
        "none-between",
        "no-agreement",
      ],
      [
        "refused: the holder's newer agreement leaves the role out",
        { agreements: [{ ...WITH_BIRCH, roleGroups: ["nurse"] }, WITH_CEDAR, WITH_ELM] },
        known,
        "refused",
        "agreement-role",
        "role-refused",
      ],
      [
        "refused: the holder's newer agreement leaves the purpose out",
        { agreements: [{ ...WITH_BIRCH, purposes: ["CAREMGT"] }, WITH_CEDAR, WITH_ELM] },
        known,
        "refused",
        "agreement-purpose",
        "purpose-refused",
      ],
      [
        "not-covered: the holder's newer agreement is for adults only",
        { agreements: [{ ...WITH_BIRCH, adultsOnly: true }, WITH_CEDAR, WITH_ELM] },
        child,
        "not-covered",
        "under-18s",
        "not-covered",
      ],
    ];
    for (const [what, change, person, outcome, reason, why] of decided) {
      it(what, async () => {
        assert.deepEqual(outcomeAt(await ask(network, person), "birch"), ["records", ""]);
        await network.publish(change);
        await untilAnswered(
          (asked) => outcomeAt(asked, "birch")[0] !== "records",
          () => ask(network, person),
        );
        const located = await locateAndNote(network, person);
        assert.deepEqual(outcomeAt(located, "birch"), [outcome, reason]);
        assert.deepEqual(answerAt(located, "birch").pointers, []);
        assert.deepEqual(
          network.entries("birch", located.requestId).map((entry) => [entry.kind, entry.outcome, entry.why]),
          [["answer", outcome, why]],
          "the holder was asked, and decided",
        );
        assert.equal(scopesOf(located).collaborative, false);
        assert.equal(located.exitCode, EXIT.partial);
      });
    }

    const WITHOUT_ASH = { areas: [BIRCH, CEDAR, DUNES, ELM], agreements: [{ between: ["birch", "cedar"] }] };
    const SUSPENDED = { areas: [{ ...ASH, status: "suspended" as const }, BIRCH, CEDAR, DUNES, ELM] };
    const removed: [what: string, change: Partial<NetworkOrder>, reason: string][] = [
      ["a member that the newer directory leaves out", WITHOUT_ASH, "not-recognised"],
      ["a member that the newer directory suspends", SUSPENDED, "not-admitted"],
    ];
    for (const [what, change, reason] of removed) {
      it(`${what} is refused by its peers within 2 s, without a restart`, async () => {
        assert.ok(isAnsweredBy("birch", "cedar")(await ask(network, known)), "over connections that are open already");
        await network.publish(change);
        const publishedMs = performance.now();
        let lastAnsweredMs = 0;
        await untilAnswered(
          (asked) => ["birch", "cedar"].every((id) => outcomeAt(asked, id)[0] === "unreachable"),
          async () => {
            const sentMs = performance.now() - publishedMs;
            const asked = await ask(network, known);
            if (["birch", "cedar"].some((id) => outcomeAt(asked, id)[0] === "records")) lastAnsweredMs = sentMs;
            return asked;
          },
        );
        assert.ok(lastAnsweredMs <= NOTICED_WITHIN_MS, `a question of ${lastAnsweredMs} ms later was answered`);
        const located = await locateAndNote(network, known);
        for (const id of ["birch", "cedar"]) {
          assert.deepEqual(outcomeAt(located, id), ["unreachable", reason]);
          assert.ok(wasNotAsked(id, located), `${id} let the question in`);
        }
        assert.deepEqual(outcomeAt(located, "ash"), ["records", ""], "its own people still see their own index");
      });
    }
  });
});

describe("an outcome that depends on what happens between nodes", () => {
  const AREAS: readonly AreaOrder[] = [
    { id: "ash", name: "Ashdale", collaborative: "north", region: "Upland" },
    { id: "birch", name: "Birchwood", collaborative: "north", region: "Upland" },
    { id: "cedar", name: "Cedarham", collaborative: "south", region: "Upland" },
    { id: "dunes", name: "Dunmere", collaborative: "south", region: "Lowland" },
    { id: "elm", name: "Elmstead", collaborative: "south", region: "Lowland" },
    { id: "fern", name: "Ferncliff", collaborative: "south", region: "Lowland" },
  ];
  const ids = AREAS.map(({ id }) => id);
  const known = aPerson(
    21,
    ADULT,
    ids.map((area) => ({ area, records: ["allergies"] })),
  );

  let network: TestNetwork;
  before(async function () {
    this.timeout(START_MS);
    network = await startNetwork({ areas: AREAS, agreements: [{ between: ids }], people: [known] });
  });
  after(async function () {
    this.timeout(START_MS);
    await network?.stop();
  });

  it("every area answers: exit 0, whole in every scope", async function () {
    this.timeout(TEST_MS);
    const located = await locateAndNote(network, known);
    for (const id of ids) assert.deepEqual(outcomeAt(located, id), ["records", ""]);
    assert.deepEqual(scopesOf(located), { collaborative: true, region: true, network: true });
    assert.equal(located.exitCode, EXIT.done);
  });

  it("whichever areas are frozen, a scope counts as answered only if none of them is in it", async function () {
    this.timeout(TEST_MS);
    const ways: readonly (readonly string[])[] = [
      ["birch"],
      ["cedar"],
      ["dunes"],
      ["birch", "cedar"],
      ["birch", "dunes"],
      ["cedar", "dunes"],
    ];
    for (const frozen of ways) {
      frozen.forEach((id) => network.mesh.node(id).process.pause());
      try {
        const asked = await ask(network, known, { answerByMs: 800 });
        for (const id of ids) assert.equal(outcomeAt(asked, id)[0], frozen.includes(id) ? "timed-out" : "records", id);
        assert.deepEqual(scopesOf(asked), {
          collaborative: !frozen.includes("birch"),
          region: !frozen.includes("birch") && !frozen.includes("cedar"),
          network: false,
        });
      } finally {
        frozen.forEach((id) => network.mesh.node(id).process.resume());
      }
    }
    const asked = await untilAnswered(
      (each) => scopesOf(each).network,
      () => ask(network, known),
    );
    assert.deepEqual(scopesOf(asked), { collaborative: true, region: true, network: true });
  });

  it("an area that comes back after the verdict is in the answers that came late, and both ends have it", async () => {
    network.mesh.node("cedar").process.pause();
    const asked = await ask(network, known, { answerByMs: 500 });
    network.mesh.node("cedar").process.resume();
    assert.deepEqual(outcomeAt(asked, "cedar"), ["timed-out", ""]);
    const late = await ask(network, known, { answerByMs: 5_000, lateOf: asked.requestId });
    assert.deepEqual(outcomeAt(late, "cedar"), ["records", ""]);
    assert.deepEqual(scopesOf(late), { collaborative: true, region: true, network: true });
    assert.equal(network.entries("cedar", asked.requestId).at(-1)?.outcome, "records");
    assert.deepEqual(network.entries("cedar", late.requestId), [], "nobody is asked anew");
    const nobody = { ...known, nhsNumber: "9000000009" };
    await assert.rejects(ask(network, nobody, { lateOf: asked.requestId }), { code: "invalid-input" });
  });

  describe("with one area frozen, one killed, one of another version and one with an old directory", function () {
    this.timeout(TEST_MS);
    let located: Located;
    before(async function () {
      this.timeout(START_MS);
      await Promise.all([network.startOtherVersion("elm"), network.keepManifest("fern", 15)]);
      network.mesh.node("cedar").process.pause();
      await network.mesh.node("dunes").process.kill();
      located = await locateAndNote(network, known);
    });
    after(async function () {
      this.timeout(START_MS);
      network.mesh.node("cedar").process.resume();
      await network.shareManifest("fern");
    });

    it("timed-out: a process that is frozen", () => {
      assert.deepEqual(outcomeAt(located, "cedar"), ["timed-out", ""]);
      assert.ok(located.verdict.sentence.includes("Cedarham (no answer in time)"));
    });

    it("unreachable: a process that was killed", () => {
      assert.deepEqual(outcomeAt(located, "dunes"), ["unreachable", ""]);
      assert.ok(located.verdict.sentence.includes("Dunmere (could not be reached)"));
    });

    it("incompatible: a process of another protocol version", () => {
      assert.deepEqual(outcomeAt(located, "elm"), ["incompatible", "version"]);
      assert.ok(located.verdict.sentence.includes("Elmstead (could not be asked: technical fault)"));
    });

    it("directory-stale: a process whose own manifest is fifteen days old", () => {
      assert.deepEqual(outcomeAt(located, "fern"), ["directory-stale", "theirs"]);
      assert.ok(located.verdict.sentence.includes("Ferncliff (could not be asked: technical fault)"));
    });

    it("resting: a process that gave five questions in a row no answer, and is then not waited for", async () => {
      const asked = await untilAnswered(
        (each) => ["cedar", "dunes"].every((id) => outcomeAt(each, id)[0] === "resting"),
        () => ask(network, known),
        TEST_MS,
      );
      for (const { outcome } of asked.verdict.areas) seen.add(outcome);
      for (const name of ["Cedarham", "Dunmere"]) {
        assert.ok(asked.verdict.sentence.includes(`${name} (could not be reached)`), asked.verdict.sentence);
      }
      for (const id of ["cedar", "dunes"]) assert.ok(answerAt(asked, id).elapsedMs < 100, "it costs nothing");
      assert.deepEqual(scopesOf(asked), { collaborative: true, region: false, network: false });
    });

    it("the answer is partial, says so, and those who answer are not kept waiting", () => {
      assert.equal(located.exitCode, EXIT.partial);
      assert.deepEqual(scopesOf(located), { collaborative: true, region: false, network: false });
      assert.match(located.verdict.sentence, /^2 of 6 areas answered; 2 hold records\. Not answered: /);
      for (const id of ["ash", "birch"]) {
        assert.deepEqual(outcomeAt(located, id), ["records", ""]);
        assert.ok(answerAt(located, id).elapsedMs < ANSWER_BY_MS / 2, `${id}: ${answerAt(located, id).elapsedMs} ms`);
      }
    });

    it("a person in a terminal is told the same, in plain words", async () => {
      const { stdout, exitCode } = await say(network, known);
      assert.equal(exitCode, EXIT.partial);
      for (const name of ["Cedarham", "Dunmere", "Elmstead", "Ferncliff"]) assert.ok(stdout.includes(name), stdout);
      assert.match(stdout, /This does not mean there is nothing else/);
      assert.doesNotMatch(
        stdout,
        /\b(?:refused|ruled out|incompatible|resting|dead letter|killed|peers?|holders?|permits?)\b/i,
      );
    });

    it("a killed node that starts again is asked again within seconds", async () => {
      await network.mesh.node("dunes").restart();
      const asked = await untilAnswered(
        (each) => outcomeAt(each, "dunes")[0] === "records",
        () => ask(network, known, { answerByMs: 500 }),
        FOUND_AGAIN_WITHIN_MS,
      );
      assert.equal(network.entries("dunes", asked.requestId)[0]?.outcome, "records");
    });
  });

  describe("with a directory of its own that is fifteen days old", function () {
    this.timeout(TEST_MS);
    before(async function () {
      this.timeout(START_MS);
      await network.keepManifest("ash", 15);
    });

    it("directory-stale: the asker asks nobody, says so, and still shows its own index", async () => {
      const located = await locateAndNote(network, known);
      assert.deepEqual(outcomeAt(located, "ash"), ["records", ""]);
      for (const id of ids.slice(1)) {
        assert.deepEqual(outcomeAt(located, id), ["directory-stale", "ours"]);
        assert.deepEqual(network.entries(id, located.requestId), []);
      }
      assert.deepEqual(scopesOf(located), { collaborative: false, region: false, network: false });
      assert.match(located.verdict.sentence, /^1 of 6 areas answered; 1 holds records\./);
      assert.match(located.verdict.sentence, /The list of areas was last confirmed 15 days ago\./);
      assert.equal(located.exitCode, EXIT.partial);
    });
  });
});

describe("the closed set of outcomes", () => {
  it("has arisen here from real causes, all but the one that a test of its own shows", () => {
    const later: readonly Outcome[] = ["possible-match"];
    assert.deepEqual(
      OUTCOMES.filter((outcome) => !seen.has(outcome)),
      later,
    );
  });
});

/** Takes the write lock of a node's audit, as a backup would, so that the node can append nothing. */
function lockAudit(network: TestNetwork, nodeId: string): { release(): void } {
  const db = new Sqlite(network.auditPath(nodeId));
  db.exec("BEGIN IMMEDIATE");
  return {
    release() {
      db.exec("ROLLBACK");
      db.close();
    },
  };
}

/** Lets a node's audit take questions but no answers: every attempt to add one fails. */
function refuseAnswers(network: TestNetwork, nodeId: string): { repair(): void } {
  const db = new Sqlite(network.auditPath(nodeId));
  db.exec(`CREATE TRIGGER answers_cannot_be_added BEFORE INSERT ON audit_log WHEN NEW.kind = 'answer'
    BEGIN SELECT RAISE(ABORT, 'as if the disk had failed'); END`);
  return {
    repair() {
      db.exec("DROP TRIGGER answers_cannot_be_added");
      db.close();
    },
  };
}
