import { NumbersList } from "./numbers-list.ts";

/** Most records of one block: a larger one is of something that says nothing, such as a hostel's address. */
export const BLOCK_MAX = 100;

/** A key and a record stand in one number, which sorts fast: 28 bits of the key, 25 of the record. */
const RECORDS_MAX = 2 ** 25;
const KEYS = 2 ** 28;

/** Which records share a key with which others. */
export class Blocks {
  readonly #entries = new NumbersList();

  add(record: number, keys: readonly number[]): void {
    if (record >= RECORDS_MAX) throw new RangeError(`at most ${RECORDS_MAX} records`);
    for (const key of keys) this.#entries.push((key % KEYS) * RECORDS_MAX + record);
  }

  /**
   * Calls with every pair of records that share a block, once: the later record, and the earlier ones one after the other.
   *
   * @returns how many blocks were left out because they are larger than {@link BLOCK_MAX}.
   */
  forEachPair(records: number, visit: (record: number, earlier: number) => void): number {
    const entries = this.#entries.all().sort();
    const { blocks, cut } = findBlocks(entries);
    const { first, places } = blocksOfRecords(entries, blocks, records);
    const seen = new Set<number>();
    for (let record = 0; record < records; record++) {
      seen.clear();
      for (let at = first[record]!; at < first[record + 1]!; at++) {
        // Within a block the records stand in their order.
        for (let other = blocks[2 * places[at]!]!; ; other++) {
          const earlier = entries[other]! % RECORDS_MAX;
          if (earlier >= record) break;
          seen.add(earlier);
        }
      }
      for (const earlier of seen) visit(record, earlier);
    }
    return cut;
  }
}

/** Where the blocks of two and more begin and end. */
function findBlocks(entries: Float64Array): { readonly blocks: Float64Array; readonly cut: number } {
  const blocks = new NumbersList();
  let cut = 0;
  for (let from = 0, to = 0; from < entries.length; from = to) {
    const key = Math.floor(entries[from]! / RECORDS_MAX);
    while (to < entries.length && Math.floor(entries[to]! / RECORDS_MAX) === key) to++;
    if (to - from > BLOCK_MAX) cut++;
    else if (to - from > 1) {
      blocks.push(from);
      blocks.push(to);
    }
  }
  return { blocks: blocks.all(), cut };
}

/** The blocks of each record: those at `places[first[record]]` up to `first[record + 1]`. */
function blocksOfRecords(entries: Float64Array, blocks: Float64Array, records: number) {
  const first = new Uint32Array(records + 2);
  const forEach = (visit: (record: number, block: number) => void): void => {
    for (let block = 0; block * 2 < blocks.length; block++) {
      for (let at = blocks[2 * block]!; at < blocks[2 * block + 1]!; at++) visit(entries[at]! % RECORDS_MAX, block);
    }
  };
  // Counted two places on, so that filling them in moves each to where it belongs.
  forEach((record) => first[record + 2]!++);
  for (let at = 2; at < first.length; at++) first[at]! += first[at - 1]!;
  const places = new Uint32Array(first[records + 1]!);
  forEach((record, block) => (places[first[record + 1]!++] = block));
  return { first, places };
}
