import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import tls from "node:tls";

import { Server, ServerCredentials } from "@grpc/grpc-js";

import type { Member } from "../../topology/manifest.ts";
import type { HolderAnswer } from "../base/answer.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import type { Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import { systemRandom } from "../base/random.ts";
import { PROTOCOL, type ProtocolVersion } from "../base/words.ts";
import type { PeerQuestion } from "../requests/answer-locate.ts";
import { authorisePeer } from "../trust/peer-identity.ts";
import { AnswerLocateResponse, LocatorServiceService } from "./generated/corridor/v1/locator_service.ts";
import { type PeerClient, type PeerClientOrder, makePeerClient } from "./peer-client.ts";
import { failureFrom } from "./testing/a-call.ts";
import { PATIENT_NUMBER, aClaim, aPatient, nothingToShow, openDoor } from "./testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, OTHER, type WireNetwork, fastClock, makeWireNetwork } from "./testing/a-network.ts";

const NO_PERMIT = {} as Permit; // the transport reads nothing of it
const REQUEST = "7a1b2c7e-3b1a-4c55-9a55-0123456789ab";

describe("the way to a peer", () => {
  let network: WireNetwork;
  const closing: (() => unknown)[] = [];

  before(async () => {
    network = await makeWireNetwork();
  });
  after(() => network.remove());
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  function peers(
    protocol: ProtocolVersion = PROTOCOL,
    clock: Clock = systemClock,
    checkMember: PeerClientOrder["checkMember"] = network.checkMember,
  ): PeerClient {
    const client = makePeerClient({
      ownId: ASKER,
      domain: DOMAIN,
      tls: network.nodeTls(ASKER),
      clock,
      random: systemRandom,
      protocol,
      sign: (payload) => network.signer(ASKER).sign(payload),
      checkMember,
    });
    closing.push(() => client.close());
    return client;
  }

  /** The holder's entry in the directory, at that port. */
  const at = (port: number, id: string = HOLDER): Member => ({
    ...network.directory.members.get(id)!,
    endpoints: [`127.0.0.1:${port}`],
  });

  function aQuestion(): Question {
    const soon = Deadline.in(systemClock, 2_000);
    return { requestId: REQUEST, patient: aPatient(), claim: aClaim(), answerBy: soon, lateUntil: soon };
  }

  function ask(
    client: PeerClient,
    member: Member,
    ms = 2_000,
    signal = new AbortController().signal,
  ): Promise<HolderAnswer> {
    return client.ask(member, aQuestion(), NO_PERMIT, Deadline.in(systemClock, ms), signal);
  }

  async function open(
    ...args: Parameters<typeof openDoor> extends [unknown, ...infer Rest] ? Rest : never
  ): Promise<number> {
    const door = await openDoor(network, ...args);
    closing.push(() => door.close(0));
    return door.port;
  }

  it("brings an answer, under a fresh attempt each time, and keeps the reason at home", async () => {
    const asked: PeerQuestion[] = [];
    const port = await open({
      answerLocate(question) {
        asked.push(question);
        return Promise.resolve(nothingToShow());
      },
    });
    const client = peers();
    for (let count = 0; count < 2; count++) assert.deepEqual(await ask(client, at(port)), nothingToShow());
    const [one, other] = asked;
    assert.ok(one !== undefined && other !== undefined);
    assert.notEqual(one.attemptId, other.attemptId);
    assert.deepEqual([one.requestId, other.requestId, one.asker], [REQUEST, REQUEST, ASKER]);
    assert.equal(one.claim.reason, undefined);
    assert.ok(!Buffer.from(one.evidence.payload).includes(aClaim().reason!));
    assert.ok(
      !Buffer.from(one.evidence.payload).includes(PATIENT_NUMBER),
      "the evidence holds a hash, not the patient",
    );
    assert.notDeepEqual(one.evidence.patientNonce, other.evidence.patientNonce);
    assert.equal(one.evidence.patientNonce.length, 16);
  });

  for (const code of [
    "replayed",
    "directory-stale",
    "store-unavailable",
    "deadline-too-short",
    "invalid-input",
  ] as const) {
    it(`brings a holder's failure as it is: ${code}`, async () => {
      const port = await open({ answerLocate: () => Promise.reject(new Failure(code, "No.")) });
      assert.equal((await failureFrom(ask(peers(), at(port)))).code, code);
    });
  }

  it("finds a peer of another protocol version incompatible, whoever is older", async () => {
    const port = await open({}, { protocol: { major: 2, minor: 0 } });
    assert.equal((await failureFrom(ask(peers(), at(port)))).code, "incompatible");
    const older = await open();
    assert.equal((await failureFrom(ask(peers({ major: 1, minor: 2 }), at(older)))).code, "incompatible");
  });

  it("finds a port where nobody listens unreachable, at once", async () => {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    const startedMs = systemClock.monotonicMs();
    assert.equal((await failureFrom(ask(peers(), at(port)))).code, "unreachable");
    assert.ok(systemClock.monotonicMs() - startedMs < 500);
  });

  it("finds a host that does not exist unreachable", async () => {
    const member = { ...at(1), endpoints: ["no-such-host.invalid:7400"] };
    assert.equal((await failureFrom(ask(peers(), member))).code, "unreachable");
  });

  it("gives up a peer that accepts connections and never speaks, at the deadline", async () => {
    const sockets: net.Socket[] = [];
    const mute = net.createServer((socket) => void sockets.push(socket.on("error", () => {}))).listen(0, "127.0.0.1");
    await once(mute, "listening");
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      mute.close();
    });
    const client = peers();
    for (let count = 0; count < 2; count++) {
      const startedMs = systemClock.monotonicMs();
      const failure = await failureFrom(ask(client, at((mute.address() as AddressInfo).port), 300));
      const lastedMs = systemClock.monotonicMs() - startedMs;
      assert.ok(["timed-out", "unreachable"].includes(failure.code), failure.code);
      assert.ok(lastedMs < 600, `${lastedMs} ms`);
    }
  });

  it("makes a new connection where one has been in the making for too long", async () => {
    const port = await open();
    const sockets: net.Socket[] = [];
    const firstIsMute = net.createServer((socket) => {
      sockets.push(socket.on("error", () => {}));
      if (sockets.length > 1) socket.pipe(net.connect(port, "127.0.0.1").on("error", () => {})).pipe(socket);
    });
    firstIsMute.listen(0, "127.0.0.1");
    await once(firstIsMute, "listening");
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      firstIsMute.close();
    });
    const client = peers(PROTOCOL, fastClock(5)); // five seconds pass in one: time enough for two questions on a busy machine
    const member = at((firstIsMute.address() as AddressInfo).port);
    await failureFrom(ask(client, member, 100));
    await failureFrom(ask(client, member, 200));
    assert.equal(sockets.length, 1, "the connection is given its time first");
    await systemClock.sleep(1_200);
    assert.deepEqual(await ask(client, member), nothingToShow());
    assert.ok(sockets.length > 1);
  });

  it("gives up a peer that takes the question and never answers, at the deadline", async () => {
    const hang = new AbortController();
    closing.push(() => hang.abort());
    const port = await open({
      answerLocate: () => systemClock.sleep(60_000, hang.signal).then(() => nothingToShow()),
    });
    const startedMs = systemClock.monotonicMs();
    assert.equal((await failureFrom(ask(peers(), at(port), 300))).code, "timed-out");
    assert.ok(systemClock.monotonicMs() - startedMs < 600);
  });

  it("lets go at once when nobody waits any more", async () => {
    const hang = new AbortController();
    closing.push(() => hang.abort());
    const port = await open({
      answerLocate: () => systemClock.sleep(60_000, hang.signal).then(() => nothingToShow()),
    });
    const waiting = new AbortController();
    const failure = failureFrom(ask(peers(), at(port), 5_000, waiting.signal));
    await systemClock.sleep(100);
    const startedMs = systemClock.monotonicMs();
    waiting.abort();
    assert.equal((await failure).code, "timed-out");
    assert.ok(systemClock.monotonicMs() - startedMs < 200);
  });

  it("whose asker has left before the story began is told none", async () => {
    let told = 0;
    const verified = new AbortController();
    const port = await open({
      verifyAssertion: () => systemClock.sleep(5_000, verified.signal).then(() => true),
      answerLocate() {
        told++;
        return Promise.resolve(nothingToShow());
      },
    });
    const waiting = new AbortController();
    const failure = failureFrom(ask(peers(), at(port), 5_000, waiting.signal));
    await systemClock.sleep(200);
    waiting.abort();
    assert.equal((await failure).code, "timed-out");
    await systemClock.sleep(100);
    verified.abort();
    await systemClock.sleep(100);
    assert.equal(told, 0);
  });

  describe("where the connection breaks off under a question", () => {
    /** A holder whose answers to the first questions are cut off, with the way to it. */
    async function cutting(times: number): Promise<{ readonly member: Member; readonly attempts: string[] }> {
      const attempts: string[] = [];
      const sockets = new Set<net.Socket>();
      const port = await open({
        async answerLocate({ attemptId }) {
          attempts.push(attemptId);
          if (attempts.length > times) return nothingToShow();
          for (const socket of sockets) socket.resetAndDestroy();
          await systemClock.sleep(20);
          return nothingToShow();
        },
      });
      const way = net.createServer((socket) => {
        sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
        socket.pipe(net.connect(port, "127.0.0.1").on("error", () => {})).pipe(socket);
      });
      way.listen(0, "127.0.0.1");
      await once(way, "listening");
      closing.push(() => {
        for (const socket of sockets) socket.destroy();
        way.close();
      });
      return { member: at((way.address() as AddressInfo).port), attempts };
    }

    it("asks once more, as an attempt of its own", async () => {
      const { member, attempts } = await cutting(1);
      assert.deepEqual(await ask(peers(), member), nothingToShow());
      assert.equal(attempts.length, 2);
      assert.notEqual(attempts[0], attempts[1]);
    });

    it("asks no third time", async () => {
      const { member, attempts } = await cutting(5);
      assert.equal((await failureFrom(ask(peers(), member))).code, "unreachable");
      assert.equal(attempts.length, 2);
    });
  });

  it("sends nothing to a node that is not the member asked, though the network knows it", async () => {
    let questions = 0;
    const port = await open({
      answerLocate() {
        questions++;
        return Promise.resolve(nothingToShow());
      },
    });
    assert.equal((await failureFrom(ask(peers(), at(port, OTHER)))).code, "unreachable");
    const client = peers();
    await ask(client, at(port));
    // The directory names another authority: the connection made under the old one is worth nothing.
    const honest = network.directory.members.get(HOLDER)!;
    const usurped = { ...at(port), issuingCa: "0".repeat(64) };
    network.directory.members.set(HOLDER, usurped);
    try {
      assert.equal((await failureFrom(ask(client, usurped))).code, "unreachable");
    } finally {
      network.directory.members.set(HOLDER, honest);
    }
    assert.equal(questions, 1);
  });

  it("asks nothing on a connection whose certificate has expired since, and finds the peer again once it has another", async () => {
    let questions = 0;
    const port = await open({
      answerLocate() {
        questions++;
        return Promise.resolve(nothingToShow());
      },
    });
    let daysLater = 0;
    const client = peers(PROTOCOL, systemClock, (member, identity) => {
      const atMs = systemClock.wallMs() + daysLater * 86_400_000;
      const directory = { ...network.directory, inForce: () => ({ ...network.directory.inForce(), atMs }) };
      authorisePeer(identity, directory, member.id);
    });
    await ask(client, at(port));
    daysLater = 31;
    assert.equal((await failureFrom(ask(client, at(port)))).code, "unreachable");
    assert.equal(questions, 1);
    daysLater = 0;
    await systemClock.sleep(700); // gRPC's own back-off
    await ask(client, at(port));
    assert.equal(questions, 2);
  });

  it("speaks no TLS 1.2", async () => {
    const { certificate, key, trust } = network.nodeTls(HOLDER);
    const old = tls.createServer({ cert: certificate, key, ca: trust, maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] });
    old.on("tlsClientError", (_error, socket) => socket.destroy());
    old.listen(0, "127.0.0.1");
    await once(old, "listening");
    closing.push(() => old.close());
    assert.equal((await failureFrom(ask(peers(), at((old.address() as AddressInfo).port)))).code, "unreachable");
  });

  it("finds a peer again within two seconds of its coming back, on the same port", async () => {
    const first = await openDoor(network);
    const member = at(first.port);
    const client = peers();
    await ask(client, member);
    await first.close(0);
    assert.equal((await failureFrom(ask(client, member))).code, "unreachable");
    await systemClock.sleep(700); // a few attempts in vain
    await open({}, { port: first.port });
    const backMs = systemClock.monotonicMs();
    for (;;) {
      try {
        await ask(client, member);
        break;
      } catch (thrown) {
        assert.ok(thrown instanceof Failure && thrown.code === "unreachable");
        assert.ok(systemClock.monotonicMs() - backMs < 2_000, "it is still not found");
        await systemClock.sleep(50);
      }
    }
  });

  it("follows a member that moves to another address", async () => {
    const [here, there] = [await open(), await open()];
    const client = peers();
    await ask(client, at(here));
    await ask(client, at(there));
  });

  describe("of a stranger behind a proper certificate", () => {
    /** A bare gRPC server with the holder's own certificate that answers with these bytes. */
    async function stranger(bytes: Buffer | ((attempt: number) => Buffer)): Promise<number> {
      const { certificate, key, trust } = network.nodeTls(HOLDER);
      const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(certificate) };
      const server = new Server();
      let attempt = 0;
      const { answerLocate } = LocatorServiceService;
      const asIs = (given: Buffer): Buffer => given;
      server.addService(
        { answerLocate: { ...answerLocate, requestDeserialize: asIs, responseSerialize: asIs } },
        {
          answerLocate: (_call: unknown, callback: (error: null, answer: Buffer) => void) =>
            callback(null, typeof bytes === "function" ? bytes(attempt++) : bytes),
        },
      );
      const credentials = ServerCredentials.createSsl(Buffer.from(trust), [pair], true);
      const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
      });
      closing.push(() => server.forceShutdown());
      return port;
    }

    it("takes no answer that is not a message", async () => {
      const failure = await failureFrom(ask(peers(), at(await stranger(Buffer.from([0x0a, 0x7f])))));
      assert.equal(failure.code, "incompatible");
    });

    it("takes no answer to another question", async () => {
      const answer = { protocol: { ...PROTOCOL }, answer: { ...emptyAnswer(), attemptId: REQUEST } };
      const failure = await failureFrom(
        ask(peers(), at(await stranger(Buffer.from(AnswerLocateResponse.encode(answer).finish())))),
      );
      assert.equal(failure.code, "incompatible");
      assert.match(failure.message, /another question/);
    });

    it("takes no answer without end", async () => {
      const failure = await failureFrom(ask(peers(), at(await stranger(Buffer.alloc(5 * 1024 * 1024)))));
      assert.equal(failure.code, "overloaded");
    });

    function emptyAnswer() {
      return {
        attemptId: "",
        outcome: 2 as const,
        pointers: [],
        sealed: [],
        coverage: undefined,
        reason: "",
        padding: Buffer.alloc(0),
        notOffered: [],
        morePointers: 0,
      };
    }
  });
});
