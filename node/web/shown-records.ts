import type { AreaAnswer, PointerView } from "../base/answer.ts";
import type { Random } from "../base/random.ts";
import { RECORD_TYPES } from "../base/record-types.ts";
import type { NodeId } from "../base/words.ts";
import { dayInWords } from "./layout.ts";

/** A record that stands on a session's page. */
export interface ShownRecord {
  readonly session: string;
  readonly nodeId: NodeId;
  readonly pointerId: string;
  readonly format: string;
  readonly title: string;
}

/** Records on all pages at once; the oldest goes first. */
const HELD_MAX = 20_000;

/** Opaque ids in the place of records, in the addresses of pages. Each is good for the session to which it was shown. */
export class ShownRecords {
  readonly #random: Random;
  readonly #held = new Map<string, ShownRecord>();

  constructor(random: Random) {
    this.#random = random;
  }

  give(session: string, area: AreaAnswer["area"], { pointerId, format, recordType, recordedOn }: PointerView): string {
    const id = this.#random.uuid();
    const title = `${RECORD_TYPES[recordType].display}, ${dayInWords(recordedOn)}`;
    this.#held.set(id, { session, nodeId: area.nodeId!, pointerId, format, title });
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= HELD_MAX) break;
      this.#held.delete(oldest);
    }
    return id;
  }

  find(session: string, id: string): ShownRecord | undefined {
    const record = this.#held.get(id);
    return record?.session === session ? record : undefined;
  }
}
