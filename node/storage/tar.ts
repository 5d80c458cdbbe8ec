import { check } from "../base/check.ts";
import { Failure } from "../base/failure.ts";

/** A file in a tar archive. Names are plain, without folders. */
export interface TarEntry {
  readonly name: string;
  readonly bytes: number;
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

const BLOCK_BYTES = 512;
/** What eleven octal digits hold; larger sizes are written in binary, as GNU tar does. */
const OCTAL_SIZE_MAX = 8 ** 11 - 1;

/** A tar archive of plain files (POSIX ustar): any `tar` reads it. */
export async function* tarOf(entries: Iterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for (const { name, bytes, content } of entries) {
    yield headerOf(name, bytes);
    let written = 0;
    for await (const chunk of content) {
      written += chunk.length;
      yield chunk;
    }
    check(written === bytes, `${name} is as long as its header in the archive says`);
    yield Buffer.alloc(paddingOf(bytes));
  }
  yield Buffer.alloc(2 * BLOCK_BYTES);
}

/**
 * Reads an archive that {@link tarOf} made. An entry's content must be read to its end before the next one is asked for.
 *
 * @throws {Failure} `invalid-input`: it is no such archive, or it ends early.
 */
export async function* readTar(archive: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const source = new Source(archive);
  for (;;) {
    const header = await source.exactly(BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) {
      await source.rest();
      return;
    }
    if (checksumOf(header) !== Number.parseInt(header.toString("latin1", 148, 154), 8)) throw broken();
    const name = header.toString("latin1", 0, 100).replace(/\0.*$/s, "");
    const bytes = sizeIn(header);
    if (!/^[\w.-]+$/.test(name) || !Number.isSafeInteger(bytes) || bytes < 0) throw broken();
    yield { name, bytes, content: source.upTo(bytes) };
    await source.exactly(paddingOf(bytes));
  }
}

function headerOf(name: string, bytes: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name, 0, 100, "latin1");
  header.write("0000600\0", 100, "latin1");
  header.write("0000000\0", 108, "latin1");
  header.write("0000000\0", 116, "latin1");
  if (bytes <= OCTAL_SIZE_MAX) header.write(`${bytes.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  else {
    header[124] = 0x80;
    header.writeUIntBE(bytes, 130, 6);
  }
  header.write(`${"0".repeat(11)}\0`, 136, "latin1");
  header.write("0", 156, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  header.write(`${checksumOf(header).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** The sum of a header's bytes, its own place counted as spaces. */
function checksumOf(header: Buffer): number {
  return header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
}

function sizeIn(header: Buffer): number {
  if (header[124] === 0x80) return header.readUIntBE(130, 6);
  return Number.parseInt(header.toString("latin1", 124, 135), 8);
}

function paddingOf(bytes: number): number {
  return (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

/** Chunks of any length, read in lengths that are asked for. */
class Source {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #left: Uint8Array = new Uint8Array();

  constructor(archive: AsyncIterable<Uint8Array>) {
    this.#chunks = archive[Symbol.asyncIterator]();
  }

  async *upTo(bytes: number): AsyncGenerator<Uint8Array> {
    for (let wanted = bytes; wanted > 0;) {
      if (this.#left.length === 0 && !(await this.#more())) throw broken();
      const part = this.#left.subarray(0, wanted);
      this.#left = this.#left.subarray(part.length);
      wanted -= part.length;
      yield part;
    }
  }

  async exactly(bytes: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.upTo(bytes)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** Reads what is behind the archive's end: a stream that is checked at its end has then been checked. */
  async rest(): Promise<void> {
    while (await this.#more());
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    this.#left = next.value;
    return true;
  }
}

function broken(): Failure {
  return new Failure("invalid-input", "This is not a whole backup: it ends early, or it is another kind of file.");
}
