import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";

import type { Client } from "@grpc/grpc-js";
import Sqlite from "better-sqlite3";

import { nodeDns } from "../../certs/profile.ts";
import { systemClock } from "../../node/base/clock.ts";
import { ANSWER_BYTES_MAX } from "../../node/wire/bounds.ts";
import { openChannel } from "../../node/wire/channel.ts";
import { fromClaim, fromPatient } from "../../node/wire/convert.ts";
import {
  FederationServiceService,
  type LocateRequest,
} from "../../node/wire/generated/corridor/v1/federation_service.ts";
import { clientContext, readCallerTls, readNodeTls } from "../../node/wire/tls-files.ts";
import { DOCTOR, claimOf, patientOf } from "../testing/asking.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { type Chance, makeChance } from "../testing/doors-mutations.ts";
import { type AskedByHand, type RawHolder, startRawHolder } from "./raw-holder.ts";
import { ASKER, type SixNodes, startSixNodes } from "./six-nodes.ts";

const START_MS = 60_000;
const NOBODY = { nhsNumber: "9000000009", birthDate: "1961-04-12" };
const LANES = 16;
/** What a node keeps back for its own reply. */
const KEPT_BACK_MS = 50;
/** The bar is 100 ms on a quiet machine; three times that beside other work. */
const STOPPED_WITHIN_MS = 3 * 100;
/** For how long the asker's audit is kept busy at times, so that part of a budget is spent before anybody is asked. */
const AUDIT_HELD_MS = 300;
/** What a message may be under way, to the node and on to the holder, beside other work: nobody can know of that time. */
const UNDER_WAY_MS = 100;

/** The peers that are stood in for. */
const HOLDERS = ["birch", "cedar"] as const;

