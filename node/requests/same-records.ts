import type { AreaAnswer, PointerView } from "../base/answer.ts";
import type { NodeId } from "../base/words.ts";

/** Which areas of one locate named which record. */
export class SameRecords {
  readonly #namedBy = new Map<string, readonly NodeId[]>();

  /** The answer as it is, but that each of its records names the areas that named the same one before it, and itself. */
  note(answer: AreaAnswer): AreaAnswer {
    const { nodeId } = answer.area;
    if (nodeId === undefined || answer.pointers.length === 0) return answer;
    return { ...answer, pointers: answer.pointers.map((pointer) => this.#noteOne(pointer, nodeId)) };
  }

  #noteOne(pointer: PointerView, nodeId: NodeId): PointerView {
    const { document, custodian } = pointer;
    if (document === undefined) return pointer;
    const key = `${custodian.code} ${document}`;
    const before = this.#namedBy.get(key) ?? [];
    if (before.includes(nodeId)) return pointer;
    const sources = [...before, nodeId];
    this.#namedBy.set(key, sources);
    return before.length === 0 ? pointer : { ...pointer, sources };
  }
}
