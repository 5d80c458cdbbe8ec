import type { AreaAnswer, Verdict } from "../base/answer.ts";
import { Concealed } from "../base/concealed.ts";
import type { Claim } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import { documentReference, type FoundRecord, searchset } from "./document-reference.ts";
import type { Handles } from "./handles.ts";
import { Refusal } from "./outcome.ts";
import { isWanted, type RecordSearch } from "./record-search.ts";
import type { Caller } from "./routes.ts";

/** What areas answered, and the verdict over it. */
export interface Finding {
  readonly answers: readonly AreaAnswer[];
  readonly verdict: Verdict;
}

/** A searchset's resources, with the ids that stand in their addresses. */
export interface Shown extends Finding {
  readonly found: readonly { readonly id: string; readonly resource: () => object }[];
}

/** Ids of shown records are a user's own. */
export function ownerOf({ name }: Caller, { userId, organisation }: Claim): string {
  return `${name}\n${organisation}\n${userId}`;
}

/** The user, and all by which it was decided what they may see: whoever comes as somebody else is shown nothing. */
export function asWhom(caller: Caller, claim: Claim): string {
  const { role, setting, purpose, relationship, trigger } = claim;
  return [ownerOf(caller, claim), role, setting, purpose, relationship.kind, relationship.reference, trigger].join(
    "\n",
  );
}

/** Gives each record that was wanted its id. */
export function show(owner: string, search: RecordSearch, finding: Finding, handles: Handles): Shown {
  const number = new Concealed(search.patient.nhsNumber.expose());
  const wanted = finding.answers.flatMap(({ area, pointers }) =>
    pointers.filter((pointer) => isWanted(pointer, search)).map((pointer): FoundRecord => ({ area, pointer })),
  );
  const found = wanted.map((record) => {
    const { area, pointer } = record;
    const { id, shown } = handles.give(owner, (given) => ({
      patient: search.patient,
      ...{ nodeId: area.nodeId, pointerId: pointer.pointerId },
      resource: () => documentReference(given, record, number),
    }));
    return { id, resource: shown.resource };
  });
  return { ...finding, found };
}

/** Searches of which a further page can be asked for; the oldest goes first. */
const SEARCHES_MAX = 200;

/** The further pages of searches: in memory, each under an id that nobody can guess, for whoever searched. */
export class Pages {
  readonly #random: Random;
  readonly #left = new Map<
    string,
    { readonly as: string; readonly shown: Shown; readonly from: number; count: number }
  >();

  constructor(random: Random) {
    this.#random = random;
  }

  /** The searchset's first page. @param count records on a page. */
  first(as: string, shown: Shown, { count, isCount }: Pick<RecordSearch, "count" | "isCount">): object {
    return this.#page(as, shown, 0, isCount ? 0 : count);
  }

  /** @throws {Refusal} 404: there is no such page, or not for this user, or it is long ago. */
  next(as: string, id: string): object {
    const left = this.#left.get(id);
    if (left?.as === as) return this.#page(as, left.shown, left.from, left.count);
    const text = "There is no such page for this user any more: search again.";
    throw new Refusal(404, "not-found", text, { spineCode: "NO_RECORD_FOUND" });
  }

  #page(as: string, shown: Shown, from: number, count: number): object {
    const found = shown.found.slice(from, from + count).map(({ id, resource }) => ({ id, resource: resource() }));
    const hasMore = count > 0 && from + count < shown.found.length;
    const nextId = hasMore ? this.#keep(as, shown, from + count, count) : undefined;
    const page = { found, total: shown.found.length, isCount: count === 0, bannerId: this.#random.uuid(), nextId };
    return searchset({ ...shown, ...page });
  }

  #keep(as: string, shown: Shown, from: number, count: number): string {
    const id = this.#random.uuid();
    this.#left.set(id, { as, shown, from, count });
    for (const oldest of this.#left.keys()) {
      if (this.#left.size <= SEARCHES_MAX) break;
      this.#left.delete(oldest);
    }
    return id;
  }
}
