import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { inspect } from "node:util";

import { type Client, Metadata } from "@grpc/grpc-js";

import { nodeDns } from "../../certs/profile.ts";
import { systemClock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { Log } from "../telemetry/log.ts";
import { HEADER_BYTES_MAX, REQUEST_BYTES_MAX } from "./bounds.ts";
import { type CallerClient, connectCaller } from "./caller-client.ts";
import { fromClaim, fromPatient } from "./convert.ts";
import { LocateRequest } from "./generated/corridor/v1/federation_service.ts";
import type { RunningServer } from "./server.ts";
import { connectTls, failureFrom, plainClient, sendBytes } from "./testing/a-call.ts";
import {
  type DoorStories,
  PATIENT_NUMBER,
  aClaim,
  aPatient,
  anAreaAnswer,
  onlyVerdict,
  openDoor,
} from "./testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, type WireNetwork, fastClock, makeWireNetwork } from "./testing/a-network.ts";

const ANSWER_LOCATE = "/corridor.v1.LocatorService/AnswerLocate";
const LOCATE = "/corridor.v1.FederationService/Locate";
const LOAD = "/corridor.v1.FeedService/Load";
const HEALTH_CHECK = "/grpc.health.v1.Health/Check";
const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const NOTHING = Buffer.alloc(0);

const QUESTION = { patient: aPatient(), claim: aClaim(), requestId: crypto.randomUUID(), answerByMs: 2_000 };

async function everything<T>(from: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of from) all.push(each);
  return all;
}

