/** Longest message, in bytes, its frame not counted. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;

/** What stood in a stream: a message, or why there is none. After `too-long` the next message is read as usual. */
export type Frame =
  | { readonly kind: "message"; readonly bytes: Buffer }
  | { readonly kind: "fault"; readonly why: "too-long" | "not-framed" };

const START = 0x0b;
const END = Buffer.from([0x1c, 0x0d]);

/** @returns the message as it travels: 0x0b, the message, 0x1c, 0x0d (HL7 v2.4, minimal lower layer protocol). */
export function frame(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([START]), message, END]);
}

/**
 * Takes messages out of a stream, those of one chunk at a time. A message that is too long is skipped, not buffered. Bytes
 * before a message are one fault, however many they are; line breaks there are nothing.
 */
export function makeUnframer(bytesMax = MESSAGE_BYTES_MAX): { add(chunk: Buffer): Frame[] } {
  /** A message whose end has not come yet, copied: the stream may use its buffers again. Grown by doubling, whatever the chunks. */
  let held = Buffer.alloc(0);
  let size = 0;
  let state: "between" | "astray" | "inside" | "skipping" = "between";

  /** @returns where to go on in the chunk. */
  function seekStart(chunk: Buffer, from: number, found: Frame[]): number {
    const start = chunk.indexOf(START, from);
    const before = chunk.subarray(from, start === -1 ? chunk.length : start);
    if (state === "between" && before.some((byte) => byte !== 0x0d && byte !== 0x0a)) {
      found.push({ kind: "fault", why: "not-framed" });
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
    const tooLong = state === "skipping" || bytes.length > bytesMax;
    found.push(tooLong ? { kind: "fault", why: "too-long" } : { kind: "message", bytes });
    [held, size, state] = [Buffer.alloc(0), 0, "between"];
    return end;
  }

  /** Of what is skipped only the last byte is kept: the end may lie in two chunks. */
  function keep(piece: Buffer): void {
    if (state === "skipping" || size + piece.length > bytesMax + END.length) {
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
  };
}
