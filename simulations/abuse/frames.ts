/** HTTP/2 frames made by hand (RFC 9113, RFC 7541): for those that no library would send. */

/** @see RFC 9113, section 6 */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const FLAG = { none: 0, endHeaders: 4 } as const;
/** Of a setting: RFC 9113, section 6.5.2. */
export const SETTING = { tableSize: 1 } as const;
/** Why a stream is reset: nobody wants it any more. */
export const CANCEL = 8;

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const NOTHING = Buffer.alloc(0);

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = NOTHING): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function settings(values: Readonly<Partial<Record<number, number>>> = {}): Buffer {
  const pairs = Object.entries(values).map(([id, value]) => {
    const pair = Buffer.alloc(6);
    pair.writeUInt16BE(Number(id), 0);
    pair.writeUInt32BE(value ?? 0, 2);
    return pair;
  });
  return frame(FRAME.settings, FLAG.none, 0, Buffer.concat(pairs));
}

export const ping = (): Buffer => frame(FRAME.ping, FLAG.none, 0, Buffer.alloc(8));
export const reset = (stream: number): Buffer => frame(FRAME.reset, FLAG.none, stream, word(CANCEL));
export const windowUpdate = (stream: number, by: number): Buffer =>
  frame(FRAME.windowUpdate, FLAG.none, stream, word(by));
export const data = (stream: number, bytes: Uint8Array, flags: number = FLAG.none): Buffer =>
  frame(FRAME.data, flags, stream, bytes);

/** A stream that is to depend on another one; both are forgotten at once by whoever knows no priorities. */
export function priority(stream: number, on: number): Buffer {
  return frame(FRAME.priority, FLAG.none, stream, Buffer.concat([word(on), Buffer.of(16)]));
}

/** A header as a literal that is not remembered; an upper-case letter would be refused. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), text(name), text(value)]);
}

/** A header as a literal that is kept in the other end's table, as its newest: {@link NEWEST} repeats it. */
export function remembered(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), text(name), text(value)]);
}
/** The newest of the dynamic table, in one byte. */
export const NEWEST = Buffer.of(0x80 | 62);

/** The block that opens a gRPC call. */
export function callHeaders(method: string, ...more: readonly Uint8Array[]): Buffer {
  const pseudo = [Buffer.of(0x83, 0x87), literal(":path", method), literal(":authority", "door")]; // POST, https
  return Buffer.concat([...pseudo, literal("content-type", "application/grpc"), literal("te", "trailers"), ...more]);
}

/** Opens a call; its body is still to come. */
export const openCall = (stream: number, block: Uint8Array): Buffer =>
  frame(FRAME.headers, FLAG.endHeaders, stream, block);

/** The same frames again and again, in one write. */
export const times = (count: number, bytes: Buffer): Buffer => Buffer.concat(Array<Buffer>(count).fill(bytes));

function text(string: string): Buffer {
  const bytes = Buffer.from(string, "latin1");
  return Buffer.concat([integer(bytes.length, 7), bytes]);
}

/** RFC 7541, section 5.1; the bits in front of the prefix are 0. */
function integer(value: number, prefixBits: number): Buffer {
  const limit = 2 ** prefixBits - 1;
  if (value < limit) return Buffer.of(value);
  const bytes = [limit];
  let rest = value - limit;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest % 128) | 128);
  return Buffer.of(...bytes, rest);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
