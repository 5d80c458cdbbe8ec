import assert from "node:assert/strict";
import { once } from "node:events";
import type { ClientHttp2Stream } from "node:http2";
import tls from "node:tls";
import { crc32, gzipSync } from "node:zlib";

import { status as Status } from "@grpc/grpc-js";

import { nodeDns } from "../certs/profile.ts";
import type { TlsFiles } from "../node/wire/tls-files.ts";
import { AnswerLocateStreamRequest } from "../node/wire/generated/corridor/v1/locator_service.ts";
import { type Figures, catalogueRow } from "./testing/catalogue.ts";
import { METHOD, type RawClient, rawClient } from "./testing/doors-call.ts";
import { type RawReply, type RawSession, framed, rawSession, replyOf } from "./testing/doors-http2.ts";
import { makeChance, mutate } from "./testing/doors-mutations.ts";
import { ASKER, DOMAIN, type DoorNetwork, type DoorNode, HOLDER, makeDoorNetwork } from "./testing/doors-network.ts";
import { aMarkedPerson, findPeopleIn } from "./testing/doors-people.ts";
import {
  aLocate,
  aPointer,
  anIdentity,
  batch,
  header,
  locateBytes,
  peerBytes,
  peerQuestion,
} from "./testing/doors-questions.ts";
import { hostileSeeds } from "./testing/doors-seeds.ts";
import { type Vitals, lookAt, vitalsEnv } from "./testing/doors-vitals.ts";

const HELD = aMarkedPerson(0);

const IN_FLIGHT = 16;
/** Of processor time in one turn of the event loop: by the clock, the kernel makes it what it likes beside other tests. */
const BUSY_MS_MAX = 100;
/** Where a thousand calls are reset at once, and what they leave is collected in one go. */
const BUSY_MS_MAX_OF_BURSTS = 500;
const FRAME_SEED = 20_261_122;
const GROWTH_MIB_MAX = 64;
const KIB = 1_024;

/** Taken for a flood, after which its sender is not let in for a while: the others are tried by somebody else. */
const FLOODS = "five thousand messages where one is due";

/** What a spoilt message may end in: well, where the spoil was harmless; or a refusal that is meant. */
const MEANT: ReadonlySet<Status> = new Set([
  Status.OK,
  Status.INVALID_ARGUMENT,
  Status.DEADLINE_EXCEEDED,
  Status.PERMISSION_DENIED,
  Status.RESOURCE_EXHAUSTED,
  Status.FAILED_PRECONDITION,
  Status.UNIMPLEMENTED,
  Status.UNAUTHENTICATED,
]);
/** gRPC itself says so of frames and headers that are broken, before the node is asked. */
const MEANT_OF_FRAMES: ReadonlySet<Status> = new Set([...MEANT, Status.INTERNAL, Status.CANCELLED]);

