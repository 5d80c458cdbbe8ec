import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { openDatabase } from "../../node/storage/database.ts";
import { saidOf } from "../enumeration/stolen-key.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { METHOD, rawClient } from "../testing/doors-call.ts";
import { ASKER, type DoorNetwork, type DoorNode, makeDoorNetwork } from "../testing/doors-network.ts";
import { batch, header, peerBytes, peerQuestion } from "../testing/doors-questions.ts";
import { CAUSES, type Cause, PARAMEDIC, peopleToLoad, somebodyOf } from "./empty-causes.ts";
import type { TimingOrder, Timed } from "./timing-asker.ts";
import { differenceOf } from "./welch.ts";

const TIMING_ASKER = fileURLToPath(new URL("./timing-asker.ts", import.meta.url));
/** Above it two sets of times differ, says dudect. */
const T_MAX = 4.5;
const FULL = 20_000;
/** So much longer the control takes, at the full count; at fewer rounds a difference so small drowns in the noise. */
const SEEDED_MS = 0.1;
const SEEDED_MS_QUICK = 20;

describe("an answer that has nothing to show", () => {
  let network: DoorNetwork;
  let node: DoorNode;

  before(async function () {
    this.timeout(60_000);
    network = await makeDoorNetwork();
    node = await network.start();
    const feed = rawClient(node.port, network.callerTls("feed"));
    const loaded = await feed.call(METHOD.load, [header(), batch(1n, peopleToLoad())]);
    feed.close();
    assert.equal(loaded.code, 0, loaded.details);
  });
  after(async () => {
    await node?.kill();
    network?.remove();
  });

  it("is not what is said of somebody whose records may be shown", async () => {
    const asker = rawClient(node.port, network.nodeTls(ASKER));
    const ended = await asker.call(METHOD.answerLocate, [
      peerBytes(await peerQuestion(network, somebodyOf("held", 0), PARAMEDIC)),
    ]);
    asker.close();
    assert.equal(saidOf(ended), "OUTCOME_RECORDS");
  });

  catalogueRow(
    {
      ...{
        id: "X2",
        title: "absent, objected, hidden and restricted: bytes equal, times alike, a seeded difference found",
      },
      ...{ quick: 100, full: FULL, slice: FULL, timeoutMs: 3 * 3_600_000 },
    },
    async (trials) => {
      const isFull = trials.count === FULL;
      const before = whysIn(network);
      const { times, unlike, again } = await timed({
        ...{ port: node.port, certsDir: network.certsDir, rounds: trials.count, seed: trials.from + 1 },
        seededMs: isFull ? SEEDED_MS : SEEDED_MS_QUICK,
      });
      assert.equal(unlike, 0, "answers that are not alike, byte for byte");
      const after = whysIn(network);
      for (const why of Object.values(CAUSES)) {
        assert.ok((after[why] ?? 0) - (before[why] ?? 0) >= trials.count, `the audit knows of each: ${why}`);
      }

      const differences = Object.fromEntries(
        [...PAIRS, ["absent", "control"] as const].map(([one, other]) => [
          `${one} and ${other}`,
          differenceOf(times[one], times[other]),
        ]),
      );
      const { ["absent and control"]: control = 0, ...real } = differences;
      for (const [which, t] of Object.entries(real)) assert.ok(t < T_MAX, `${which} can be told apart: t is ${t}`);
      assert.ok(control > T_MAX, `a difference that is there is not found: t is ${control}`);
      return {
        counts: { pairs: trials.count, unlike, again },
        worst: { t: Math.max(...Object.values(real)), control },
      };
    },
  );
});

/** Every two of them. */
const PAIRS = (Object.keys(CAUSES) as Cause[]).flatMap((one, at, all) =>
  all.slice(at + 1).map((other) => [one, other] as const),
);

async function timed(order: TimingOrder): Promise<Timed> {
  const { stdout } = await promisify(execFile)(process.execPath, [TIMING_ASKER, JSON.stringify(order)], {
    maxBuffer: 64 * 2 ** 20,
  });
  return JSON.parse(stdout) as Timed;
}

/** How often the holder had nothing to show for each reason: known to its audit alone. */
function whysIn({ dataDir }: DoorNetwork): Readonly<Record<string, number>> {
  const db = openDatabase(join(dataDir, "audit.db"), { readonly: true });
  try {
    const rows = db
      .prepare<[], [string, number]>(
        "SELECT why, count(*) FROM audit_log WHERE outcome = 'nothing-to-show' GROUP BY why",
      )
      .raw();
    return Object.fromEntries(rows.all());
  } finally {
    db.close();
  }
}