describe("the door's one ordered list", () => {
  let network: WireNetwork;
  let door: RunningServer;
  const clients: Client[] = [];
  const logged: string[] = [];
  const keep = (...line: unknown[]): void => void logged.push(inspect(line, { depth: 5 }));
  const log: Log = { info: keep, warn: keep, error: keep, with: () => log };
  const stories: { current: DoorStories } = { current: {} };

  before(async () => {
    network = await makeWireNetwork();
    door = await openDoor(
      network,
      {
        answerLocate: (question) => stories.current.answerLocate?.(question) ?? Promise.reject(new Error("none")),
        locate: (...asked) => (stories.current.locate ?? onlyVerdict)(...asked),
      },
      { log },
    );
  });
  after(async () => {
    for (const opened of clients) opened.close();
    await door.close(0);
    network.remove();
  });
  beforeEach(() => {
    stories.current = {};
    logged.length = 0;
  });

  function client(who: "node" | "demo" | "feed" | "operator", port = door.port): Client {
    const opened = plainClient(port, who === "node" ? network.nodeTls(ASKER) : network.callerTls(who));
    clients.push(opened);
    return opened;
  }

  const admitted: readonly [string, "node" | "demo" | "feed" | "operator", string][] = [
    [ANSWER_LOCATE, "node", "invalid-input"],
    [ANSWER_LOCATE, "demo", "not-permitted"],
    [ANSWER_LOCATE, "feed", "not-permitted"],
    [ANSWER_LOCATE, "operator", "not-permitted"],
    [LOCATE, "node", "not-permitted"],
    [LOCATE, "demo", "invalid-input"],
    [LOAD, "node", "not-permitted"],
    [LOAD, "demo", "not-permitted"],
    [LOAD, "operator", "not-permitted"],
  ];
  for (const [method, who, expected] of admitted) {
    it(`${method} of ${who}: ${expected}`, async () => {
      // A malformed request: whoever is refused never has it read.
      const failure = await failureFrom(sendBytes(client(who), method, Buffer.from([0xff])));
      assert.equal(failure.code, expected);
    });
  }

  it("knows no method that is not served", async () => {
    for (const method of [REFLECTION, "/corridor.v1.LocatorService/Everything", "/toString", "/__proto__/x"]) {
      assert.equal((await failureFrom(sendBytes(client("operator"), method, NOTHING))).code, "not-served", method);
    }
  });

  it("answers health to whoever has a certificate, member or not", async () => {
    const asker = network.directory.members.get(ASKER)!;
    network.directory.members.delete(ASKER);
    try {
      const serving = Buffer.from([0x08, 0x01]);
      assert.deepEqual(await sendBytes(client("node"), HEALTH_CHECK, NOTHING), serving);
      const locator = Buffer.concat([
        Buffer.from([0x0a, 27]),
        Buffer.from("corridor.v1.LocatorService\n".trim().padEnd(26)),
      ]);
      locator[1] = locator.length - 2;
      assert.deepEqual(await sendBytes(client("node"), HEALTH_CHECK, locator), serving);
    } finally {
      network.directory.members.set(ASKER, asker);
    }
  });

  it("asks the directory again for every call of an open connection", async () => {
    const asker = network.directory.members.get(ASKER)!;
    const same = client("node");
    assert.equal((await failureFrom(sendBytes(same, ANSWER_LOCATE, NOTHING))).code, "incompatible");
    try {
      network.directory.members.set(ASKER, { ...asker, status: "suspended" });
      assert.equal((await failureFrom(sendBytes(same, ANSWER_LOCATE, NOTHING))).code, "not-permitted");
      network.directory.members.set(ASKER, { ...asker, issuingCa: "0".repeat(64) });
      assert.equal((await failureFrom(sendBytes(same, ANSWER_LOCATE, NOTHING))).code, "not-authenticated");
      network.directory.members.delete(ASKER);
      assert.equal((await failureFrom(sendBytes(same, ANSWER_LOCATE, NOTHING))).code, "not-authenticated");
      network.directory.members.set(ASKER, asker);
      network.directory.state = "stale";
      assert.equal((await failureFrom(sendBytes(same, ANSWER_LOCATE, NOTHING))).code, "directory-stale");
    } finally {
      network.directory.state = "fresh";
      network.directory.members.set(ASKER, asker);
    }
    assert.equal((await failureFrom(sendBytes(same, ANSWER_LOCATE, NOTHING))).code, "incompatible");
  });

  describe("calls that are open when the directory lets somebody go", () => {
    const WATCH = "/grpc.health.v1.Health/Watch";
    /** The failure in which the call ends, once that member is removed; within the time that is promised. */
    async function failureOnceRemoved(id: string, call: Promise<unknown>): Promise<Failure> {
      const failure = failureFrom(call);
      const member = network.directory.members.get(id)!;
      await systemClock.sleep(200); // it is open
      network.directory.members.delete(id);
      const removedMs = systemClock.monotonicMs();
      try {
        const late = systemClock.sleep(5_000).then(() => assert.fail("the call is still open after 5 s"));
        return await Promise.race([failure, late]);
      } finally {
        network.directory.members.set(id, member);
        assert.ok(systemClock.monotonicMs() - removedMs < 5_000);
      }
    }

    it("end: a caller's locate, and the story with it", async () => {
      const told: string[] = [];
      stories.current = {
        async *locate(question) {
          try {
            told.push("asked");
            for (;;) {
              await systemClock.sleep(100);
              yield { kind: "answer", answer: anAreaAnswer({ reason: question.requestId }) };
            }
          } finally {
            told.push("left");
          }
        },
      };
      const caller = await connectCaller(callerTarget("demo"), systemClock);
      const failure = await failureOnceRemoved(HOLDER, everything(caller.locate({ ...QUESTION, answerByMs: 20_000 })));
      caller.close();
      await systemClock.sleep(200);
      assert.equal(failure.code, "not-authenticated");
      assert.deepEqual(told, ["asked", "left"]);
    });

    it("end: a watch over the node's health, which anyone may begin", async () => {
      const asIs = (bytes: Buffer): Buffer => bytes;
      const watch = client("node").makeServerStreamRequest(WATCH, asIs, asIs, NOTHING);
      const ended = new Promise((resolve, reject) => {
        watch
          .on("data", () => {})
          .on("end", resolve)
          .on("error", reject);
      });
      assert.equal((await failureOnceRemoved(ASKER, ended)).code, "not-authenticated");
    });

    it("go on where they are admitted still", async () => {
      const asIs = (bytes: Buffer): Buffer => bytes;
      const watch = client("node").makeServerStreamRequest(WATCH, asIs, asIs, NOTHING);
      let ended = false;
      watch.on("data", () => {}).on("error", () => (ended = true));
      await systemClock.sleep(2_500);
      assert.equal(ended, false);
      watch.cancel();
    });
  });

  it("refuses a request over 64 KiB, from a feeder too, and goes on", async () => {
    const large = Buffer.alloc(REQUEST_BYTES_MAX + 1);
    assert.equal((await failureFrom(sendBytes(client("node"), ANSWER_LOCATE, large))).code, "overloaded");
    const locate = await failureFrom(sendBytes(client("feed"), LOCATE, large));
    assert.equal(locate.code, "overloaded");
    assert.match(locate.message, /65536 bytes/);
    await sendBytes(client("node"), HEALTH_CHECK, NOTHING);
  });

  for (const [what, bytes] of [
    ["cut short", Buffer.from([0x0a, 0x7f, 0x01])],
    ["with an impossible tag", Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ["with field number 0", Buffer.from([0x00, 0x01])],
    ["of another type", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["nested too deep", Buffer.alloc(60_000, 0x0b)],
  ] as const) {
    it(`refuses a message ${what}`, async () => {
      const failure = await failureFrom(sendBytes(client("demo"), LOCATE, bytes));
      assert.equal(failure.code, "invalid-input");
      await sendBytes(client("node"), HEALTH_CHECK, NOTHING);
    });
  }

  it("refuses a request with a field that is not known, at the callers' door", async () => {
    const question = {
      patient: fromPatient(aPatient()),
      claim: fromClaim(aClaim(), "stated"),
      requestId: "",
      answerByMs: 0,
      lateUntilMs: 0,
      lateOf: "",
    };
    const known = Buffer.from(LocateRequest.encode(question).finish());
    const unknown = Buffer.concat([known, Buffer.from([0xf8, 0x07, 0x01])]);
    const failure = await failureFrom(sendBytes(client("demo"), LOCATE, unknown));
    assert.equal(failure.code, "invalid-input");
    assert.match(failure.message, /fields that are not known here/);
    // Number and demographics at once: protobuf alone would keep the last and say nothing.
    const patient = Buffer.concat([
      Buffer.from([0x0a, 0x0c, 0x0a, 0x0a]),
      Buffer.from(PATIENT_NUMBER),
      Buffer.from([0x12, 0x03, 0x0a, 0x01, 0x41]),
    ]);
    const both = Buffer.concat([Buffer.from([0x0a, patient.length]), patient]);
    assert.equal((await failureFrom(sendBytes(client("demo"), LOCATE, both))).code, "invalid-input");
  });

  it("refuses headers beyond their bound", async () => {
    const metadata = new Metadata();
    metadata.set("x-long", "x".repeat(HEADER_BYTES_MAX));
    const failure = await failureFrom(sendBytes(client("node"), HEALTH_CHECK, NOTHING, { metadata }));
    assert.equal(failure.code, "overloaded");
  });

  const mistakes: readonly [string, () => Promise<never>][] = [
    [
      "throws at once",
      () => {
        throw new TypeError(`a mistake about ${PATIENT_NUMBER}`);
      },
    ],
    ["rejects later", () => systemClock.sleep(1).then(() => Promise.reject(new Error(`about ${PATIENT_NUMBER}`)))],
    // oxlint-disable-next-line prefer-promise-reject-errors -- a library might
    ["rejects with no error at all", () => Promise.reject(undefined)],
  ];
  for (const [what, mistake] of mistakes) {
    it(`lives on when a story ${what}, and tells nobody outside what went wrong`, async () => {
      stories.current = {
        // oxlint-disable-next-line require-yield -- it never gets so far
        async *locate() {
          await mistake();
        },
      };
      const caller = await connectCaller(callerTarget("demo"), systemClock);
      const failure = await failureFrom(everything(caller.locate(QUESTION)));
      caller.close();
      assert.equal(failure.code, "internal");
      assert.ok(!failure.message.includes(PATIENT_NUMBER) && !failure.message.includes("mistake"));
      assert.ok(
        logged.some((line) => line.includes("call-failed")),
        "the operator's log has it",
      );
    });
  }

  it("lives on when a story throws instead of giving a generator", async () => {
    stories.current = {
      locate: () => {
        throw new Error("a mistake");
      },
    };
    const caller = await connectCaller(callerTarget("demo"), systemClock);
    assert.equal((await failureFrom(everything(caller.locate(QUESTION)))).code, "internal");
    caller.close();
  });

  it("gives a story's own failure with its field", async () => {
    stories.current = {
      // oxlint-disable-next-line require-yield -- it refuses
      async *locate() {
        throw new Failure("not-permitted", "Not this role.", { where: "claim.role" });
      },
    };
    const caller = await connectCaller(callerTarget("demo"), systemClock);
    const failure = await failureFrom(everything(caller.locate(QUESTION)));
    caller.close();
    assert.deepEqual([failure.code, failure.message, failure.where], ["not-permitted", "Not this role.", "claim.role"]);
  });

  it("refuses a call whose time is over before it is read", async () => {
    const raw = await connectTls(door.port, network.nodeTls(ASKER));
    const gone = http2.connect("https://door", { createConnection: () => raw });
    gone.on("error", () => {});
    const stream = gone.request({
      ":method": "POST",
      ":path": ANSWER_LOCATE,
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": "0n",
    });
    const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
    assert.equal(headers["grpc-status"], "4");
    gone.destroy();
  });

  function callerTarget(name: "demo" | "feed" | "operator") {
    return { host: "127.0.0.1", port: door.port, certsDir: network.callerDir(name) };
  }

  describe("with a clock fifty times as fast", () => {
    let fast: RunningServer;
    let caller: CallerClient;
    let stopped: boolean;

    before(async () => {
      stopped = false;
      fast = await openDoor(
        network,
        {
          async *locate(question) {
            try {
              await systemClock.sleep(60_000, question.requestId === "" ? AbortSignal.abort() : hang.signal);
              yield* onlyVerdict(question);
            } finally {
              stopped = true;
            }
          },
        },
        { clock: fastClock(50), log },
      );
      caller = await connectCaller(
        { host: "127.0.0.1", port: fast.port, certsDir: network.callerDir("demo") },
        systemClock,
      );
    });
    const hang = new AbortController();
    after(async () => {
      hang.abort();
      caller.close();
      await fast.close(0);
    });

    it("ends a call that its story does not, at the method's limit", async () => {
      const startedMs = systemClock.monotonicMs();
      const failure = await failureFrom(everything(caller.locate({ ...QUESTION, answerByMs: 30_000 })));
      const lastedMs = systemClock.monotonicMs() - startedMs;
      assert.equal(failure.code, "timed-out");
      assert.ok(lastedMs < 3_000, `${lastedMs} ms for a minute at fifty times`);
      hang.abort();
      for (let waits = 0; waits < 100 && !stopped; waits++) await systemClock.sleep(20);
      assert.ok(stopped, "the story was told to stop");
    });

    it("ends a call whose request never comes", async () => {
      const raw = await connectTls(fast.port, network.nodeTls(ASKER));
      const session = http2.connect("https://door", { createConnection: () => raw });
      session.on("error", () => {});
      const stream = session.request({
        ":method": "POST",
        ":path": ANSWER_LOCATE,
        ":authority": nodeDns(DOMAIN, HOLDER),
        "content-type": "application/grpc",
        te: "trailers",
      });
      stream.write(Buffer.from([0, 0, 0, 1, 0, 1])); // the head of a message, and one byte of it
      const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
      assert.equal(headers["grpc-status"], "4");
      session.destroy();
    });
  });

  it("drops an answer that nobody takes off the wire", async () => {
    const fast = await openDoor(network, {}, { clock: fastClock(50), log });
    const raw = await connectTls(fast.port, network.nodeTls(ASKER));
    const session = http2.connect("https://door", { createConnection: () => raw, settings: { initialWindowSize: 0 } });
    session.on("error", () => {});
    const stream = session.request({
      ...{ ":method": "POST", ":path": HEALTH_CHECK, "content-type": "application/grpc", te: "trailers" },
    });
    stream.end(Buffer.alloc(5));
    stream.on("error", () => {});
    await once(stream, "close");
    assert.equal(stream.rstCode, http2.constants.NGHTTP2_CANCEL);
    session.destroy();
    await fast.close(0);
  });

  it("says that it is draining, lets a call finish, then ends", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isAsked = (): void => {};
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve;
    });
    const draining = await openDoor(network, {
      async *locate(question) {
        isAsked();
        await held;
        yield* onlyVerdict(question);
      },
    });
    const target = { host: "127.0.0.1", port: draining.port, certsDir: network.callerDir("demo") };
    const caller = await connectCaller(target, systemClock);
    const events = everything(caller.locate(QUESTION));
    await asked;
    const closed = draining.close(5_000);
    await systemClock.sleep(50);
    const late = await connectCaller(target, systemClock);
    assert.equal((await failureFrom(everything(late.locate(QUESTION)))).code, "unreachable");
    release();
    assert.equal((await events).length, 1);
    await closed;
    caller.close();
    late.close();
  });

  it("ends what does not finish in its grace", async () => {
    const stuck = await openDoor(network, {
      // oxlint-disable-next-line require-yield -- it never ends by itself
      async *locate() {
        await new Promise(() => {});
      },
    });
    const target = { host: "127.0.0.1", port: stuck.port, certsDir: network.callerDir("demo") };
    const caller = await connectCaller(target, systemClock);
    const failure = failureFrom(everything(caller.locate(QUESTION)));
    await systemClock.sleep(100);
    const startedMs = systemClock.monotonicMs();
    await stuck.close(200);
    assert.ok(systemClock.monotonicMs() - startedMs < 1_000);
    assert.ok(["unreachable", "internal", "timed-out"].includes((await failure).code));
    caller.close();
  });
});