describe("hostile bytes on the wire", () => {
  let network: DoorNetwork;
  let node: DoorNode;
  let ward: RawClient;
  let asker: RawClient;
  let feed: RawClient;
  const heard = new Set<string>();

  before(async () => {
    network = await makeDoorNetwork();
    node = await network.start(vitalsEnv(network.dir, true));
    ward = rawClient(node.port, network.callerTls("ward"));
    asker = rawClient(node.port, network.nodeTls(ASKER));
    feed = rawClient(node.port, network.callerTls("feed"));
    const items = [anIdentity("L-1", HELD), aPointer("L-1", "R-1")];
    assert.equal((await feed.call(METHOD.load, [header(), batch(1n, items)])).code, Status.OK);
    await inFlight(Array(400).keys(), checkWell); // at its usual size from here on
  });
  after(async () => {
    for (const client of [ward, asker, feed]) client?.close();
    await node?.stop();
    network?.remove();
  });
  afterEach(async () => {
    assert.ok(node.isAlive(), `the node has ended: ${node.output()}`);
    await checkWell();
    assert.deepEqual(findPeopleIn([...heard].join("\n") + node.output(), [HELD]), []);
    assert.doesNotMatch(node.output(), /"level":(?:50|60)|unhandled|uncaught/i, "the log tells of a mistake of ours");
  });

  async function checkWell(): Promise<void> {
    const question = peerBytes(await peerQuestion(network, HELD));
    const ended = await asker.call(METHOD.answerLocate, [question]);
    assert.equal(ended.code, Status.OK, ended.said);
  }

  /** Does hostile work; memory and event loop stay within their bounds meanwhile. */
  async function bounded(work: () => Promise<void>): Promise<NonNullable<Figures["worst"]>> {
    const usual = await lookAt(node);
    await work();
    return checkBounds(usual, await lookAt(node));
  }

  function checkBounds(
    usual: Vitals,
    { held, rss, busyMs, stallMs }: Vitals,
    busyMsMax = BUSY_MS_MAX,
  ): NonNullable<Figures["worst"]> {
    const growth = (held - usual.held) / KIB / KIB;
    assert.ok(growth < GROWTH_MIB_MAX, `${growth.toFixed(0)} MiB more than before`);
    assert.ok(busyMs < busyMsMax, `one turn of the event loop took ${busyMs.toFixed(0)} ms of processor time`);
    return {
      "MiB more held": growth,
      "MiB more of the process": (rss - usual.rss) / KIB / KIB,
      "busy in one turn ms": busyMs,
      "held up ms": stallMs,
    };
  }

  /** Does the work for each, a few at once. */
  async function inFlight(trials: Iterable<number>, work: (trial: number) => Promise<void>): Promise<void> {
    const left = [...trials].values();
    const lane = async (): Promise<void> => {
      for (const trial of left) await work(trial);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  }

  describe("spoilt messages", () => {
    const described = (): Uint8Array => {
      const { familyName, givenName, birthDate, postcode } = HELD;
      const by = { $case: "demographics", value: { familyName, givenName, birthDate, postcode } } as const;
      return locateBytes(aLocate(HELD, { patient: { by } }));
    };
    const frame = async (): Promise<Uint8Array> => {
      const { protocol, assertion, question } = await peerQuestion(network, HELD);
      const value = { protocol, assertion, questions: [question!] };
      return AnswerLocateStreamRequest.encode({ message: { $case: "frame", value } }).finish();
    };
    /** Nonsense that the asker has signed: it gets past the signature. */
    const signedNonsense = async (spoil: Spoil): Promise<Uint8Array> =>
      peerBytes(await peerQuestion(network, HELD, { signs: spoil }));
    const load = (): Uint8Array => batch(1n, [anIdentity("L-2", HELD), aPointer("L-2", "R-2")]);
    const spoiling = (make: () => Uint8Array | Promise<Uint8Array>) => async (spoil: Spoil) =>
      spoil(Buffer.from(await make()));
    const peer = async (): Promise<Uint8Array> => peerBytes(await peerQuestion(network, HELD));
    type Spoil = (bytes: Buffer) => Buffer;
    type Row = [what: string, method: string, from: () => RawClient, make: (spoil: Spoil) => Promise<Uint8Array>];
    const rows: Row[] = [
      ["Locate, by number", METHOD.locate, () => ward, spoiling(() => locateBytes(aLocate(HELD)))],
      ["Locate, by demographics", METHOD.locate, () => ward, spoiling(described)],
      ["AnswerLocate", METHOD.answerLocate, () => asker, spoiling(peer)],
      ["AnswerLocate, well signed", METHOD.answerLocate, () => asker, signedNonsense],
      ["AnswerLocateStream", METHOD.answerLocateStream, () => asker, spoiling(frame)],
      ["Load", METHOD.load, () => feed, spoiling(load)],
      ["Health", METHOD.health, () => ward, spoiling(() => Buffer.from("\n\u0008corridor"))],
      ["Reflection, not served", METHOD.reflection, () => ward, spoiling(() => Buffer.from("\n\u0008corridor"))],
    ];
    const seeds = hostileSeeds();

    const rowP1 = {
      ...{ id: "P1", title: "in messages to every method: each is answered as is meant, and the node stays as it was" },
      // To each method first what is hostile by design, then spoilt messages.
      ...{ quick: 800 * rows.length, full: 100_000, slice: 10_000, timeoutMs: 600_000 },
    };
    catalogueRow(rowP1, async (trials) => {
      assert.ok(seeds.length >= 300);
      const ends: Record<string, number> = {};
      const worst = await bounded(() =>
        inFlight(trials, async (trial) => {
          const [what, method, from, make] = rows[trial % rows.length]!;
          const chance = makeChance(crc32(trials.seed(trial)));
          const seed = seeds[Math.floor(trial / rows.length)];
          const hostile = await make((bytes) => seed ?? mutate(bytes, chance));
          const opening = method === METHOD.load && chance.upTo(2) === 0 ? [header()] : [];
          const { code, said } = await from().call(method, [...opening, hostile]);
          heard.add(said);
          // The health service is gRPC's own, and answers what it cannot read, or does not know, by itself.
          const own = method === METHOD.health && (code === Status.INTERNAL || code === Status.NOT_FOUND);
          assert.ok(
            MEANT.has(code) || own,
            `${what}, trial ${trial}, ended in ${Status[code]}: ${said}; sent ${Buffer.from(hostile).toString("hex")}`,
          );
          const end = `${method.split("/").at(-1)} ${Status[code]}`;
          ends[end] = (ends[end] ?? 0) + 1;
        }),
      );
      assert.ok(ends["Locate INVALID_ARGUMENT"]! > trials.count / rows.length / 4, "hardly anything was understood");
      return { counts: ends, worst };
    });
  });

  describe("spoilt frames", () => {
    let usual: Vitals;
    let mute: RawSession;
    let muteEnds: Promise<RawReply>;
    before(async () => {
      usual = await lookAt(node);
      mute = await rawSession(node.port, network.callerTls("ward"));
      muteEnds = replyOf(mute.open(METHOD.locate));
    });
    after(() => mute?.close());

    /** Writes a body by hand on a call, on the test's own session. */
    type Body = (stream: ClientHttp2Stream, session: RawSession) => void;
    const message = (): Buffer => Buffer.from(locateBytes(aLocate(HELD)));
    const end =
      (...chunks: readonly Uint8Array[]): Body =>
      (stream) => {
        for (const chunk of chunks) stream.write(chunk);
        stream.end();
      };
    const gzip = { "grpc-encoding": "gzip" };
    const refused = ({ grpcStatus, reset, httpStatus }: RawReply): boolean =>
      (grpcStatus !== undefined && grpcStatus !== 0) || reset !== 0 || (httpStatus ?? 0) >= 400;
    const anyhow = (): boolean => true;
    const status =
      (...codes: readonly Status[]) =>
      ({ grpcStatus }: RawReply): boolean =>
        codes.some((code) => code === grpcStatus);

    const rows: [
      what: string,
      body: Body,
      headers: Record<string, string | string[]>,
      expected: (reply: RawReply) => boolean,
    ][] = [
      ["a length that is more than follows", end(framed(message(), { lie: 5_000 })), {}, refused],
      ["a length that is less than follows", end(framed(message(), { lie: 20 })), {}, refused],
      ["a length of 4 GiB", end(framed(message(), { lie: 0xffffffff })), {}, status(Status.RESOURCE_EXHAUSTED)],
      [
        "a length of 64 KiB and one",
        end(framed(message(), { lie: 64 * KIB + 1 })),
        {},
        status(Status.RESOURCE_EXHAUSTED),
      ],
      ["a message of no bytes", end(framed(Buffer.alloc(0))), {}, status(Status.INVALID_ARGUMENT)],
      ["no message", end(), {}, status(Status.UNIMPLEMENTED)],
      ["three bytes of a frame's head", end(Buffer.alloc(3)), {}, refused],
      ["two messages where one is due", end(framed(message()), framed(message())), {}, status(Status.UNIMPLEMENTED)],
      [FLOODS, end(...Array.from({ length: 5_000 }, () => framed(message()))), {}, refused],
      ["the compressed flag without an encoding", end(framed(message(), { flag: 1 })), {}, anyhow],
      ["a flag that nobody knows", end(framed(message(), { flag: 7 })), {}, anyhow],
      [
        "compressed bytes that are not",
        end(framed(message(), { flag: 1 })),
        gzip,
        status(Status.INTERNAL, Status.UNIMPLEMENTED),
      ],
      [
        "an encoding that nobody knows",
        end(framed(message(), { flag: 1 })),
        { "grpc-encoding": "rot13" },
        status(Status.UNIMPLEMENTED),
      ],
      [
        "64 MiB of zeros in 64 KiB",
        end(framed(gzipSync(Buffer.alloc(60 * KIB * KIB)).subarray(0, 64 * KIB), { flag: 1 })),
        gzip,
        status(Status.RESOURCE_EXHAUSTED, Status.UNIMPLEMENTED),
      ],
      ["a message one byte at a time", drip, {}, status(Status.OK)],
      [
        "headers of 60 KB",
        end(framed(message())),
        { "x-filler": "f".repeat(60_000) },
        status(Status.RESOURCE_EXHAUSTED),
      ],
      [
        "a hundred headers",
        end(framed(message())),
        Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`x-${at}`, "f".repeat(90)])),
        refused,
      ],
      [
        "a thousand headers",
        end(framed(message())),
        Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`x-${at}`, "f"])),
        refused,
      ],
      [
        "the same header a hundred times",
        end(framed(message())),
        { "x-again": Array.from({ length: 100 }, () => "f") },
        anyhow,
      ],
      ["two deadlines", end(framed(message())), { "grpc-timeout": ["1S", "99999999H"] }, anyhow],
      ["a binary header that is not base64", end(framed(message())), { "x-odd-bin": "!!!!" }, anyhow],
      ["a name from the prototype as header", end(framed(message())), { __proto__x: "f", constructor: "f" }, anyhow],
      [
        "a call reset in the middle of its message",
        (stream) => {
          stream.write(framed(message()).subarray(0, 20));
          stream.close(8);
        },
        {},
        anyhow,
      ],
      [
        "a connection cut in the middle of a message",
        (stream, { session }) => {
          stream.write(framed(message()).subarray(0, 20));
          setTimeout(() => session.socket.destroy(), 20);
        },
        {},
        anyhow,
      ],
    ];
    const rowP2 = {
      ...{ id: "P2", title: "in gRPC's frames and headers: each fault ends as it should" },
      ...{ quick: 5 * rows.length, full: 50 * rows.length, slice: 10 * rows.length },
    };
    catalogueRow(rowP2, async (trials) => {
      const worst = await bounded(async () => {
        for (const trial of trials) await tryFault(trial);
      });
      return { counts: { "kinds of fault": Math.min(rows.length, trials.count) }, worst };
    });

    async function tryFault(trial: number): Promise<void> {
      const [what, body, headers, expected] = rows[trial % rows.length]!;
      const raw = await rawSession(node.port, network.callerTls(what === FLOODS ? "operator" : "ward"));
      try {
        const stream = raw.open(METHOD.locate, headers);
        const reply = replyOf(stream);
        body(stream, raw);
        const ended = await reply;
        heard.add(ended.said);
        assert.ok(expected(ended), `${what}: ${JSON.stringify(ended)}`);
        const code = ended.grpcStatus;
        assert.ok(code === undefined || MEANT_OF_FRAMES.has(code), `${what} ended in ${code}: ${ended.said}`);
        if (trial % rows.length === rows.length - 1) await checkWell();
      } finally {
        raw.close();
      }
    }

    it("four hundred small messages in one frame, each of which unpacks to 64 KiB", () =>
      bounded(async () => {
        const bomb = framed(gzipSync(Buffer.alloc(64 * KIB)), { flag: 1 });
        const raw = await rawSession(node.port, network.callerTls("ward"));
        try {
          await Promise.all(
            Array.from({ length: 20 }, async () => {
              const stream = raw.open(METHOD.locate, gzip);
              const reply = replyOf(stream);
              stream.end(Buffer.concat(Array.from({ length: 400 }, () => bomb)));
              assert.ok(refused(await reply));
            }),
          );
        } finally {
          raw.close();
        }
      }));

    it("a thousand calls opened and reset at once", async () => {
      const raw = await rawSession(node.port, network.callerTls("ward"));
      try {
        for (let times = 0; times < 1_000 && !raw.session.destroyed; times++) {
          const stream = raw.open(METHOD.locate);
          stream.on("error", () => {});
          stream.write(framed(message()));
          stream.close(8);
          if (times % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        raw.close();
      }
    });

    it("noise instead of HTTP/2: the connection is closed", async () => {
      const chance = makeChance(FRAME_SEED);
      for (let times = 0; times < 20; times++) {
        const socket = await tlsTo(network.callerTls("ward"));
        socket.on("error", () => {});
        const closed = once(socket, "close");
        socket.write(Buffer.from(Array.from({ length: 100 + chance.upTo(2_000) }, () => chance.upTo(256))));
        socket.resume();
        await closed;
      }
    });

    it("a call whose message never comes is ended, and told why", async () => {
      const reply = await muteEnds;
      assert.equal(reply.grpcStatus, Status.DEADLINE_EXCEEDED, reply.said);
      assert.match(reply.said, /corridor-failure: timed-out/);
    });

    it("all this within the bounds of memory and of the event loop", async () => {
      checkBounds(usual, await lookAt(node), BUSY_MS_MAX_OF_BURSTS);
    });

    function drip(stream: ClientHttp2Stream): void {
      for (const byte of framed(message())) stream.write(Buffer.of(byte));
      stream.end();
    }
    async function tlsTo(files: TlsFiles): Promise<tls.TLSSocket> {
      const socket = tls.connect({
        ...{ port: node.port, host: "127.0.0.1", servername: nodeDns(DOMAIN, HOLDER), ALPNProtocols: ["h2"] },
        ...{ cert: files.certificate, key: files.key, ca: files.trust },
      });
      await once(socket, "secureConnect");
      return socket;
    }
  });
});
