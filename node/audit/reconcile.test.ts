import assert from "node:assert/strict";

import { seededRandom } from "../base/random.ts";
import { type NodeAudit, type PairedEntry, reconcile } from "./reconcile.ts";

const NODES = ["wm-bsol", "wm-cw", "wm-hw"];
const START_MS = Date.UTC(2026, 10, 20);
const REQUESTS = 10_000;

/** What each node writes down of so many questions, a second apart. */
function audits(count: number): Map<string, PairedEntry[]> {
  const random = seededRandom(7);
  const logs = new Map<string, PairedEntry[]>(NODES.map((id) => [id, []]));
  for (let n = 0; n < count; n++) {
    const asker = NODES[n % NODES.length]!;
    const atMs = START_MS + n * 1_000;
    const shared = { requestId: `r-${n}`, asker, holder: undefined, detail: undefined };
    const areas: [string, string, number][] = [[asker, "nothing-to-show", 1]];
    logs.get(asker)!.push({ ...shared, kind: "question", atMs, outcome: "permitted" });
    logs.get(asker)!.push({ ...shared, kind: "answer", holder: asker, atMs, outcome: "nothing-to-show" });
    for (const holder of NODES.filter((id) => id !== asker)) {
      const chance = random.fraction();
      const outcome = chance < 0.4 ? "records" : chance < 0.9 ? "nothing-to-show" : "timed-out";
      areas.push([holder, outcome, 12]);
      // A holder that answers too late has written its answer down all the same.
      if (outcome !== "timed-out" || chance > 0.95) {
        logs.get(holder)!.push({
          ...shared,
          kind: "answer",
          holder,
          atMs: atMs + 5,
          outcome: outcome === "records" ? outcome : "nothing-to-show",
        });
      }
    }
    const detail = JSON.stringify({ areas });
    logs.get(asker)!.push({ ...shared, kind: "outcomes", atMs: atMs + 20, outcome: "every-area-answered", detail });
  }
  return logs;
}

const asList = (logs: ReadonlyMap<string, readonly PairedEntry[]>): NodeAudit[] =>
  [...logs].map(([nodeId, entries]) => ({ nodeId, entries }));

