import assert from "node:assert/strict";

import { Failure } from "../base/failure.ts";
import { readTar, tarOf } from "./tar.ts";

async function* inPieces(bytes: Buffer, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function archiveOf(files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const entries = Object.entries(files).map(([name, content]) => ({ name, bytes: content.length, content: [content] }));
  const parts: Uint8Array[] = [];
  for await (const part of tarOf(entries)) parts.push(part);
  return Buffer.concat(parts);
}

async function filesIn(archive: AsyncIterable<Uint8Array>): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for await (const { name, content } of readTar(archive)) {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    files[name] = Buffer.concat(parts);
  }
  return files;
}

const FILES = { "a.db": Buffer.alloc(10_000, "a"), "empty.key": Buffer.alloc(0), "b.json": Buffer.from("{}") };

describe("a tar archive", () => {
  for (const pieceBytes of [1, 511, 512, 100_000]) {
    it(`gives back what went into it, in pieces of ${pieceBytes} bytes`, async () => {
      assert.deepEqual(await filesIn(inPieces(await archiveOf(FILES), pieceBytes)), FILES);
    });
  }

  it("that ends early is told from a whole one, wherever it ends", async () => {
    const archive = await archiveOf(FILES);
    for (let at = 0; at < archive.length - 1_024; at += 500) {
      await assert.rejects(filesIn(inPieces(archive.subarray(0, at), 4_096)), Failure, `cut at ${at}`);
    }
  });

  it("with a changed header, or another kind of file, is refused", async () => {
    const archive = await archiveOf(FILES);
    archive[3] = archive[3]! ^ 1;
    await assert.rejects(filesIn(inPieces(archive, 4_096)), /not a whole backup/);
    await assert.rejects(filesIn(inPieces(Buffer.alloc(5_000, "surname,"), 4_096)), /not a whole backup/);
  });

  it("refuses names that lead elsewhere", async () => {
    const archive = await archiveOf({ "../../etc/passwd": Buffer.from("x") });
    await assert.rejects(filesIn(inPieces(archive, 4_096)), /not a whole backup/);
  });

  it("says the size of a file that octal digits cannot", async () => {
    const bytes = 9 * 2 ** 30;
    const [header] = [(await tarOf([{ name: "large.db", bytes, content: [] }]).next()).value as Uint8Array];
    const [entry] = [(await readTar(inPieces(Buffer.from(header), 512)).next()).value as { bytes: number }];
    assert.equal(entry.bytes, bytes);
  });
});
