import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import type { NewEntry } from "../../../node/audit/audit-store.ts";
import { startCheckpoints } from "../../../node/audit/checkpoints.ts";
import { makeAssertionSigner } from "../../../node/trust/assertion.ts";
import { verifyLog } from "../../../node/audit/verify-log.ts";
import { systemClock } from "../../../node/base/clock.ts";
import { orderedUuid } from "../../../node/base/ordered-uuid.ts";
import { systemRandom } from "../../../node/base/random.ts";
import { openDatabase } from "../../../node/storage/database.ts";
import { startThreadExecutor } from "../../../node/storage/thread-executor.ts";
import type { Bench, Result, Row } from "../bench-row.ts";

const EVENTS = 1_000_000;
const QUICK_EVENTS = 100_000;
/** Answers that wait for their commit at once, as in a busy node. */
const IN_FLIGHT = 512;
const PER_SECOND_MIN = 20_000;
const BYTES_MAX = 400;
const VERIFY_SECONDS_MAX = 60;

const NAMES = ["audit, events group-committed", "audit, size of an event", "audit, verify 1 M events"] as const;

/** A holder's answers on their way into the log and its tree, by the store's own thread; then all of them verified. */
export const auditLog: Row = {
  names: NAMES,
  async measure(bench) {
    const folder = join(bench.folder, "audit");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, "audit.db");
    const events = bench.isQuick ? QUICK_EVENTS : EVENTS;
    try {
      const seconds = await append(file, events, bench);
      const db = openDatabase(file, { readonly: true });
      const bytes = bytesKept(db) / events;
      const startedMs = performance.now();
      const { faults, entries } = verifyLog(db);
      db.close();
      if (faults.length > 0 || entries !== events) throw new Error("the log that was just written is not whole");
      const verifySeconds = ((performance.now() - startedMs) / 1_000) * (EVENTS / events);
      return resultsOf(events, seconds, bytes, verifySeconds);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function resultsOf(events: number, seconds: number, bytes: number, verifySeconds: number): readonly Result[] {
  const none = { baseline: null, ratio: null };
  return [
    {
      ...{ name: NAMES[0], value: events / seconds, unit: "events/s", ...none, target: PER_SECOND_MIN },
      ...{ bar: `value >= ${PER_SECOND_MIN}/s`, met: events / seconds >= PER_SECOND_MIN },
      note: `${events} answers without evidence, ${IN_FLIGHT} in flight, each with its attempt, its leaf and its fsync; the tree signed every ten seconds`,
    },
    {
      ...{ name: NAMES[1], value: bytes, unit: "bytes", ...none, target: BYTES_MAX },
      ...{ bar: `value <= ${BYTES_MAX} bytes without evidence`, met: bytes <= BYTES_MAX },
      note: "what is kept, divided by the events: leaf, tree and index by request included; attempts, forgotten after ten minutes, are another 31 bytes",
    },
    {
      ...{ name: NAMES[2], value: verifySeconds, unit: "s", ...none, target: VERIFY_SECONDS_MAX },
      ...{ bar: `value <= ${VERIFY_SECONDS_MAX} s`, met: verifySeconds <= VERIFY_SECONDS_MAX },
    },
  ];
}

/** What stays: attempts are forgotten after ten minutes. */
function bytesKept(db: Database): number {
  return Number(db.prepare("SELECT sum(pgsize) FROM dbstat WHERE name NOT LIKE 'seen_attempt%'").pluck().get());
}

async function append(file: string, events: number, bench: Bench): Promise<number> {
  const executor = await startThreadExecutor({ file, store: "audit" });
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const signer = makeAssertionSigner(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  const checkpoints = await startCheckpoints({
    ...{ executor, clock: systemClock, ownKey: { name: "bench/audit", key: publicKey }, sign: signer.signNote },
    ...{ witnesses: () => [], alarm: (event) => bench.say(`  ${event}`) },
  });
  const startedMs = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < events) await executor.run("audit.append-answer", anAnswer(next++));
  };
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
    return (performance.now() - startedMs) / 1_000;
  } finally {
    await checkpoints.stop();
    await executor.close();
  }
}

function anAnswer(n: number): NewEntry & { readonly attemptId: string } {
  const wallMs = systemClock.wallMs();
  return {
    ...{ wallMs, kind: "answer", requestId: systemRandom.uuid(), attemptId: orderedUuid(systemRandom, wallMs) },
    ...{ permitId: systemRandom.uuid(), asker: "wm-cw", holder: "wm-bsol", userId: "900000000001", role: "R8000" },
    ...{ setting: "emergency", organisation: "RKB", assurance: "smartcard", purpose: "TREAT" },
    ...{ relationship: "attendance", relationshipReference: "A-1", trigger: "person", reason: null },
    ...{ patient: "t:AAAAAAAAAAAAAAAAAAAAAA", personId: null, outcome: "nothing-to-show", why: "none-held" },
    ...{ pointerIds: null, detail: null, evidencePayload: null, evidenceSignature: null, patientNonce: null },
    salt: systemRandom.bytes(16),
    ...(n % 2 === 0 && {
      personId: "p",
      outcome: "records",
      why: null,
      pointerIds: "AAAAAAAAAAAAAAAA BBBBBBBBBBBBBBBB",
    }),
  };
}
