import assert from "node:assert/strict";

import type { ClientDuplexStream } from "@grpc/grpc-js";

import { systemClock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import {
  beginLoad,
  type FeedItem,
  type LoadAck,
  type LoadEnd,
  type LoadHeader,
  type LoadResult,
  type ParsedItem,
} from "../requests/load-batch.ts";
import { anIdentity, anObjection, aPointer } from "../testing/an-index.ts";
import { type CallerClient, connectCaller } from "./caller-client.ts";
import type { FeedEntry } from "./feed-service.ts";
import {
  FeedServiceService,
  type LoadItem,
  type LoadRequest,
  type LoadResponse,
} from "./generated/corridor/v1/feed_service.ts";
import type { RunningServer } from "./server.ts";
import { failureFrom, plainClient } from "./testing/a-call.ts";
import { openDoor } from "./testing/a-door.ts";
import { HOLDER, type WireNetwork, fastClock, impatientClock, makeWireNetwork } from "./testing/a-network.ts";

const HEADER: LoadHeader = { name: "a test", asOfMs: 1_700_000_000_000 };

describe("the feeds' door", () => {
  let network: WireNetwork;
  let door: RunningServer;
  let feeder: CallerClient;
  let validated: (readonly FeedEntry[])[];
  let kept: { header: LoadHeader; items: readonly ParsedItem[] }[];
  let keep: (items: readonly ParsedItem[]) => Promise<LoadResult>;

  const validate = (entries: readonly FeedEntry[]): Promise<readonly ParsedItem[]> => {
    validated.push(entries);
    return Promise.resolve(entries.map(() => anIdentity()));
  };
  const loadBatch = (header: LoadHeader, items: readonly ParsedItem[]): Promise<LoadResult> => {
    kept.push({ header, items });
    return keep(items);
  };

  let finished: { header: LoadHeader; providers: readonly string[] }[];
  const finishLoad = (header: LoadHeader, providers: readonly string[]): Promise<LoadEnd> => {
    finished.push({ header, providers });
    return Promise.resolve({ waiting: 7 });
  };

  before(async () => {
    network = await makeWireNetwork();
    door = await openDoor(network, {
      ...{ validate, loadBatch, finishLoad },
      beginLoad: (header) => beginLoad(header, "store"),
    });
    feeder = await connectCaller(
      { host: "127.0.0.1", port: door.port, certsDir: network.callerDir("feed") },
      systemClock,
    );
  });
  after(async () => {
    feeder.close();
    await door.close(0);
    network.remove();
  });
  beforeEach(() => {
    [validated, kept] = [[], []];
    finished = [];
    keep = (items) => Promise.resolve({ accepted: items.length, rejected: [], providers: [] });
  });

  const asItem = (parsed: ReturnType<typeof anIdentity>): FeedItem =>
    "rejected" in parsed ? assert.fail("the builder made nothing") : parsed;

  async function* batchesOf(count: number, size: number, onTaken: (count: number) => void = () => {}) {
    for (let batch = 1; batch <= count; batch++) {
      onTaken(batch);
      yield Array.from({ length: size }, () => asItem(anIdentity()));
    }
  }

  async function load(batches: AsyncIterable<readonly FeedItem[]>, by: CallerClient = feeder): Promise<LoadAck[]> {
    const results: LoadAck[] = [];
    for await (const { accepted, rejected } of by.load(HEADER, batches)) results.push({ accepted, rejected });
    return results;
  }

  it("takes every kind of item, field by field, in order", async () => {
    const items = [anIdentity({ familyName: "O’Brien", restricted: true }), aPointer(), anObjection()].map(asItem);
    await load(
      (async function* () {
        yield items;
      })(),
    );
    assert.deepEqual(kept[0]?.header, HEADER);
    assert.deepEqual(
      validated[0]?.map(({ kind, fields }) => ({ kind, fields })),
      items.map(({ kind, values }) => ({ kind, fields: { ...values.expose() } })),
    );
  });

  it("acknowledges each batch with what became of it", async () => {
    const rejected = [{ index: 1, field: "birth_date", reason: "in the future" }];
    keep = (items) => Promise.resolve({ accepted: items.length - 1, rejected, providers: [] });
    assert.deepEqual(
      await load(batchesOf(3, 2)),
      Array.from({ length: 3 }, () => ({ accepted: 1, rejected })),
    );
  });

  it("is told when nothing is missing, once, with the providers of which anything is kept", async () => {
    keep = (items) => {
      const providers = kept.length === 1 ? ["RRK"] : ["RRK", "RYA"];
      return Promise.resolve({ accepted: items.length, rejected: [], providers });
    };
    await load(batchesOf(2, 1));
    assert.deepEqual(finished, [{ header: HEADER, providers: ["RRK", "RYA"] }]);
  });

  it("of a load that is taken up again is told the providers of before, but no stranger's", async () => {
    const end = await feeder.load(HEADER, batchesOf(0, 0), ["RRK"]).next();
    assert.deepEqual(end, { done: true, value: { waiting: 7 } });
    assert.deepEqual(finished, [{ header: HEADER, providers: ["RRK"] }]);
    const loading = (async () => {
      for await (const _ of feeder.load(HEADER, batchesOf(0, 0), ["RRK", "X0X"])) assert.fail("no batch was sent");
    })();
    const failure = await failureFrom(loading);
    assert.deepEqual([failure.code, failure.where], ["invalid-input", "finish.providers[1]"]);
    assert.equal(finished.length, 1);
  });

  it("validates the next batch, and no more, while one is being kept", async () => {
    const held = Promise.withResolvers<void>();
    keep = async (items) => {
      await held.promise;
      return { accepted: items.length, rejected: [], providers: [] };
    };
    const results = load(batchesOf(10, 1));
    await systemClock.sleep(200);
    assert.deepEqual([kept.length, validated.length], [1, 2]);
    held.resolve();
    assert.equal((await results).length, 10);
  });

  it("does not count a load as finished that broke off", async () => {
    const failure = await failureFrom(
      load(
        (async function* () {
          yield* batchesOf(2, 1);
          throw new Failure("invalid-input", "the file could not be read to its end");
        })(),
      ),
    );
    assert.equal(failure.code, "invalid-input");
    assert.deepEqual(finished, []);
  });

  it("takes batches no faster than it keeps them", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    keep = async (items) => {
      await held;
      return { accepted: items.length, rejected: [], providers: [] };
    };
    let taken = 0;
    const results = load(
      batchesOf(50, 10, (count) => {
        taken = count;
      }),
    );
    await systemClock.sleep(200);
    assert.ok(taken <= 6, `${taken} batches were taken while none was kept`);
    assert.equal(kept.length, 1, "one batch at a time is being kept");
    release();
    assert.equal((await results).length, 50);
  });

  it("ends with the store's failure; what was acknowledged before counts", async () => {
    keep = (items) =>
      kept.length < 3
        ? Promise.resolve({ accepted: items.length, rejected: [], providers: [] })
        : Promise.reject(new Failure("store-unavailable", "disk full: /data/index.db"));
    const acknowledged: LoadAck[] = [];
    const failure = await failureFrom(
      (async () => {
        for await (const result of feeder.load(HEADER, batchesOf(10, 5))) acknowledged.push(result);
      })(),
    );
    assert.equal(failure.code, "store-unavailable");
    assert.ok(!failure.message.includes("index.db"));
    assert.equal(acknowledged.length, 2);
  });

  it("ends with the failure of whoever reads the file", async () => {
    const broken = async function* () {
      yield [asItem(anIdentity())];
      throw new Failure("invalid-input", "The file ends in the middle of a line.");
    };
    const failure = await failureFrom(load(broken()));
    assert.deepEqual([failure.code, failure.message], ["invalid-input", "The file ends in the middle of a line."]);
  });

  it("takes a batch of a thousand", async () => {
    assert.deepEqual(await load(batchesOf(1, 1_000)), [{ accepted: 1_000, rejected: [] }]);
  });

  it("refuses whoever may not feed", async () => {
    const demo = await connectCaller(
      { host: "127.0.0.1", port: door.port, certsDir: network.callerDir("demo") },
      systemClock,
    );
    assert.equal((await failureFrom(load(batchesOf(1, 1), demo))).code, "not-permitted");
    demo.close();
    assert.deepEqual(kept, []);
  });

  it("asks again at every batch whether the feeder may feed", async () => {
    const member = network.directory.members.get(HOLDER)!;
    keep = (items) => {
      if (kept.length === 2) network.directory.members.set(HOLDER, { ...member, issuingCa: "0".repeat(64) });
      return Promise.resolve({ accepted: items.length, rejected: [], providers: [] });
    };
    try {
      assert.equal((await failureFrom(load(batchesOf(20, 1)))).code, "not-authenticated");
    } finally {
      network.directory.members.set(HOLDER, member);
    }
    assert.equal(kept.length, 2);
  });

  describe("of messages that no honest feeder would send", () => {
    const header: LoadRequest = { message: { $case: "header", value: { name: "x", asOfMs: 0n, goesOnStoreId: "" } } };
    const batch = (sequence: bigint, items: LoadItem[] = []): LoadRequest => ({
      message: { $case: "batch", value: { sequence, items } },
    });

    async function send(port: number, ...messages: LoadRequest[]): Promise<LoadResponse[]> {
      const client = plainClient(port, network.callerTls("feed"));
      const { path, requestSerialize, responseDeserialize } = FeedServiceService.load;
      const call: ClientDuplexStream<LoadRequest, LoadResponse> = client.makeBidiStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
      );
      for (const message of messages) call.write(message);
      const answers: LoadResponse[] = [];
      try {
        for await (const answer of call) answers.push(answer as LoadResponse);
        return answers;
      } finally {
        client.close();
      }
    }

    const wrong: readonly [string, LoadRequest[], Failure["code"], string | undefined][] = [
      ["no header", [batch(1n)], "invalid-input", "header"],
      ["nothing in a message", [header, { message: undefined }], "invalid-input", "batch"],
      ["a second header", [header, header], "invalid-input", "batch"],
      ["a batch that skips one", [header, batch(2n)], "invalid-input", "batch.sequence"],
      ["a batch twice", [header, batch(1n), batch(1n)], "invalid-input", "batch.sequence"],
      ["an item of no kind", [header, batch(1n, [{ item: undefined }])], "invalid-input", "batch.items[0]"],
      [
        "1,001 items",
        [
          header,
          batch(
            1n,
            Array.from({ length: 1_001 }, () => ({ item: undefined })),
          ),
        ],
        "overloaded",
        "batch.items",
      ],
    ];
    for (const [what, messages, code, where] of wrong) {
      it(`refuses ${what}`, async () => {
        const failure = await failureFrom(send(door.port, ...messages));
        assert.deepEqual([failure.code, failure.where], [code, where]);
      });
    }

    it("refuses to go on with what another index holds, and tells which one holds what is acknowledged", async () => {
      const going = { ...HEADER, goesOnStoreId: "another" };
      const failure = await failureFrom(feeder.load(going, batchesOf(1, 1)).next());
      assert.deepEqual([failure.code, failure.where], ["invalid-input", "goes_on_store_id"]);
      assert.match(failure.message, /begin anew with --restart/);
      const { value } = await feeder.load({ ...HEADER, goesOnStoreId: "store" }, batchesOf(1, 1)).next();
      assert.deepEqual(value, { accepted: 1, rejected: [], storeId: "store" });
    });

    it("refuses a batch over 1 MiB", async () => {
      const value = { name: "x".repeat(1024 * 1024), asOfMs: 0n, goesOnStoreId: "" };
      const failure = await failureFrom(send(door.port, { message: { $case: "header", value } }));
      assert.equal(failure.code, "overloaded");
    });

    it("ends at once when its feeder is told to, whatever the node owes", async () => {
      keep = () => new Promise(() => {});
      const stop = new AbortController();
      const stopped = new Error("told to stop");
      const acks = feeder.load(HEADER, batchesOf(50, 1), [], stop.signal);
      setTimeout(() => stop.abort(stopped), 50);
      await assert.rejects(acks.next(), stopped);
    });

    it("is given up by its feeder where it owes an acknowledgement for a minute", async () => {
      keep = () => new Promise(() => {});
      const target = { host: "127.0.0.1", port: door.port, certsDir: network.callerDir("feed") };
      const hasty = await connectCaller(target, impatientClock(200));
      const failure = await failureFrom(load(batchesOf(1, 1), hasty));
      hasty.close();
      assert.equal(failure.code, "timed-out");
      assert.equal(kept.length, 1);
    });

    it("ends a load that goes silent", async () => {
      const quick = await openDoor(network, { validate, loadBatch }, { clock: fastClock(30) });
      const startedMs = systemClock.monotonicMs();
      const failure = await failureFrom(send(quick.port, header, batch(1n)));
      assert.equal(failure.code, "timed-out");
      assert.ok(systemClock.monotonicMs() - startedMs < 6_000);
      assert.equal(kept.length, 1);
      await quick.close(0);
    });
  });
});
