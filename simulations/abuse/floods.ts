import { METHOD } from "../testing/doors-call.ts";
import {
  FLAG,
  FRAME,
  NEWEST,
  SETTING,
  callHeaders,
  data,
  frame,
  literal,
  openCall,
  ping,
  priority,
  remembered,
  reset,
  settings,
  times,
  windowUpdate,
} from "./frames.ts";

/** One way to abuse HTTP/2 on a connection that was let in. */
export interface Flood {
  readonly what: string;
  /** The other end's settings, where the usual would spoil the abuse. */
  readonly settings?: Readonly<Partial<Record<number, number>>>;
  /** Whether what comes back is read; otherwise the other end's answers pile up. */
  readonly reads: boolean;
  /** The next bytes to send, again and again, as fast as they are taken. */
  readonly next: (turn: number) => Buffer;
}

const KIB = 1_024;
const BLOCK = callHeaders(METHOD.locate);
/** Client streams are odd, and rise. */
const streamOf = (nth: number): number => 2 * nth + 1;
/** The head of a message of 60 KiB, of which the rest is a long time coming. */
const MESSAGE_HEAD = Buffer.from([0, 0, 0, 0xf0, 0]);
const OPEN_STREAMS = 90;
const openStreams = (body: Buffer): Buffer =>
  Buffer.concat(
    Array.from({ length: OPEN_STREAMS }, (_, nth) =>
      Buffer.concat([openCall(streamOf(nth), BLOCK), data(streamOf(nth), body)]),
    ),
  );

/** So many calls at a time, each as `call` makes it. */
function calls(turn: number, count: number, call: (stream: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, nth) => call(streamOf(turn * count + nth))));
}

/** Opens calls first, then floods. */
const after =
  (first: Buffer, flood: Buffer) =>
  (turn: number): Buffer =>
    turn === 0 ? first : flood;

export const FLOODS: readonly Flood[] = [
  {
    what: "calls opened and reset at once",
    reads: true,
    next: (turn) => calls(turn, 100, (stream) => Buffer.concat([openCall(stream, BLOCK), reset(stream)])),
  },
  {
    what: "calls that make the server reset them",
    reads: true,
    next: (turn) => calls(turn, 100, (stream) => Buffer.concat([openCall(stream, BLOCK), windowUpdate(stream, 0)])),
  },
  {
    what: "more calls than may be open",
    reads: true,
    next: (turn) => calls(turn, 200, (stream) => openCall(stream, BLOCK)),
  },
  {
    what: "headers that never end (CONTINUATION)",
    reads: true,
    next: (turn) =>
      turn === 0
        ? frame(FRAME.headers, FLAG.none, 1, BLOCK)
        : times(1_000, frame(FRAME.continuation, FLAG.none, 1, literal("x", "y"))),
  },
  {
    what: "headers that never end, of nothing",
    reads: true,
    next: (turn) =>
      turn === 0 ? frame(FRAME.headers, FLAG.none, 1, BLOCK) : times(1_000, frame(FRAME.continuation, FLAG.none, 1)),
  },
  { what: "SETTINGS", reads: true, next: () => times(200, settings({ [SETTING.tableSize]: 4_096 })) },
  { what: "SETTINGS whose answers nobody reads", reads: false, next: () => times(200, settings()) },
  { what: "PING", reads: true, next: () => times(200, ping()) },
  { what: "PING whose answers nobody reads", reads: false, next: () => times(200, ping()) },
  { what: "WINDOW_UPDATE", reads: true, next: () => times(1_000, windowUpdate(0, 1)) },
  {
    what: "headers that unpack to a thousand times their size (HPACK)",
    reads: true,
    next(turn) {
      const keep = Buffer.concat([BLOCK, remembered("x", "y".repeat(3_900))]);
      const bomb = Buffer.concat([BLOCK, times(8_000, NEWEST)]);
      return turn === 0 ? openCall(1, keep) : calls(turn, 4, (stream) => openCall(stream, bomb));
    },
  },
  {
    what: "headers of 16 KiB",
    reads: true,
    next(turn) {
      const large = Buffer.concat([
        BLOCK,
        ...Array.from({ length: 4 }, (_, at) => literal(`x${at}`, "y".repeat(3_900))),
      ]);
      return calls(turn, 10, (stream) => openCall(stream, large));
    },
  },
  {
    what: "messages one byte at a time",
    reads: true,
    next: (turn) =>
      turn === 0
        ? openStreams(MESSAGE_HEAD)
        : Buffer.concat(
            Array.from({ length: 1_000 }, (_, at) => data(streamOf(at % OPEN_STREAMS), Buffer.of(turn % 256))),
          ),
  },
  {
    what: "DATA of nothing",
    reads: true,
    next: after(openStreams(MESSAGE_HEAD), times(1_000, data(1, Buffer.alloc(0)))),
  },
  { what: "priorities", reads: true, next: (turn) => calls(turn, 1_000, (stream) => priority(stream, stream + 2)) },
  {
    what: "frames of a type that nobody knows",
    reads: true,
    next: () => times(1_000, frame(0xee, FLAG.none, 0, Buffer.alloc(8))),
  },
  {
    what: "bytes for a call that was refused",
    reads: true,
    next: after(openCall(1, callHeaders(METHOD.answerLocate)), times(4, data(1, Buffer.alloc(16 * KIB)))),
  },
];
