import { isUtf8 } from "node:buffer";

/** Longest line of our own items, in bytes, its line break not counted. */
export const LINE_BYTES_MAX = 64 * 1024;

/** One line of a file, without its line break; lines are numbered from 1. */
export type Line =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly fault: "too-long" | "not-utf8" };

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Splits a stream of bytes into lines, those of one chunk at a time. A line that is too long is skipped, not buffered; one
 * that is not UTF-8 is named as such. Line feed or both breaks; a byte-order mark at the start is dropped.
 *
 * @param bytesMax longest line, its line break not counted.
 */
export async function* readLines(
  bytes: AsyncIterable<Uint8Array>,
  bytesMax = LINE_BYTES_MAX,
): AsyncGenerator<readonly Line[]> {
  const splitter = makeSplitter(bytesMax);
  for await (const chunk of bytes) yield splitter.add(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  yield splitter.end();
}

function makeSplitter(bytesMax: number) {
  /** The pieces of a line whose end has not come yet, copied: the stream may use its buffers again. */
  let begun: Buffer[] = [];
  let size = 0;
  let number = 0;

  function finish(rest: Buffer): Line {
    number++;
    const tooLong = size + rest.length > bytesMax + 1;
    const whole = tooLong || begun.length === 0 ? rest : Buffer.concat([...begun, rest]);
    [begun, size] = [[], 0];
    if (tooLong) return { number, fault: "too-long" };
    const line = trimmed(whole, number === 1);
    if (line.length > bytesMax) return { number, fault: "too-long" };
    return isUtf8(line) ? { number, text: line.toString("utf8") } : { number, fault: "not-utf8" };
  }

  function keep(rest: Buffer): void {
    if (rest.length === 0) return;
    size += rest.length;
    if (size > bytesMax + 1) begun = [];
    else begun.push(Buffer.from(rest));
  }

  return {
    add(chunk: Buffer): Line[] {
      const lines: Line[] = [];
      let from = 0;
      for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, from)) {
        lines.push(finish(chunk.subarray(from, at)));
        from = at + 1;
      }
      keep(chunk.subarray(from));
      return lines;
    },
    end: (): Line[] => (size > 0 ? [finish(Buffer.alloc(0))] : []),
  };
}

function trimmed(line: Buffer, first: boolean): Buffer {
  const from = first && line.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0;
  const to = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length;
  return line.subarray(from, Math.max(from, to));
}
