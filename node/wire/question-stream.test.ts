import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { type Client, type ClientDuplexStream, Server, ServerCredentials } from "@grpc/grpc-js";
import fc from "fast-check";

import type { Member } from "../../topology/manifest.ts";
import type { HolderAnswer } from "../base/answer.ts";
import { systemClock } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import type { Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import { systemRandom } from "../base/random.ts";
import { PROTOCOL } from "../base/words.ts";
import type { PeerQuestion } from "../requests/answer-locate.ts";
import { verifyAssertion } from "../trust/assertion.ts";
import { fromClaim, fromPatient } from "./convert.ts";
import { AssertionPayload } from "./generated/corridor/v1/assertion.ts";
import {
  type AnswerLocateStreamRequest,
  type AnswerLocateStreamResponse,
  LocatorServiceService,
} from "./generated/corridor/v1/locator_service.ts";
import { bindPatient } from "./patient-binding.ts";
import { type PeerClient, makePeerClient } from "./peer-client.ts";
import type { RunningServer } from "./server.ts";
import { failureFrom, plainClient } from "./testing/a-call.ts";
import { aClaim, aPatient, type DoorStories, nothingToShow, openDoor } from "./testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, type WireNetwork, makeWireNetwork } from "./testing/a-network.ts";

const NO_PERMIT = {} as Permit; // the transport reads nothing of it
const NONCE = Buffer.alloc(16, 7);

describe("questions on a stream", () => {
  let network: WireNetwork;
  let door: RunningServer;
  let client: PeerClient;
  /** What the holder does with each question, and what it saw. */
  let answer: (question: PeerQuestion) => Promise<HolderAnswer>;
  let asked: PeerQuestion[];
  let verified: number;

  before(async () => {
    network = await makeWireNetwork();
    const stories: DoorStories = {
      answerLocate(question) {
        asked.push(question);
        return answer(question);
      },
      verifyAssertion(...signed) {
        verified++;
        return verifyAssertion(...signed);
      },
    };
    door = await openDoor(network, stories);
  });
  beforeEach(() => {
    [asked, verified, answer] = [[], 0, () => Promise.resolve(nothingToShow())];
    client = makePeerClient({
      ...{ ownId: ASKER, domain: DOMAIN, tls: network.nodeTls(ASKER), clock: systemClock, random: systemRandom },
      ...{ protocol: PROTOCOL, checkMember: network.checkMember },
      sign: (payload) => network.signer(ASKER).sign(payload),
    });
  });
  afterEach(() => client.close());
  after(async () => {
    await door.close(0);
    network.remove();
  });

  const holder = (port = door.port): Member => ({
    ...network.directory.members.get(HOLDER)!,
    endpoints: [`127.0.0.1:${port}`],
  });

  function ask(ms = 5_000, signal = new AbortController().signal, to = holder()): Promise<HolderAnswer> {
    const soon = Deadline.in(systemClock, ms);
    const question: Question = {
      ...{ requestId: randomUUID(), patient: aPatient(), claim: aClaim() },
      ...{ answerBy: soon, lateUntil: soon },
    };
    return client.ask(to, question, NO_PERMIT, soon, signal);
  }

  it("go together where they come together: one signature for a frame, an answer for each", async () => {
    await ask();
    [asked, verified] = [[], 0];
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask()));
    assert.equal(answers.length, 100);
    assert.equal(asked.length, 100);
    assert.equal(verified, 2, "a hundred questions are two frames");
    assert.equal(new Set(asked.map(({ attemptId }) => attemptId)).size, 100);
  });

  it("are answered in whatever order the answers come", async () => {
    const gates: (() => void)[] = [];
    answer = () => new Promise((resolve) => gates.push(() => resolve(nothingToShow())));
    const order: number[] = [];
    const all = Promise.all([0, 1, 2].map((place) => ask().then(() => order.push(place))));
    await until(() => gates.length === 3);
    for (const place of [2, 0, 1]) {
      gates[place]!();
      await until(() => order.at(-1) === place);
    }
    await all;
    assert.deepEqual(order, [2, 0, 1]);
  });

  it("are refused one by one, with what the holder said and when to come back", async () => {
    let turn = 0;
    answer = () =>
      turn++ % 2 === 0
        ? Promise.resolve(nothingToShow())
        : Promise.reject(new Failure("over-quota", "Too many.", { retryAfterMs: 1_500 }));
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => ask()));
    const refused = results.filter((result) => result.status === "rejected").map(({ reason }) => reason as Failure);
    assert.equal(refused.length, 10);
    for (const { code, retryAfterMs } of refused) assert.deepEqual([code, retryAfterMs], ["over-quota", 1_500]);
  });

  it("are withdrawn when nobody waits, and end at their own deadline, without holding up the others", async () => {
    let release: (() => void) | undefined;
    answer = () => new Promise((resolve) => (release = () => resolve(nothingToShow())));
    const gone = new AbortController();
    const left = failureFrom(ask(5_000, gone.signal));
    await until(() => asked.length === 1);
    const late = failureFrom(ask(60));
    assert.equal((await late).code, "timed-out");
    gone.abort();
    assert.equal((await left).code, "timed-out");
    answer = () => Promise.resolve(nothingToShow());
    await ask();
    release!();
  });

  it("are not begun where they were withdrawn while they waited for their turn", async () => {
    await ask();
    const [gone, gates] = [new AbortController(), [] as (() => void)[]];
    answer = () => new Promise((resolve) => gates.push(() => resolve(nothingToShow())));
    const before = asked.length;
    const many = Array.from({ length: 600 }, () => ask(20_000, gone.signal).catch(() => "left"));
    await until(() => asked.length > before);
    gone.abort();
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // far longer than six hundred cancellations take
    for (const open of gates) open();
    await Promise.all(many);
    answer = () => Promise.resolve(nothingToShow());
    await ask();
    assert.ok(asked.length < before + 500, `${asked.length} of 600 were begun`);
  });

  it("come to an end whatever happens to them: each exactly once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ ends: fc.constantFrom("answer", "refuse", "never"), leaves: fc.boolean() }), {
          maxLength: 80,
        }),
        async (kinds) => {
          let turn = 0;
          answer = () => {
            const { ends } = kinds[turn++ % kinds.length]!;
            if (ends === "answer") return Promise.resolve(nothingToShow());
            return ends === "refuse" ? Promise.reject(new Failure("overloaded", "No.")) : new Promise(() => {});
          };
          const results = await Promise.allSettled(
            kinds.map(({ leaves }) => ask(150, leaves ? AbortSignal.timeout(20) : undefined)),
          );
          assert.equal(results.length, kinds.length);
        },
      ),
      { numRuns: 15 },
    );
    answer = () => Promise.resolve(nothingToShow());
    assert.equal((await ask()).outcome, "nothing-to-show", "and the next is answered");
  });

  it("go one by one to a member that knows no streams", async () => {
    const server = new Server();
    let calls = 0;
    server.register(
      "/corridor.v1.LocatorService/AnswerLocate",
      (_call: unknown, callback: (error: null, value: Buffer) => void) => {
        calls++;
        callback(null, Buffer.alloc(0));
      },
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      "unary",
    );
    const { certificate, key, trust } = network.nodeTls(HOLDER);
    const pair = [{ private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) }];
    const credentials = ServerCredentials.createSsl(Buffer.from(trust), pair, true);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    try {
      for (let count = 1; count <= 2; count++) {
        assert.equal((await failureFrom(ask(2_000, undefined, holder(port)))).code, "incompatible");
        assert.equal(calls, count);
      }
    } finally {
      server.forceShutdown();
    }
  });

  describe("that no honest asker would send", () => {
    let stranger: Client;

    before(() => {
      stranger = plainClient(door.port, network.nodeTls(ASKER));
    });
    after(() => stranger.close());

    async function frameOf(count: number, change: { readonly attempts?: (at: number) => string } = {}) {
      const patient = fromPatient(aPatient());
      const attempts = Array.from({ length: count }, (_, at) => change.attempts?.(at) ?? randomUUID());
      const nowMs = BigInt(Math.floor(systemClock.wallMs()));
      const payload = Buffer.from(
        AssertionPayload.encode({
          ...{ asker: ASKER, holder: HOLDER, issuedAtMs: nowMs, expiresAtMs: nowMs + 60_000n },
          claims: attempts.map((attemptId) => ({
            ...{ attemptId, requestId: randomUUID(), claim: fromClaim(aClaim(), "kept-back") },
            patientBinding: bindPatient(attemptId, NONCE, patient),
          })),
        }).finish(),
      );
      const signature = Buffer.from(await network.signer(ASKER).sign(payload));
      const questions = attempts.map((_, claimIndex) => ({
        ...{ claimIndex, patient, patientNonce: NONCE, answerByMs: 2_000, lateUntilMs: 2_000 },
      }));
      return { protocol: { ...PROTOCOL }, assertion: { payload, signature }, questions };
    }

    type Call = ClientDuplexStream<AnswerLocateStreamRequest, AnswerLocateStreamResponse>;

    function send(...requests: AnswerLocateStreamRequest[]) {
      const { path, requestSerialize, responseDeserialize } = LocatorServiceService.answerLocateStream;
      const call: Call = stranger.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
      const got: AnswerLocateStreamResponse[] = [];
      call.on("data", (response: AnswerLocateStreamResponse) => got.push(response));
      const ended = new Promise<number>((resolve) => {
        call.on("error", (error: Error & { code?: number }) => resolve(error.code ?? -1));
        call.on("end", () => resolve(0));
      });
      for (const request of requests) call.write(request);
      call.end();
      return { got, ended };
    }

    const framed = (value: Awaited<ReturnType<typeof frameOf>>): AnswerLocateStreamRequest => ({
      message: { $case: "frame", value },
    });
    const refusalsIn = (got: readonly AnswerLocateStreamResponse[]): string[] =>
      got.flatMap(({ message }) => (message?.$case === "refusal" ? [message.value.failure] : []));

    it("end the stream where they are no frame", async () => {
      const whole = await frameOf(2);
      for (const request of [
        framed({ ...whole, questions: [] }),
        framed(await frameOf(65)),
        framed({ ...whole, questions: [{ ...whole.questions[0]!, claimIndex: 9 }] }),
        framed({ ...whole, assertion: { ...whole.assertion, payload: Buffer.from([0x0a, 0x7f]) } }),
        { message: undefined },
      ]) {
        const { got, ended } = send(request);
        assert.equal(await ended, 3);
        assert.deepEqual(got, []);
      }
      assert.deepEqual(asked, []);
    });

    it("are refused for themselves: another's patient, another signature, no time", async () => {
      const [good, other] = [await frameOf(3), await frameOf(1)];
      const [first, second, third] = good.questions;
      const mixed = {
        ...good,
        questions: [first!, { ...second!, patientNonce: Buffer.alloc(16, 8) }, { ...third!, answerByMs: 0 }],
      };
      const { got, ended } = send(framed(mixed));
      assert.equal(await ended, 0);
      assert.deepEqual(refusalsIn(got).toSorted(), ["invalid-input", "not-authenticated"]);
      assert.equal(asked.length, 1);
      const forged = send(framed({ ...good, assertion: { ...good.assertion, signature: other.assertion.signature } }));
      await forged.ended;
      assert.deepEqual(refusalsIn(forged.got), ["not-authenticated", "not-authenticated", "not-authenticated"]);
      assert.equal(asked.length, 1);
    });

    it("withdraw what is not theirs to withdraw, and nothing happens", async () => {
      const cancel: AnswerLocateStreamRequest = { message: { $case: "cancel", value: { attemptId: randomUUID() } } };
      const { got, ended } = send(cancel, framed(await frameOf(1)), cancel);
      assert.equal(await ended, 0);
      assert.equal(got.length, 1);
    });
  });
});

async function until(holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += 5) {
    assert.ok(waitedMs < 10_000, "it came in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
