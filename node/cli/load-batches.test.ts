import assert from "node:assert/strict";

import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { anIdentity } from "../testing/an-index.ts";
import type { ReadFeedFile } from "./client.ts";
import { type Batch, type BatchOrder, readBatches } from "./load-batches.ts";

describe("batches of files", () => {
  const NO_WORD = { rejected: { field: "", reason: "broken quoting" } };

  /** Two files of so many lines, the header being the first; every tenth is broken, sources as long as is said. */
  const reading = (lines: number, characters = 10): ReadFeedFile =>
    async function* (_path, { wants = () => true } = {}) {
      for (let place = 0; place < lines; place++) {
        if (!wants(place)) continue;
        const parsed = place % 10 === 9 ? NO_WORD : anIdentity({ provider: place % 2 === 0 ? "RRK" : "RJE" });
        yield { place, line: place + 2, source: new Concealed("x".repeat(characters)), parsed };
      }
    };

  async function batchesOf(
    read: ReadFeedFile,
    from: BatchOrder["from"] = { file: 0, place: 0, line: 0 },
    provider?: string,
  ): Promise<Batch[]> {
    const only = provider === undefined ? {} : { provider };
    const batches: Batch[] = [];
    for await (const batch of readBatches({ files: ["a", "b"], from, read, onBytes() {}, ...only }))
      batches.push(batch);
    return batches;
  }
  const sizes = (batches: readonly Batch[]): number[] =>
    batches.map(({ items, rejects }) => items.length + rejects.length);

  it("hold a thousand lines, good and bad, and end where their last line does", async () => {
    const batches = await batchesOf(reading(1_500));
    assert.deepEqual(sizes(batches), [1_000, 1_000, 1_000]);
    assert.deepEqual(
      batches.map(({ end }) => end),
      [
        { file: 0, place: 1_000, line: 1_001, entry: undefined },
        { file: 1, place: 500, line: 501, entry: undefined },
        { file: 1, place: 1_500, line: 1_501, entry: undefined },
      ],
    );
    assert.deepEqual(batches[0]?.rejects[1]?.behind, 18);
  });

  it("stay far below what a message may hold, also of long lines, and of bad lines alone", async () => {
    assert.deepEqual(sizes(await batchesOf(reading(10, 65_000))), [4, 4, 4, 4, 4]);
    const bad: ReadFeedFile = async function* () {
      for (let place = 0; place < 1_200; place++) {
        yield { place, line: place + 2, source: new Concealed(""), parsed: NO_WORD };
      }
    };
    assert.deepEqual(sizes(await batchesOf(bad)), [1_000, 1_000, 400]);
  });

  it("go on after a position, and count another provider's lines as read", async () => {
    const batches = await batchesOf(reading(20), { file: 1, place: 15, line: 16 }, "RRK");
    assert.deepEqual(sizes(batches), [3]);
    assert.deepEqual(batches[0]?.end, { file: 1, place: 20, line: 21, entry: undefined });
  });

  const isReadOtherwise = (thrown: unknown): boolean =>
    thrown instanceof Failure && thrown.code === "invalid-input" && /--restart/.test(thrown.message);

  it("are not read on where places are no longer what they were", async () => {
    await assert.rejects(batchesOf(reading(20), { file: 0, place: 15, line: 15 }), isReadOtherwise);
  });

  it("are not read on where there are fewer places than there were", async () => {
    await assert.rejects(batchesOf(reading(20), { file: 0, place: 25, line: 26 }), isReadOtherwise);
    assert.deepEqual(sizes(await batchesOf(reading(20), { file: 0, place: 20, line: 21 })), [20]);
  });

  it("know the entries of a Bundle on one line from each other", async () => {
    const oneLine: ReadFeedFile = async function* (path, order) {
      for await (const read of reading(20)(path, order)) yield { ...read, line: 1, entry: 2 * read.place };
    };
    const [batch] = await batchesOf(oneLine);
    assert.deepEqual(batch?.end, { file: 1, place: 20, line: 1, entry: 38 });
    assert.deepEqual(sizes(await batchesOf(oneLine, { file: 1, place: 15, line: 1, entry: 28 })), [5]);
    await assert.rejects(batchesOf(oneLine, { file: 1, place: 15, line: 1, entry: 27 }), isReadOtherwise);
  });
});
