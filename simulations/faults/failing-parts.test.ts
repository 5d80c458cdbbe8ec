import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import type { AuditEntry } from "../../node/audit/audit-reader.ts";
import type { AreaAnswer, LocateEvent } from "../../node/base/answer.ts";
import { BirthDate } from "../../node/base/birth-date.ts";
import { systemClock, today } from "../../node/base/clock.ts";
import { Failure, type FailureCode } from "../../node/base/failure.ts";
import { NhsNumber } from "../../node/base/nhs-number.ts";
import type { FeedItem } from "../../node/requests/load-batch.ts";
import { anIdentity } from "../../node/testing/an-index.ts";
import { type CallerClient, connectCaller } from "../../node/wire/caller-client.ts";
import { PATIENT_BORN, PATIENT_NUMBER, aClaim } from "../../node/wire/testing/a-door.ts";
import { type WireNetwork, impatientClock, makeWireNetwork } from "../../node/wire/testing/a-network.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { type Asker, makeAsker } from "./a-peer.ts";
import { type FailPoint, FAULT_TEXT, FailPoints } from "./fail-points.ts";
import { type FailingNode, RESTRICTED_NUMBER, startFailingNode } from "./failing-node.ts";

/** Not shorter: the first call on a cold process takes a while. */
const ANSWER_BY_MS = 400;
/** A verdict that cannot be signed is given up by its caller, three seconds after it was due. */
const ENDED_WITHIN_MS = ANSWER_BY_MS + 3_000 + 3 * 100;
/** Of feeders, who wait a minute for an acknowledgement: so many times as fast. */
const FEEDER_HASTE = 200;

/** The failures that a story may end in: fixed words, or its own, which say nothing of what is inside. */
const MEANT: ReadonlySet<FailureCode> = new Set<FailureCode>([
  "internal",
  "store-unavailable",
  "timed-out",
  "role-refused",
  "restricted-record",
]);

const ANSWERING = "answer a peer";

/** How a story ended for whoever had it told. */
interface End {
  readonly requestId: string;
  readonly failure?: Failure;
  /** What was shown, in so many areas or acknowledgements. */
  readonly shown: readonly (AreaAnswer | "acknowledged")[];
  readonly whole: boolean;
}

