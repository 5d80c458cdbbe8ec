/** Longest message, in bytes, its frame not counted. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;

/** What stood in a stream: a message, or why there is none. After `too-long` the next message is read as usual. */
export type Frame =
  | { readonly kind: "message"; readonly bytes: Buffer }
  | { readonly kind: "too-long"; /** Its beginning. */ readonly head: Buffer }
  | { readonly kind: "not-framed" };

/** How much is kept of a message that is too long: who sent it stands at the beginning. */
const HEAD_BYTES = 4096;

const START = 0x0b;
const END = Buffer.from([0x1c, 0x0d]);

/** @returns the message as it travels: 0x0b, the message, 0x1c, 0x0d (HL7 v2.4, minimal lower layer protocol). */
export function frame(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([START]), message, END]);
}

export interface Unframer {
  add(chunk: Buffer): Frame[];
  /** True while a message has begun whose end has not come. */
  isInside(): boolean;
}

function beginningOf(held: Buffer, piece: Buffer): Buffer {
  return Buffer.concat([held.subarray(0, HEAD_BYTES), piece.subarray(0, HEAD_BYTES)]).subarray(0, HEAD_BYTES);
}

/**
 * Takes messages out of a stream, those of one chunk at a time. A message that is too long is skipped, not buffered. Bytes
 * before a message are one fault, however many they are; line breaks there are nothing.
 */
export function makeUnframer(bytesMax = MESSAGE_BYTES_MAX): Unframer {
  /** A message whose end has not come yet, copied: the stream may use its buffers again. Grown by doubling, whatever the chunks. */
  let held = Buffer.alloc(0);
  let size = 0;
  /** Of a message that is too long. */
  let head: Buffer = Buffer.alloc(0);
  let state: "between" | "astray" | "inside" | "skipping" = "between";

  /** @returns where to go on in the chunk. */
  function seekStart(chunk: Buffer, from: number, found: Frame[]): number {
    const start = chunk.indexOf(START, from);
    const before = chunk.subarray(from, start === -1 ? chunk.length : start);
    if (state === "between" && before.some((byte) => byte !== 0x0d && byte !== 0x0a)) {
      found.push({ kind: "not-framed" });
      state = "astray";
    }
    if (start === -1) return chunk.length;
    state = "inside";
    return start + 1;
  }

  function seekEnd(chunk: Buffer, from: number, found: Frame[]): number {
    const end = endIn(chunk, from);
    keep(chunk.subarray(from, end ?? chunk.length));
    if (end === undefined) return chunk.length;
    const bytes = Buffer.from(held.subarray(0, size - END.length));
    found.push(state === "skipping" ? { kind: "too-long", head } : { kind: "message", bytes });
    [held, size, state] = [Buffer.alloc(0), 0, "between"];
    return end;
  }

  /** Of what is skipped only the last byte is kept: the end may lie in two chunks. */
  function keep(piece: Buffer): void {
    if (state === "skipping" || size + piece.length > bytesMax + END.length) {
      if (state !== "skipping") head = beginningOf(held.subarray(0, size), piece);
      [held, size, state] = [Buffer.from(piece.subarray(-1)), 1, "skipping"];
      return;
    }
    if (size + piece.length > held.length) {
      const grown = Buffer.alloc(Math.max(4096, 2 * held.length, size + piece.length));
      held.copy(grown, 0, 0, size);
      held = grown;
    }
    piece.copy(held, size);
    size += piece.length;
  }

  /** Just behind the end of the message. */
  function endIn(chunk: Buffer, from: number): number | undefined {
    if (size > 0 && held[size - 1] === END[0] && chunk[from] === END[1]) return from + 1;
    const at = chunk.indexOf(END, from);
    return at === -1 ? undefined : at + END.length;
  }

  return {
    add(chunk) {
      const found: Frame[] = [];
      let at = 0;
      while (at < chunk.length) {
        const between = state === "between" || state === "astray";
        at = between ? seekStart(chunk, at, found) : seekEnd(chunk, at, found);
      }
      return found;
    },
    isInside: () => state === "inside" || state === "skipping",
  };
}