describe("a question's time", () => {
  let nodes: SixNodes;
  let client: Client;
  const holders: RawHolder[] = [];
  const onAsked = new Map<string, (asked: AskedByHand) => void>();

  before(async function () {
    this.timeout(START_MS);
    nodes = await startSixNodes({ started: [ASKER] });
    for (const id of HOLDERS) {
      const files = readNodeTls(nodes.certsDir(id));
      holders.push(await startRawHolder(files, (asked) => onAsked.get(asked.requestId)?.(asked), nodes.port(id)));
    }
    client = openChannel({
      endpoint: `127.0.0.1:${nodes.port(ASKER)}`,
      serverName: nodeDns(nodes.domain, ASKER),
      context: clientContext(readCallerTls(nodes.callerDir(ASKER))),
      clock: systemClock,
      checkServer: () => undefined,
      answerBytesMax: ANSWER_BYTES_MAX,
    });
  });
  after(async function () {
    this.timeout(START_MS);
    client?.close();
    await Promise.all(holders.map((holder) => holder.close()));
    await nodes?.stop();
  });

  const rowN13 = {
    ...{ id: "N13", title: "is handed on as what is left of it, and nobody works on once its caller has left" },
    ...{ quick: 60, full: 1_000, slice: 500, timeoutMs: 300_000 },
  };
  catalogueRow(rowN13, async (trials) => {
    const seen = { handedOn: 0, late: 0, left: 0, marginMs: Infinity, stoppedMs: 0 };
    await locate(2_000, ({ answer }) => answer()).ended; // the connections are there
    const waiting = [...trials];
    const lane = async (): Promise<void> => {
      for (let trial = waiting.shift(); trial !== undefined; trial = waiting.shift()) {
        const chance = makeChance(crc32(trials.seed(trial)));
        if (trial % 2 === 0) await tryHandingOn(chance);
        else await tryLeaving(chance);
      }
    };
    const busy = new AbortController();
    const holding = holdAuditAtTimes(busy.signal);
    await Promise.all(Array.from({ length: LANES }, lane));
    busy.abort();
    await holding;
    assert.ok(seen.late > 0, "no question was held up before it was handed on");
    return {
      counts: { "handed on": seen.handedOn, "of these after a while": seen.late, "left by the caller": seen.left },
      worst: { "stopped after ms": seen.stoppedMs, "least kept back, ms, negated": -seen.marginMs },
    };

    /** Answered by everybody at once; what each was told is held against what the caller had left then. */
    async function tryHandingOn(chance: Chance): Promise<void> {
      const answerByMs = 1_000 + chance.upTo(1_000);
      const told: AskedByHand[] = [];
      const startedMs = performance.now();
      await locate(answerByMs, (asked) => {
        told.push(asked);
        asked.answer();
      }).ended;
      assert.equal(told.length, HOLDERS.length);
      for (const { answerByMs: toldMs, timeoutMs, arrivedMs } of told) {
        const leftMs = answerByMs - (arrivedMs - startedMs);
        const handedOnMs = Math.max(toldMs, timeoutMs);
        assert.ok(handedOnMs <= answerByMs - KEPT_BACK_MS, `${handedOnMs} of ${answerByMs} ms were handed on`);
        assert.ok(
          handedOnMs <= leftMs + UNDER_WAY_MS,
          `${handedOnMs} ms were handed on, ${leftMs.toFixed(1)} were left`,
        );
        seen.marginMs = Math.min(seen.marginMs, leftMs - handedOnMs);
        seen.handedOn++;
        if (answerByMs - leftMs > AUDIT_HELD_MS / 2) seen.late++;
      }
    }

    /** Nobody answers, and the caller leaves: the holders hear of it. */
    async function tryLeaving(chance: Chance): Promise<void> {
      const stopped: Promise<number>[] = [];
      let asked = (): void => {};
      const everybodyAsked = new Promise<void>((resolve) => (asked = resolve));
      const call = locate(10_000, ({ stream }) => {
        stopped.push(new Promise((resolve) => stream.once("close", () => resolve(performance.now()))));
        if (stopped.length === HOLDERS.length) asked();
      });
      await everybodyAsked;
      await sleep(chance.upTo(100));
      const leftMs = performance.now();
      call.leave();
      for (const stoppedAtMs of await Promise.all(stopped)) {
        assert.ok(stoppedAtMs >= leftMs, "stopped before the caller left");
        assert.ok(stoppedAtMs - leftMs <= STOPPED_WITHIN_MS, `stopped ${(stoppedAtMs - leftMs).toFixed(0)} ms later`);
        seen.stoppedMs = Math.max(seen.stoppedMs, stoppedAtMs - leftMs);
      }
      await call.ended;
      seen.left++;
    }
  });

  /** Asks on the one connection that a caller has; each holder's question is handed to `meet`. */
  function locate(answerByMs: number, meet: (asked: AskedByHand) => void) {
    const requestId = randomUUID();
    onAsked.set(requestId, meet);
    const request: LocateRequest = {
      patient: fromPatient(patientOf(NOBODY)),
      claim: fromClaim(claimOf(DOCTOR), "stated"),
      ...{ requestId, answerByMs, lateUntilMs: 0, lateOf: "" },
    };
    const { path, requestSerialize, responseDeserialize } = FederationServiceService.locate;
    const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, {
      deadline: Date.now() + answerByMs + 1_000,
    });
    const ended = new Promise<void>((resolve) => {
      call.resume().on("error", () => resolve());
      call.on("end", resolve);
    }).finally(() => onAsked.delete(requestId));
    return { ended, leave: () => call.cancel() };
  }

  async function holdAuditAtTimes(signal: AbortSignal): Promise<void> {
    const db = new Sqlite(join(nodes.folder, "nodes", ASKER, "data", "audit.db"));
    try {
      while (!signal.aborted) {
        db.exec("BEGIN IMMEDIATE");
        await sleep(AUDIT_HELD_MS);
        db.exec("ROLLBACK");
        await sleep(AUDIT_HELD_MS);
      }
    } finally {
      db.close();
    }
  }
});
