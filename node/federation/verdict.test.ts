import assert from "node:assert/strict";

import { OUTCOMES, type Area, type AreaAnswer, type Outcome, type ProviderFeed, type Scope } from "../base/answer.ts";
import type { NodeId, OrganisationCode } from "../base/words.ts";
import { FIXED_LINE, OUTCOME_WORDS, closeWith, outcomeWords, type VerdictFacts } from "./verdict.ts";

const NOW = Date.UTC(2026, 10, 20, 3, 0);
const HOUR = 3_600_000;
const EVERYWHERE: readonly Scope[] = ["collaborative", "region", "network"];

const facts: VerdictFacts = {
  requestId: "r-1",
  asker: "wm-bsol" as NodeId,
  givenAtMs: NOW,
  directory: { sequence: 7, ageSeconds: 60, ageing: false },
};

const area = (name: string, scopes: readonly Scope[] = EVERYWHERE): Area => ({
  nodeId: name.toLowerCase().replaceAll(/[^a-z]/g, "") as NodeId,
  name,
  icsCodes: [],
  scopes,
  contact: "Record desk, 01632 960002",
});

const feeding: ProviderFeed = {
  code: "RRK" as OrganisationCode,
  name: "A trust",
  state: "feeding",
  lastReceivedAtMs: NOW,
};

const answer = (name: string, outcome: Outcome, change: Partial<AreaAnswer> = {}): AreaAnswer => ({
  area: area(name),
  outcome,
  reason: "",
  pointers: [],
  sealed: [],
  coverage: { providers: [feeding] },
  elapsedMs: 5,
  own: false,
  notOffered: [],
  morePointers: 0,
  ...change,
});

const outside = (name: string): AreaAnswer => ({
  ...answer(name, "not-in-network"),
  area: { name, icsCodes: [], scopes: [], contact: "" },
});

const provider = (name: string, state: ProviderFeed["state"], lastReceivedAtMs: number): ProviderFeed => ({
  code: name.toUpperCase().replaceAll(/[^A-Z]/g, "") as OrganisationCode,
  name,
  state,
  lastReceivedAtMs,
});

const sentence = (...answers: AreaAnswer[]): string => closeWith(facts, answers).sentence;

