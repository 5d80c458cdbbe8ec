import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, connect, createServer } from "node:net";

import type { Random } from "../node/base/random.ts";

export interface DelayProxyOrder {
  readonly target: { readonly host: string; readonly port: number };
  /** Each way; a round trip takes twice as long. */
  readonly delayMs: number;
  /** Each chunk takes up to so much longer, drawn from `random`. Chunks never overtake one another. */
  readonly jitterMs?: number;
  readonly random: Random;
  /** Told of every connection that is tried, those that are cut at once included. */
  readonly onTried?: () => void;
}

/** Stands in front of a TCP server on 127.0.0.1 and is a bad network when told to. */
export interface DelayProxy {
  readonly port: number;
  /** `host:port`. */
  readonly endpoint: string;
  /** Breaks every connection off and refuses new ones, until {@link restore}. */
  cut(): void;
  /** Connections stay open and new ones are accepted, but nothing arrives any more, until {@link restore}. */
  blackhole(): void;
  /** Changes one byte, drawn from `random`, of whatever passes next in that direction on each open connection. */
  corrupt(towards: "client" | "target"): void;
  /** Connections that the client holds open. */
  open(): number;
  /** Ends one direction of every open connection, as a peer that has nothing more to say; the other stays open. */
  halfClose(towards: "client" | "target"): void;
  /** A good network again. What was held back arrives now. */
  restore(): void;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";

/** Bytes held back in one direction before its sender is made to wait. */
const HELD_BYTES_MAX = 1024 * 1024;

export async function startDelayProxy(order: DelayProxyOrder): Promise<DelayProxy> {
  const links = new Set<Link>();
  let state: "open" | "cut" | "blackhole" = "open";
  const delayOf = (): number => order.delayMs + (order.jitterMs ?? 0) * order.random.fraction();

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    order.onTried?.();
    if (state === "cut") {
      client.resetAndDestroy();
      return;
    }
    const link = new Link(client, connect({ ...order.target, allowHalfOpen: true, noDelay: true }), delayOf);
    links.add(link);
    link.onClosed(() => links.delete(link));
    if (state === "blackhole") link.hold();
  });
  const port = await listen(server);

  const closeLinks = (): void => links.forEach((link) => link.destroy());
  return {
    port,
    endpoint: `${HOST}:${port}`,
    cut() {
      state = "cut";
      closeLinks();
    },
    blackhole() {
      state = "blackhole";
      links.forEach((link) => link.hold());
    },
    corrupt: (towards) => links.forEach((link) => link.corrupt(towards, order.random)),
    open: () => [...links].filter((link) => link.isHeld()).length,
    halfClose: (towards) => links.forEach((link) => link.halfClose(towards)),
    restore() {
      state = "open";
      links.forEach((link) => link.release());
    },
    async close() {
      closeLinks();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

async function listen(server: Server): Promise<number> {
  server.listen({ host: HOST, port: 0 });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** One connection of a client, and the one to the target that goes with it. */
class Link {
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #flows: readonly Flow[];

  constructor(client: Socket, target: Socket, delayOf: () => number) {
    this.#client = client;
    this.#target = target;
    this.#flows = [new Flow(client, target, delayOf), new Flow(target, client, delayOf)];
    for (const socket of [client, target]) {
      socket.on("error", () => this.destroy());
      socket.on("close", () => this.#endIfBothWaysEnded());
    }
  }

  hold(): void {
    for (const flow of this.#flows) flow.hold();
  }

  release(): void {
    for (const flow of this.#flows) flow.release();
  }

  halfClose(towards: "client" | "target"): void {
    (towards === "client" ? this.#client : this.#target).end();
  }

  corrupt(towards: "client" | "target", random: Random): void {
    this.#flows[towards === "target" ? 0 : 1]!.corrupt(random);
  }

  /** False once the client has let go of it: it does not hear, or says nothing more. */
  isHeld(): boolean {
    return !this.#client.destroyed && !this.#client.readableEnded;
  }

  onClosed(callback: () => void): void {
    this.#client.once("close", callback);
  }

  destroy(): void {
    for (const flow of this.#flows) flow.stop();
    for (const socket of [this.#client, this.#target]) if (!socket.destroyed) socket.resetAndDestroy();
  }

  #endIfBothWaysEnded(): void {
    if (this.#client.destroyed && this.#target.destroyed) this.destroy();
  }
}

interface Held {
  readonly dueMs: number;
  /** `undefined`: the sender has ended. */
  readonly bytes: Buffer | undefined;
}

/** One direction: what comes out of the source goes into the sink later, in order. */
class Flow {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #delayOf: () => number;
  #held: Held[] = [];
  #heldBytes = 0;
  #isHolding = false;
  #corruptNext: Random | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: Socket, sink: Socket, delayOf: () => number) {
    this.#source = source;
    this.#sink = sink;
    this.#delayOf = delayOf;
    source.on("data", (bytes) => this.#add(bytes));
    source.on("end", () => this.#add(undefined));
  }

  hold(): void {
    this.#isHolding = true;
    this.#cancelTimer();
  }

  release(): void {
    this.#isHolding = false;
    this.#schedule();
  }

  corrupt(random: Random): void {
    this.#corruptNext = random;
  }

  stop(): void {
    this.hold();
    this.#held = [];
  }

  #add(bytes: Buffer | undefined): void {
    if (bytes !== undefined && this.#corruptNext !== undefined) {
      const at = Math.floor(bytes.length * this.#corruptNext.fraction());
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x55, at);
      this.#corruptNext = undefined;
    }
    const dueMs = Math.max(performance.now() + this.#delayOf(), this.#held.at(-1)?.dueMs ?? 0);
    this.#held.push({ dueMs, bytes });
    this.#heldBytes += bytes?.length ?? 0;
    if (this.#heldBytes > HELD_BYTES_MAX) this.#source.pause();
    this.#schedule();
  }

  #schedule(): void {
    const next = this.#held[0];
    if (next === undefined || this.#isHolding || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#pass(), Math.max(0, next.dueMs - performance.now()));
  }

  #pass(): void {
    this.#cancelTimer();
    const nowMs = performance.now();
    for (let next = this.#held[0]; next !== undefined && next.dueMs <= nowMs; next = this.#held[0]) {
      this.#held.shift();
      this.#heldBytes -= next.bytes?.length ?? 0;
      if (this.#sink.writableEnded || this.#sink.destroyed) continue; // half closed: nobody hears it
      if (next.bytes === undefined) this.#sink.end();
      else this.#sink.write(next.bytes);
    }
    if (this.#heldBytes <= HELD_BYTES_MAX) this.#source.resume();
    this.#schedule();
  }

  #cancelTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
