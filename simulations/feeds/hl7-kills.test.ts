import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";

import { seededRandom } from "../../node/base/random.ts";
import { openDatabase } from "../../node/storage/database.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { type FedNode, startFedNode } from "./a-fed-node.ts";

/** Longest time from the first message to the kill. */
const KILL_WITHIN_MS = 300;

/** What the file holds of one patient. */
interface Held {
  readonly versions: number;
  /** Of the attendance; null where there is none. */
  readonly state: string | null;
  /** How often anything was said of it. */
  readonly words: number;
}

/** A message, how it is answered, and what is held of its patient from then on. */
interface Step {
  readonly localId: string;
  readonly text: string;
  readonly code: "AA" | "AE";
  readonly leaves: Held;
}

describe("a node that is fed by HL7 and killed", function () {
  this.timeout(60_000);
  let fed: FedNode;
  before(async () => (fed = await startFedNode()));
  after(() => fed?.stop());

  /** A patient comes and goes; then something that nobody can take. */
  function stepsOf(localId: string): readonly Step[] {
    const visit = `V${localId}`;
    const admitted = { familyName: "Trial", givenName: "Robin", birthDate: "1961-04-12", visit };
    const gone = { versions: 1, state: "closed", words: 2 };
    return [
      {
        localId,
        text: fed.message("A01", localId, admitted),
        code: "AA",
        leaves: { ...gone, state: "open", words: 1 },
      },
      { localId, text: fed.message("A03", localId, { visit }), code: "AA", leaves: gone },
      { localId, text: fed.message("A40", localId, { otherId: `${localId}-nobody` }), code: "AE", leaves: gone },
    ];
  }

  /** @returns what is held of each of these patients, and how many letters there are. */
  function lookAt(localIds: readonly string[]): { readonly held: ReadonlyMap<string, Held>; readonly letters: number } {
    const db = openDatabase(join(fed.network.dataDir, "index.db"), { readonly: true });
    const find = db.prepare<{ localId: string }, Held>(
      `SELECT (SELECT count(*) FROM identity_record WHERE local_id = :localId) AS versions,
         (SELECT state FROM encounter WHERE local_id = :localId) AS state,
         (SELECT count(*) FROM encounter_event JOIN encounter USING (encounter_no) WHERE local_id = :localId) AS words`,
    );
    const held = new Map(localIds.map((localId) => [localId, find.get({ localId })!]));
    const letters = db.prepare<[], number>("SELECT count(*) FROM dead_letter").pluck().get() ?? 0;
    db.close();
    return { held, letters };
  }

  /** @returns those that were answered; of the steps that are made, all but the last. */
  async function feedUntilKilled(
    steps: Generator<Step>,
    killAfterMs: number,
  ): Promise<{ made: Step[]; answered: Step[] }> {
    const line = await fed.line();
    const killed = sleep(killAfterMs).then(() => fed.node().kill());
    const [made, answered]: [Step[], Step[]] = [[], []];
    for (const step of steps) {
      made.push(step);
      const answer = await line.send(step.text).catch(() => undefined);
      if (answer === undefined) break;
      assert.equal(answer.code, step.code, answer.text);
      answered.push(step);
    }
    await killed;
    line.close();
    return { made, answered };
  }

  catalogueRow(
    {
      id: "F3",
      title: "what was answered is there, once, a dead letter too, and what was not is taken when it is sent again",
      ...{ quick: 3, full: 200, timeoutMs: 300_000 },
    },
    async (trials) => {
      let [all, letters] = [0, lookAt([]).letters];
      for (const trial of trials) {
        const steps = function* (): Generator<Step> {
          for (let place = 0; ; place++) yield* stepsOf(`K${trial}-${place}`);
        };
        const killAfterMs = 20 + KILL_WITHIN_MS * seededRandom(crc32(trials.seed(trial))).fraction();
        const { made, answered } = await feedUntilKilled(steps(), killAfterMs);
        await fed.restart();

        const lastOf = (some: readonly Step[]) => new Map(some.map((step) => [step.localId, step.leaves]));
        const lettersOf = (some: readonly Step[]): number => some.filter(({ code }) => code === "AE").length;
        const wanted = lastOf(answered);
        const unanswered = made.at(-1)!.localId;
        const kept = lookAt([...wanted.keys()]);
        for (const [localId, leaves] of wanted) {
          if (localId !== unanswered) assert.deepEqual(kept.held.get(localId), leaves, `${localId} was answered`);
        }
        assert.ok(kept.letters >= letters + lettersOf(answered), "each letter that was answered");

        const line = await fed.line();
        for (const { text, code } of made.slice(-2)) assert.equal((await line.send(text)).code, code, "sent again");
        line.close();
        const after = lookAt([...lastOf(made).keys()]);
        assert.deepEqual(after.held, lastOf(made), "everything once");
        assert.equal(after.letters, letters + lettersOf(made), "each letter once");
        letters = after.letters;
        all += answered.length;
      }
      assert.ok(all > 0, "some were answered before");
      return { counts: { answered: all } };
    },
  );
});