describe("a verdict", () => {
  it("says in one sentence what was covered and what was not", () => {
    const behind = provider("Worcestershire Acute Hospitals NHS Trust", "stale", NOW - 9 * HOUR - 1);
    const verdict = closeWith(facts, [
      answer("Birmingham and Solihull", "records", { own: true }),
      answer("Black Country", "records", { coverage: { providers: [behind] } }),
      answer("Shropshire, Telford and Wrekin", "records"),
      answer("Staffordshire and Stoke-on-Trent", "nothing-to-show"),
      answer("Coventry and Warwickshire", "timed-out"),
      answer("Herefordshire and Worcestershire", "unreachable"),
      outside("Lancashire and South Cumbria"),
    ]);
    assert.equal(
      verdict.sentence,
      "4 of 6 areas answered; 3 hold records. " +
        "Not answered: Coventry and Warwickshire (no answer in time); Herefordshire and Worcestershire (could not be reached). " +
        "Not connected to this network: Lancashire and South Cumbria. " +
        "Behind: Worcestershire Acute Hospitals NHS Trust, last received 9 hours ago.",
    );
    assert.equal(
      verdict.fixedLine,
      "This does not mean there is nothing else: records may be withheld, not yet connected, or held outside England.",
    );
    assert.equal(verdict.fixedLine, FIXED_LINE);
    assert.deepEqual(verdict.gaps, [{ nodeId: "blackcountry", provider: behind }]);
  });

  it("counts each scope by itself", () => {
    const near = answer("Near", "records");
    const far = { ...answer("Far", "timed-out"), area: area("Far", ["network"]) };
    const between = { ...answer("Between", "nothing-to-show"), area: area("Between", ["region", "network"]) };
    assert.deepEqual(closeWith(facts, [near, far, between]).scopes, [
      { scope: "collaborative", everyAreaAnswered: true, areas: 1, answered: 1 },
      { scope: "region", everyAreaAnswered: true, areas: 2, answered: 2 },
      { scope: "network", everyAreaAnswered: false, areas: 3, answered: 2 },
    ]);
  });

  it("counts an area as answered by the four outcomes only", () => {
    const answered = OUTCOMES.filter(
      (outcome) => closeWith(facts, [answer("A", outcome)]).scopes[2]?.everyAreaAnswered,
    );
    assert.deepEqual(answered, ["records", "nothing-to-show", "identity-check", "possible-match"]);
  });

  it("never calls a scope answered that has no area", () => {
    for (const { everyAreaAnswered } of closeWith(facts, []).scopes) assert.equal(everyAreaAnswered, false);
  });

  it("puts an area without a node in no scope", () => {
    const { scopes, areas } = closeWith(facts, [answer("A", "records"), outside("B")]);
    assert.ok(scopes.every(({ everyAreaAnswered, areas: count }) => everyAreaAnswered && count === 1));
    assert.deepEqual(areas[1], { name: "B", outcome: "not-in-network", elapsedMs: 5, reason: "", scopes: [] });
  });

  it("names gaps only of areas that answered, own area included", () => {
    const paused = { providers: [feeding, provider("Dudley", "paused", NOW - 50 * HOUR)] };
    const { gaps, sentence: said } = closeWith(facts, [
      answer("A", "nothing-to-show", { own: true, coverage: paused }),
      answer("B", "timed-out", { coverage: { providers: [provider("Unheard", "stale", 1)] } }),
    ]);
    assert.deepEqual(
      gaps.map(({ provider: { name } }) => name),
      ["Dudley"],
    );
    assert.match(said, /Paused: Dudley, last received 2 days ago\./);
  });

  it("says when something was last received, from minutes to days, and when never", () => {
    const ages: readonly (readonly [number, string])[] = [
      [NOW - 30_000, "last received just now"],
      [NOW + HOUR, "last received just now"],
      [NOW - 60_000, "last received 1 minute ago"],
      [NOW - 59 * 60_000, "last received 59 minutes ago"],
      [NOW - HOUR, "last received 1 hour ago"],
      [NOW - 47 * HOUR, "last received 47 hours ago"],
      [NOW - 72 * HOUR, "last received 3 days ago"],
      [0, "nothing received yet"],
    ];
    for (const [atMs, words] of ages) {
      const said = sentence(answer("A", "records", { coverage: { providers: [provider("P", "stale", atMs)] } }));
      assert.ok(said.endsWith(`Behind: P, ${words}.`), said);
    }
  });

  it("names a provider once, and five of many", () => {
    const names = ["Aa", "Bb", "Cc", "Dd", "Ee", "Ff", "Gg"];
    const providers = [feeding, ...names.map((name) => provider(name, "not-connected", 0))];
    const said = sentence(
      answer("A", "records", { coverage: { providers } }),
      answer("B", "records", { coverage: { providers } }),
    );
    assert.match(said, /Not connected: Aa; Bb; Cc; Dd; Ee; and 2 more\.$/);
  });

  it("does not soften a doubt about who the patient is", () => {
    assert.equal(sentence(answer("A", "nothing-to-show")), "1 of 1 area answered; nothing to show you.");
    assert.equal(
      sentence(answer("A", "nothing-to-show"), answer("B", "identity-check")),
      "2 of 2 areas answered. Check who this is: the number belongs to a record with a different name or date of birth in B.",
    );
    assert.match(
      sentence(answer("A", "possible-match")),
      /identity not confirmed, in A \(phone Record desk, 01632 960002\)\.$/,
    );
  });

  it("says of an area into which nobody feeds that nothing can be found there, however that was said", () => {
    const { coverage: _, ...silent } = answer("A", "nothing-to-show");
    const planned = { providers: [provider("P", "not-connected", 0), provider("Q", "paused", 0)] };
    const unfed = [
      silent,
      ...[{ providers: [] }, planned].map((coverage) => answer("A", "nothing-to-show", { coverage })),
    ];
    for (const each of unfed) {
      const verdict = closeWith(facts, [answer("Fed", "nothing-to-show"), each]);
      assert.match(
        verdict.sentence,
        /^2 of 2 areas answered; nothing to show you\. No provider feeds A: nothing can be found there\./,
      );
      assert.deepEqual(verdict.unfed, ["a"]);
      assert.ok(
        verdict.scopes.every(({ everyAreaAnswered }) => everyAreaAnswered),
        "it did answer",
      );
    }
  });

  it("says of an area whose feeds have stopped that nothing new can be found there", () => {
    const stopped = { providers: [provider("P", "paused", NOW - HOUR)] };
    for (const each of [
      answer("A", "nothing-to-show", { coverage: stopped }),
      answer("A", "records", { coverage: { providers: [] } }),
    ]) {
      const verdict = closeWith(facts, [each]);
      assert.match(verdict.sentence, /No provider feeds A: nothing new can be found there\./);
      assert.deepEqual(verdict.unfed, ["a"]);
    }
  });

  it("calls no area unfed that is only behind, or did not answer", () => {
    const behind = { providers: [provider("P", "stale", 0), provider("Q", "not-connected", 0)] };
    const { unfed, sentence: said } = closeWith(facts, [
      answer("A", "nothing-to-show", { coverage: behind }),
      answer("B", "timed-out", { coverage: { providers: [] } }),
      outside("C"),
    ]);
    assert.deepEqual(unfed, []);
    assert.doesNotMatch(said, /No provider feeds/);
  });

  it("says how the others were asked where no number was given", () => {
    const close = (identified: VerdictFacts["identified"]) =>
      closeWith({ ...facts, identified }, [answer("A", "nothing-to-show")]);
    assert.match(close("number-found").sentence, /asked with the NHS number that is held here for these details\.$/);
    assert.match(close("number-from-pds").sentence, /asked with the NHS number that the national demographics service/);
    assert.match(
      close("without-number").sentence,
      /Asked without an NHS number: none is held here for these details\.$/,
    );
    assert.doesNotMatch(close(undefined).sentence, /NHS number/);
    assert.ok(!("identified" in close("number-found")));
  });

  it("says where nobody answered, and how old an ageing directory is", () => {
    assert.match(
      sentence(answer("A", "resting")),
      /^0 of 1 area answered\. Not answered: A \(could not be reached\)\.$/,
    );
    const ageing = { ...facts, directory: { sequence: 7, ageSeconds: 30 * 3600, ageing: true } };
    assert.match(
      closeWith(ageing, [answer("A", "records")]).sentence,
      /list of areas was last confirmed 30 hours ago\.$/,
    );
  });
});

describe("the words of outcomes", () => {
  it("are there for each, and none is a word that clinicians must not see", () => {
    for (const outcome of OUTCOMES) {
      const words = outcomeWords({ outcome, reason: "", area: area("A") });
      assert.ok(words.startsWith(OUTCOME_WORDS[outcome]));
      assert.doesNotMatch(
        words,
        /refused|ruled out|incompatible|resting|dead letter|killed|peer|holder|permit|no other/i,
      );
    }
  });

  it("say that a whole area is not answered, where it is not the user's role or purpose", () => {
    const words = (reason: string): string => outcomeWords({ outcome: "refused", reason, area: area("A") });
    assert.equal(words("quarantined"), "Not available to your area at present");
    assert.equal(words("agreement-role"), "Not available to your role or purpose");
  });

  it("say why an area does not cover the question", () => {
    const words = (reason: string): string => outcomeWords({ outcome: "not-covered", reason, area: area("A") });
    assert.equal(words("under-18s"), "Does not cover under-18s");
    assert.equal(words("joining"), "Not connected yet");
    assert.equal(words("something-else"), "Not covered for this question");
    assert.equal(words("constructor"), "Not covered for this question");
  });
});
