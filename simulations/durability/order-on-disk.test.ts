import assert from "node:assert/strict";
import { join } from "node:path";

import { catalogueRow } from "../testing/catalogue.ts";
import { type AckedBatch, makeAckedFeed } from "./acked-feed.ts";
import { readTrace, type SystemCall, targetOf, traceProcess, whyNoStrace } from "./strace.ts";
import { withNetwork } from "./with-network.ts";

const SOCKET_CALLS = new Set(["write", "writev", "sendmsg", "sendto"]);
const SYNCS = new Set(["fsync", "fdatasync"]);
/** strace's clock and ours are one, but it looks a moment later than the call. */
const CLOCKS_APART_MS = 0.5;
const PATIENTS = 3;

describe("an acknowledgement", () => {
  catalogueRow(
    {
      ...{ id: "D2", title: "leaves only when what it acknowledges, and that it does so, has been fsynced" },
      ...{ quick: 50, full: 1_000, cannot: whyNoStrace() },
    },
    (trials) =>
      withNetwork(async (network) => {
        const node = await network.start();
        const out = join(network.dir, "order.trace");
        const trace = await traceProcess(node.pid, { out, calls: "pwrite64,fsync,fdatasync,write,writev,sendmsg" });
        const feed = makeAckedFeed(network, { patients: PATIENTS, oneByOne: true });
        assert.equal(await feed.run(node.port, { batches: trials.count }), undefined);
        await trace.stop();
        await node.stop();
        assert.equal(feed.acked.length, trials.count);
        const calls = readTrace(out);
        for (const batch of feed.acked) checkOrder(calls, batch);
        return { counts: { acks: trials.count } };
      }),
  );
});

/**
 * Of one batch: its pages went to the log, the log was synced, the seal was written and synced, and only then were bytes
 * given to the socket of which its sender had the acknowledgement.
 */
function checkOrder(calls: readonly SystemCall[], { sentMs, ackedMs }: AckedBatch): void {
  const during = calls.filter((call) => call.startedMs > sentMs - CLOCKS_APART_MS && call.startedMs <= ackedMs + 1);
  const reply = during.findLast((call) => SOCKET_CALLS.has(call.name) && /^(?:TCP|socket)/.test(targetOf(call)));
  assert.ok(reply !== undefined, "the reply was seen");
  const [commit] = commitsIn(during).toSorted((one, other) => other.writes - one.writes);
  assert.ok(
    commit !== undefined && commit.writes > 2 * PATIENTS,
    "its commit was seen, whole, before the sender had it",
  );
  assert.ok(commit.sealedMs <= reply.startedMs, "the reply left before all was synced");
}

interface Commit {
  /** Pages and their headers written to the log. */
  readonly writes: number;
  /** When the seal had been synced, after the log had. */
  readonly sealedMs: number;
}

/** Commits, the work of jobs among them: a batch's is the one with the most pages. */
function commitsIn(calls: readonly SystemCall[]): Commit[] {
  const commits: Commit[] = [];
  let [writes, logSynced, sealWritten] = [0, false, false];
  for (const call of calls) {
    const target = targetOf(call);
    const isSync = SYNCS.has(call.name) && call.result === "0";
    if (target.endsWith("index.db-wal")) {
      if (isSync) logSynced = writes > 0;
      else [writes, logSynced] = [logSynced ? 1 : writes + 1, false];
    } else if (target.endsWith("index.db-seal")) {
      if (!isSync) sealWritten = logSynced;
      else if (sealWritten) {
        commits.push({ writes, sealedMs: call.endedMs });
        [writes, logSynced, sealWritten] = [0, false, false];
      }
    }
  }
  return commits;
}
