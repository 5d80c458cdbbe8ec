import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { seededRandom } from "../node/base/random.ts";
import { type DelayProxy, startDelayProxy } from "./delay-proxy.ts";

const DELAY_MS = 30;
/** Timers of the machine may fire a little early. */
const TIMER_SLACK_MS = 2;

describe("the delay proxy", () => {
  let server: Server;
  let heard: string;
  let proxy: DelayProxy;
  let client: Socket;

  beforeEach(async () => {
    heard = "";
    server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        heard += bytes.toString();
        socket.write(bytes);
      });
      socket.on("end", () => socket.end("bye"));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const target = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
    proxy = await startDelayProxy({ target, delayMs: DELAY_MS, random: seededRandom(1) });
    client = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true });
    client.on("error", () => {});
    await once(client, "connect");
  });
  afterEach(async () => {
    client.destroy();
    await proxy.close();
    server.close();
  });

  const echoOf = async (text: string): Promise<string> => {
    client.write(text);
    const [bytes] = (await once(client, "data")) as [Buffer];
    return bytes.toString();
  };

  it("delays each way, and changes nothing", async () => {
    const startedMs = performance.now();
    assert.equal(await echoOf("hello"), "hello");
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs >= 2 * DELAY_MS - TIMER_SLACK_MS, `a round trip took ${tookMs} ms`);
  });

  it("keeps the order of what is under way together, with jitter too", async () => {
    const target = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
    const jittery = await startDelayProxy({ target, delayMs: 1, jitterMs: 20, random: seededRandom(2) });
    const other = connect({ port: jittery.port, host: "127.0.0.1" });
    const parts = Array.from({ length: 20 }, (_, part) => `${part};`);
    let echoed = "";
    other.on("data", (bytes) => (echoed += bytes.toString()));
    for (const part of parts) {
      other.write(part);
      await sleep(1);
    }
    other.end();
    await once(other, "end");
    assert.equal(echoed, `${parts.join("")}bye`);
    await jittery.close();
  });

  it("cuts: open connections break, new ones are refused, until it is restored", async () => {
    await echoOf("before");
    const broken = new Promise((resolve) => client.once("close", resolve));
    proxy.cut();
    await broken;
    const next = connect({ port: proxy.port, host: "127.0.0.1" });
    const [error] = (await once(next, "error")) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNRESET");

    proxy.restore();
    client = connect({ port: proxy.port, host: "127.0.0.1" });
    assert.equal(await echoOf("after"), "after");
  });

  it("swallows: the connection stays open and nothing arrives, until it is restored", async () => {
    await echoOf("before");
    proxy.blackhole();
    let arrived = false;
    client.once("data", () => (arrived = true));
    client.write("lost?");
    await sleep(4 * DELAY_MS);
    assert.deepEqual([arrived, heard, client.readyState], [false, "before", "open"]);

    const late = once(client, "data");
    proxy.restore();
    assert.equal(String(((await late) as [Buffer])[0]), "lost?");
  });

  it("corrupts: one byte of what passes next is another, and only that", async () => {
    await echoOf("before");
    proxy.corrupt("target");
    const spoilt = await echoOf("hello");
    assert.equal([...spoilt].filter((letter, at) => letter !== "hello"[at]).length, 1, spoilt);
    assert.equal(await echoOf("hello"), "hello");
  });

  it("counts what is held open, also while it swallows everything", async () => {
    await echoOf("before");
    assert.equal(proxy.open(), 1);
    proxy.blackhole();
    client.destroy();
    while (proxy.open() > 0) await sleep(5);
  });

  it("half closes: one side has nothing more to say, and the other is still heard", async () => {
    await echoOf("before");
    const ended = once(client, "end");
    proxy.halfClose("client");
    await ended;
    client.write(", and still heard");
    await sleep(4 * DELAY_MS);
    assert.equal(heard, "before, and still heard");
  });

  it("passes an end on after what was said before it", async () => {
    client.end("last words");
    const said: string[] = [];
    for await (const bytes of client) said.push(String(bytes));
    assert.equal(said.join(""), "last wordsbye");
  });
});
