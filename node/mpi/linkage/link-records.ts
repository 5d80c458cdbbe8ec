import { Blocks } from "./blocks.ts";
import { linkLeftovers } from "./census.ts";
import { type Comparable, type MatchInput, toComparable } from "./comparable.ts";
import { CountedFrequencies } from "./frequencies.ts";
import { type Edge, groupRecords } from "./grouping.ts";
import { blockKeys } from "./keys.ts";
import { linkFrom, makeLinker } from "./linker.ts";
import type { LinkModel } from "./model.ts";
import { RecordArena } from "./record-arena.ts";

/** What {@link LinkRecords.link} made of the records. */
export interface Linked {
  /** Of each record, in the order in which they came, the index of its group's first. */
  readonly groupOf: Uint32Array;
  readonly pairsCompared: number;
  /** Blocks that were left out for their size. */
  readonly blocksCut: number;
}

/** Links the records of a file with one another: all that it keeps is some 400 bytes a record. */
export class LinkRecords {
  readonly #model: LinkModel;
  readonly #frequencies: CountedFrequencies;
  readonly #arena = new RecordArena();
  readonly #blocks = new Blocks();
  readonly #sources: number[] = [];
  readonly #sourceNumbers = new Map<string, number>();

  constructor(model: LinkModel) {
    this.#model = model;
    this.#frequencies = new CountedFrequencies(model);
  }

  /** @param source who sent it: says whether two sources cover the same people, and nothing else. */
  add(input: MatchInput, source: string): void {
    const record = toComparable(input);
    const index = this.#arena.size;
    this.#arena.add(record);
    this.#frequencies.add(record);
    this.#blocks.add(
      index,
      blockKeys(record).map(({ key }) => key),
    );
    const number = this.#sourceNumbers.get(source) ?? this.#sourceNumbers.size;
    this.#sourceNumbers.set(source, number);
    this.#sources.push(number);
  }

  /** The heaviest first, and of equal ones the same first in whatever order the records came. */
  #byWeight(): (a: Edge, b: Edge) => number {
    const sums = Uint32Array.from({ length: this.#arena.size }, (_, index) => this.#arena.sumOf(index));
    const [low, high] = [Math.min, Math.max].map(
      (pick) =>
        ({ one, other }: Edge) =>
          pick(sums[one]!, sums[other]!),
    );
    return (a, b) =>
      b.weight - a.weight || low!(a) - low!(b) || high!(a) - high!(b) || a.one - b.one || a.other - b.other;
  }

  /** @param onProgress told now and then how many of the records have been compared. */
  link(onProgress: (compared: number) => void): Linked {
    const linker = makeLinker(this.#model, this.#frequencies);
    const records = this.#arena.size;
    const from = linkFrom(this.#model, records);
    const recordAt = (index: number) => this.#arena.at(index);
    const edges: Edge[] = [];
    let pairsCompared = 0;
    let at = -1;
    let current: Comparable | undefined;
    const blocksCut = this.#blocks.forEachPair(records, (record, earlier) => {
      if (current === undefined || record !== at) {
        [at, current] = [record, recordAt(record)];
        if (record % 1_000 === 0) onProgress(record);
      }
      pairsCompared++;
      const { weight, veto, lacksProof } = linker.pair(current, recordAt(earlier));
      if (weight >= from - this.#model.marginBits) {
        edges.push({ one: earlier, other: record, weight, barred: veto !== undefined || lacksProof });
      }
    });
    edges.sort(this.#byWeight());
    const needs = { model: this.#model, linker, linkFrom: from, recordAt };
    const groupOf = groupRecords(records, edges, needs);
    linkLeftovers(groupOf, this.#sources, needs);
    return { groupOf, pairsCompared, blocksCut };
  }
}