describe("a function that a story was handed", () => {
  let network: WireNetwork;
  let node: FailingNode;
  let caller: CallerClient;
  let feeder: CallerClient;
  let asker: Asker;
  const points = new FailPoints();
  const decisions = { refuse: false };
  const lost: unknown[] = [];
  const noteLost = (reason: unknown): void => void lost.push(reason);

  before(async () => {
    network = await makeWireNetwork();
    node = await startFailingNode(network, points, decisions);
    const at = { host: "127.0.0.1", port: node.port };
    caller = await connectCaller({ ...at, certsDir: network.callerDir("demo") }, systemClock);
    feeder = await connectCaller({ ...at, certsDir: network.callerDir("feed") }, impatientClock(FEEDER_HASTE));
    asker = makeAsker(network);
    process.on("unhandledRejection", noteLost);
  });
  after(async () => {
    process.off("unhandledRejection", noteLost);
    for (const each of [caller, feeder, asker]) each?.close();
    await node?.close();
    network?.remove();
  });

  const STORIES: Readonly<Record<string, () => Promise<End>>> = {
    locate: () => tellLocate(PATIENT_NUMBER),
    "locate somebody restricted": () => tellLocate(RESTRICTED_NUMBER),
    async "locate without the right to"() {
      decisions.refuse = true;
      try {
        return await tellLocate(PATIENT_NUMBER);
      } finally {
        decisions.refuse = false;
      }
    },
    [ANSWERING]: tellAnswer,
    load: tellLoad,
  };

  const row = {
    ...{ id: "P12", title: "fails at any of its calls: the node lives on, says nothing of it, and the audit has it" },
    // Every point, each time: there are some dozens of each story.
    ...{ quick: Object.keys(STORIES).length, full: Object.keys(STORIES).length, timeoutMs: 300_000 },
  };
  catalogueRow(row, async (trials) => {
    const counts: Record<string, number> = {};
    for (const trial of trials) {
      const [story, tell] = Object.entries(STORIES)[trial]!;
      points.arm();
      await tell(); // connections are there
      points.arm();
      checkEnd(await tell(), undefined, story);
      const all = points.seen();
      assert.ok(all.length > 3, `${story} was handed ${all.length} functions`);
      counts[story] = all.length;
      for (const point of all) await tryPoint(point, story, tell);
    }
    return { counts };
  });

  async function tryPoint(point: FailPoint, story: string, tell: () => Promise<End>): Promise<void> {
    const what = `${story}: ${point.name}, call ${point.call}, ${point.mode}`;
    points.arm(point);
    const startedMs = performance.now();
    const end = await tell();
    const tookMs = performance.now() - startedMs;
    assert.ok(points.hasFailed, `${what} did not fail`);
    assert.ok(tookMs <= ENDED_WITHIN_MS, `${what} took ${tookMs.toFixed(0)} ms`);
    points.arm();
    checkEnd(end, point, what);
    // A holder's own failure is final: it is told as one, and not taken for a broken connection and asked again.
    if (story === ANSWERING) assert.ok(end.failure !== undefined, `${what}: nothing was said of it`);
    const entries = await node.entries(end.requestId);
    checkAudit(end, point, entries, what);
    assert.deepEqual(lost.splice(0), [], `${what}: a rejection was lost, which ends a node`);
    const next = await tell();
    assert.deepEqual(
      [next.failure?.code, next.whole],
      [NORMALLY[story], NORMALLY[story] === undefined],
      `after ${what}`,
    );
  }

  const NORMALLY: Readonly<Record<string, FailureCode | undefined>> = {
    "locate somebody restricted": "restricted-record",
    "locate without the right to": "role-refused",
  };

  function checkEnd({ failure, whole }: End, point: FailPoint | undefined, what: string): void {
    if (failure === undefined) {
      assert.ok(whole, `${what}: ended without a word`);
      return;
    }
    assert.ok(MEANT.has(failure.code), `${what}: ${failure.code}: ${failure.message}`);
    for (const secret of [FAULT_TEXT, PATIENT_NUMBER]) assert.ok(!failure.message.includes(secret), what);
    if (failure.code === "internal") assert.match(failure.message, /^Something went wrong inside the node/, what);
    if (point?.mode === "hang") assert.notEqual(failure.code, "internal", what);
  }

  function checkAudit(
    { requestId, shown, failure, whole }: End,
    { name, mode }: FailPoint,
    entries: readonly AuditEntry[],
    what: string,
  ): void {
    const kinds = entries.map(({ kind }) => kind);
    const records = shown.filter((each) => each !== "acknowledged" && each.outcome === "records");
    if (records.length > 0) assert.ok(kinds.includes("answer"), `${what}: shown, and not in the audit`);
    const before = node.asked.get(requestId);
    if (before !== undefined) assert.equal(before[0]?.kind, "question", `${what}: asked before the audit had it`);
    const isAuditItself = /\.record(?:Question|Restricted|Outcomes|Answer|Failure)$/.test(name);
    if (isAuditItself) return;
    if (kinds.includes("question") && !kinds.includes("restricted")) {
      const end = entries.find(({ kind }) => kind === "outcomes");
      assert.ok(end !== undefined, `${what}: the audit does not have its end`);
      const broke = failure !== undefined && !whole && !name.endsWith(".signVerdict");
      if (broke) assert.deepEqual([end.outcome, end.why], ["failed", "internal"], what);
      else assert.notEqual(end.outcome, "failed", what);
    }
    if (name.startsWith("answer.") && mode === "throw") {
      assert.deepEqual(
        entries.map(({ kind, outcome, why }) => [kind, outcome, why]).filter(([kind]) => kind === "outcomes"),
        [["outcomes", "failed", "internal"]],
        what,
      );
    }
  }

  async function tellLocate(number: string): Promise<End> {
    const requestId = randomUUID();
    const nhsNumber = NhsNumber.parse(number)!;
    const birthDate = BirthDate.parse(PATIENT_BORN, today(systemClock))!;
    const patient = { by: "number" as const, nhsNumber, birthDate };
    const shown: AreaAnswer[] = [];
    let verdict: LocateEvent | undefined;
    const failure = await failureIn(async () => {
      const events = caller.locate({ patient, claim: aClaim(), requestId, answerByMs: ANSWER_BY_MS });
      for await (const event of events) {
        if (event.kind === "answer") shown.push(event.answer);
        else verdict = event;
      }
    });
    return { requestId, shown, whole: verdict !== undefined, ...(failure && { failure }) };
  }

  async function tellAnswer(): Promise<End> {
    const requestId = randomUUID();
    let outcome: string | undefined;
    const failure = await failureIn(async () => {
      ({ outcome } = await asker.ask(node.port, requestId, ANSWER_BY_MS));
    });
    const shown = outcome === "records" ? [{ outcome } as AreaAnswer] : [];
    return { requestId, shown, whole: outcome === "records", ...(failure && { failure }) };
  }

  let loads = 0;
  async function tellLoad(): Promise<End> {
    const name = `load-${loads++}`;
    const before = node.kept();
    const shown: "acknowledged"[] = [];
    async function* batches(): AsyncGenerator<readonly FeedItem[]> {
      for (const batch of ["a", "b"]) yield [anIdentity({ localId: `${name}-${batch}` }) as FeedItem];
    }
    let whole = false;
    const failure = await failureIn(async () => {
      for await (const _ of feeder.load({ name, asOfMs: 0 }, batches())) shown.push("acknowledged");
      whole = true;
    });
    assert.ok(node.kept() - before >= shown.length, "acknowledged, and not kept");
    return { requestId: name, shown, whole, ...(failure && { failure }) };
  }
});

async function failureIn(work: () => Promise<void>): Promise<Failure | undefined> {
  try {
    await work();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown;
    throw thrown;
  }
}