describe("reconciling audits", () => {
  it(`A7: pairs every one of ${REQUESTS} questions, late and lost answers among them`, async () => {
    const { paired, otherEndMissing, unpaired } = await reconcile(asList(audits(REQUESTS)));
    assert.deepEqual({ paired, otherEndMissing, unpaired }, { paired: REQUESTS, otherEndMissing: 0, unpaired: [] });
  });

  it("sums up every pair of nodes, each way, with its differences", async () => {
    const logs = audits(3_000);
    without(logs, "wm-cw", "r-1500"); // asked by wm-bsol
    told(logs, "records", "r-1500");
    const { pairs, unpaired } = await reconcile(asList(logs));
    assert.deepEqual(
      pairs.map(({ asker, holder, differences }) => `${asker} ${holder} ${differences}`),
      [
        "wm-bsol wm-cw 1",
        ...["wm-bsol wm-hw", "wm-cw wm-bsol", "wm-cw wm-hw", "wm-hw wm-bsol", "wm-hw wm-cw"].map((each) => `${each} 0`),
      ],
    );
    assert.ok(pairs.every(({ answers }) => answers > 800 && answers < 1_000));
    assert.equal(unpaired.length, 1);
  });

  it("takes a question that ended at a protected patient for none, unless somebody answered it all the same", async () => {
    const at = { asker: "wm-bsol", holder: undefined, detail: undefined };
    const around = [START_MS, START_MS + 1_800_000].map((atMs) => ({
      ...{ ...at, requestId: `r${atMs}`, kind: "look", atMs, outcome: "" },
    }));
    const ended = { ...at, requestId: "r-1", atMs: START_MS + 900_000 };
    const own = [
      { ...ended, kind: "question", outcome: "permitted" },
      { ...ended, kind: "restricted", outcome: "restricted-record" },
    ];
    const answered = [{ ...ended, kind: "answer", holder: "wm-cw", outcome: "records" }];
    const held = (others: readonly PairedEntry[]) =>
      reconcile([
        { nodeId: "wm-cw", entries: [...around, ...others] },
        { nodeId: "wm-bsol", entries: [...around, ...own] },
      ]);
    const alone = await held([]);
    assert.deepEqual([alone.paired, alone.unpaired], [0, []]);
    assert.deepEqual(
      (await held(answered)).unpaired.map(({ what, holder }) => [what, holder]),
      [["no-question", "wm-cw"]],
    );
  });

  it("asks no holder for an answer that it was never asked for, or that its asker told otherwise", async () => {
    const at = { requestId: "r-1", asker: "wm-bsol", holder: undefined, detail: undefined, atMs: START_MS + 900_000 };
    const areas = [
      ["wm-cw", "nothing-to-show", 12],
      ["wm-hw", "nothing-to-show", 12],
    ];
    const told = (otherwise: object) => [
      ...[START_MS, START_MS + 1_800_000].map((atMs) => ({
        ...at,
        requestId: `r${atMs}`,
        kind: "look",
        atMs,
        outcome: "",
      })),
      { ...at, kind: "question", outcome: "permitted" },
      { ...at, kind: "outcomes", outcome: "every-area-answered", detail: JSON.stringify({ areas, ...otherwise }) },
    ];
    const others = [
      ["wm-cw", "records"],
      ["wm-hw", undefined],
    ] as const;
    const paired = async (otherwise: object): Promise<string[]> => {
      const { unpaired } = await reconcile([
        { nodeId: "wm-bsol", entries: told(otherwise) },
        ...others.map(([nodeId, outcome]) => ({
          nodeId,
          entries: [
            ...told({}).slice(0, 2),
            ...(outcome === undefined ? [] : [{ ...at, kind: "answer", holder: nodeId, outcome }]),
          ],
        })),
      ]);
      return unpaired.map(({ what, holder }) => `${what} ${holder}`);
    };
    assert.deepEqual(await paired({ otherwise: { "wm-cw": "records", "wm-hw": "not-asked" } }), []);
    assert.deepEqual(await paired({}), ["no-answer wm-hw", "told-otherwise wm-cw"]);
  });

  /** Takes entries of one request away at one node, or changes them. */
  async function spoil(change: (logs: Map<string, PairedEntry[]>, requestId: string) => void): Promise<string[]> {
    const logs = audits(1_000);
    const requestId = "r-501"; // asked by wm-bsol
    change(logs, requestId);
    const { unpaired } = await reconcile(asList(logs));
    return unpaired.map(({ what, requestId: id, holder }) => `${what} ${id} ${holder}`);
  }

  const without = (logs: Map<string, PairedEntry[]>, node: string, requestId: string, kind?: string): void => {
    const kept = logs
      .get(node)!
      .filter((entry) => entry.requestId !== requestId || (kind !== undefined && entry.kind !== kind));
    logs.set(node, kept);
  };
  const told = (logs: Map<string, PairedEntry[]>, outcome: string, of = "r-501"): void => {
    const log = logs.get("wm-bsol")!;
    const at = log.findIndex(({ requestId, kind }) => requestId === of && kind === "outcomes");
    const areas = [
      ["wm-bsol", "nothing-to-show", 1],
      ["wm-cw", outcome, 9],
      ["wm-hw", "timed-out", 9],
    ];
    log[at] = { ...log[at]!, detail: JSON.stringify({ areas }) };
  };

  it("A7: finds an answer to a question that its asker does not own up to", async () => {
    assert.deepEqual(await spoil((logs, id) => without(logs, "wm-bsol", id)), [
      "no-question r-501 wm-cw",
      "no-question r-501 wm-hw",
    ]);
  });

  it("A7: finds an answer that its holder does not own up to", async () => {
    const found = await spoil((logs, id) => {
      told(logs, "records");
      without(logs, "wm-cw", id);
    });
    assert.deepEqual(found, ["no-answer r-501 wm-cw"]);
  });

  it("A7: finds a question of which nobody wrote down what came of it", async () => {
    assert.deepEqual(await spoil((logs, id) => without(logs, "wm-bsol", id, "outcomes")), [
      "no-outcomes r-501 undefined",
    ]);
  });

  it("A7: finds a user who was told something else than was answered", async () => {
    assert.deepEqual(await spoil((logs) => told(logs, "identity-check")), ["told-otherwise r-501 wm-cw"]);
  });

  it("asks no answer of a holder whom the directory says not to ask", async () => {
    const found = await spoil((logs, id) => {
      told(logs, "no-agreement");
      without(logs, "wm-cw", id);
    });
    assert.deepEqual(found, []);
  });

  it("says of how many questions it cannot say anything, where an audit is not there", async () => {
    const logs = audits(300);
    logs.delete("wm-hw");
    const { paired, otherEndMissing, unpaired } = await reconcile(asList(logs));
    assert.equal(unpaired.length, 0);
    assert.equal(paired, 0);
    assert.equal(otherEndMissing, 299); // of one, neither of the others wrote anything down
  });
});
