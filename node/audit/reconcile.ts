import { parseNodeId } from "../base/words.ts";

/**
 * Holds what one organisation wrote down against what the others did: every question that left must have its answer at the
 * other end, and every answer its question. Pairs by request id; needs no patient's details and looks at none.
 */

/** What an entry says that pairs it. */
export interface PairedEntry {
  readonly kind: string;
  readonly requestId: string;
  readonly asker: string;
  readonly holder: string | undefined;
  readonly atMs: number;
  readonly outcome: string;
  /** Of `outcomes` at the asker. */
  readonly detail: string | undefined;
}

/** One node's audit. */
export interface NodeAudit {
  readonly nodeId: string;
  readonly entries: AsyncIterable<PairedEntry> | Iterable<PairedEntry>;
}

/** Something that one end says and the other does not. */
export interface Unpaired {
  readonly what:
    /** The holder answered a question that the asker never asked. */
    | "no-question"
    /** The asker told its user what a holder answered, and the holder wrote down no answer. */
    | "no-answer"
    /** The holder gave an answer of which the asker told its user nothing, or something else. */
    | "told-otherwise"
    /** A question was asked, and what came of it was never written down. */
    | "no-outcomes";
  readonly requestId: string;
  readonly asker: string;
  readonly holder: string | undefined;
  readonly atMs: number;
}

/** What one node asked of another, in the time that all audits cover; both ends are among them. */
export interface PairOfNodes {
  readonly asker: string;
  readonly holder: string;
  /** Questions of which either end says that the holder answered. */
  readonly answers: number;
  /** Those of which the two say different things. */
  readonly differences: number;
}

export interface Reconciled {
  /** Questions whose every answer is at both ends. */
  readonly paired: number;
  /** Questions of which an end is not among the audits, so that nothing can be said. */
  readonly otherEndMissing: number;
  readonly unpaired: readonly Unpaired[];
  /** Every pair of nodes with an answer between them: the network at a glance. */
  readonly pairs: readonly PairOfNodes[];
  /** The time that all audits cover. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** What a holder's answer is to its asker, as far as it can be compared; the rest an asker finds by itself. */
const TOLD = new Set([
  "records",
  "nothing-to-show",
  "identity-check",
  "possible-match",
  "no-agreement",
  "refused",
  "not-covered",
  "opened",
]);

/** At the ends of the time that all cover, one end may lie inside and the other outside. */
const MARGIN_MS = 60_000;

interface Request {
  atMs: number;
  asker: string;
  asked: boolean;
  told: Map<string, string> | undefined;
  answered: Map<string, Set<string>>;
}

export async function reconcile(audits: readonly NodeAudit[]): Promise<Reconciled> {
  const known = new Set(audits.map(({ nodeId }) => nodeId));
  const requests = new Map<string, Request>();
  let [fromMs, toMs] = [-Infinity, Infinity];
  for (const { nodeId, entries } of audits) {
    let [firstMs, lastMs] = [Infinity, -Infinity];
    for await (const entry of entries) {
      [firstMs, lastMs] = [Math.min(firstMs, entry.atMs), Math.max(lastMs, entry.atMs)];
      note(nodeId, entry, requests);
    }
    [fromMs, toMs] = [Math.max(fromMs, firstMs), Math.min(toMs, lastMs)];
  }
  const covered = (atMs: number): boolean => atMs >= fromMs + MARGIN_MS && atMs <= toMs - MARGIN_MS;
  const unpaired: Unpaired[] = [];
  const pairs = new Map<string, PairOfNodes>();
  let [paired, otherEndMissing] = [0, 0];
  for (const [requestId, request] of requests) {
    if (!request.asked && request.answered.size === 0) continue;
    const found = [...faultsOf(request, known)].map((fault) => ({
      ...fault,
      requestId,
      asker: request.asker,
      atMs: request.atMs,
    }));
    if (covered(request.atMs)) {
      unpaired.push(...found);
      for (const holder of holdersOf(request, known)) {
        const key = `${request.asker} ${holder}`;
        const { answers, differences } = pairs.get(key) ?? { answers: 0, differences: 0 };
        const differs = found.some((fault) => fault.holder === holder);
        pairs.set(key, {
          asker: request.asker,
          holder,
          answers: answers + 1,
          differences: differences + (differs ? 1 : 0),
        });
      }
    }
    const isWhole =
      known.has(request.asker) &&
      [...request.answered.keys(), ...(request.told?.keys() ?? [])].every((id) => known.has(id));
    if (!isWhole) otherEndMissing++;
    else if (found.length === 0) paired++;
  }
  return {
    ...{ paired, otherEndMissing, fromMs, toMs },
    unpaired: unpaired.toSorted((one, other) => one.atMs - other.atMs),
    pairs: [...pairs.entries()].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, pair]) => pair),
  };
}

function note(nodeId: string, entry: PairedEntry, requests: Map<string, Request>): void {
  const { kind, requestId, asker, holder, atMs, outcome, detail } = entry;
  if (kind !== "question" && kind !== "answer" && kind !== "outcomes" && kind !== "restricted") return;
  const isOwn = asker === nodeId;
  if (kind === "outcomes" && !isOwn) return; // an attempt at this holder that broke off: nothing left
  const request: Request = requests.get(requestId) ?? {
    atMs,
    asker,
    asked: false,
    told: undefined,
    answered: new Map(),
  };
  requests.set(requestId, request);
  if (kind === "question") request.asked = true;
  // Its patient's location is protected: the question ended there, and nobody was asked.
  else if (kind === "restricted") request.asked = false;
  else if (kind === "outcomes") request.told = areasTold(detail);
  else if (!isOwn && holder !== undefined) {
    request.answered.set(holder, (request.answered.get(holder) ?? new Set<string>()).add(outcome));
  }
}

/** The others who answered, as either end says, where both ends are known. */
function holdersOf({ asker, told, answered }: Request, known: ReadonlySet<string>): readonly string[] {
  if (!known.has(asker)) return [];
  const saidTo = [...(told ?? [])].flatMap(([holder, outcome]) => (TOLD.has(outcome) ? [holder] : []));
  return [...new Set([...answered.keys(), ...saidTo])].filter((holder) => holder !== asker && known.has(holder));
}

function* faultsOf(
  { asker, asked, told, answered }: Request,
  known: ReadonlySet<string>,
): Generator<Pick<Unpaired, "what" | "holder">> {
  if (!known.has(asker)) return;
  if (!asked) yield* [...answered.keys()].map((holder) => ({ what: "no-question", holder }) as const);
  else if (told === undefined) yield { what: "no-outcomes", holder: undefined };
  else {
    for (const [holder, outcome] of told) {
      if (known.has(holder) && holder !== asker && TOLD.has(outcome) && !answered.has(holder)) {
        // What the directory decides before anybody is asked needs no answer.
        if (outcome !== "no-agreement" && outcome !== "not-covered") yield { what: "no-answer", holder };
      }
    }
    for (const [holder, outcomes] of answered) {
      const said = told.get(holder);
      // An answer that came too late, or broke off on its way, was told as no answer.
      if (said !== undefined && TOLD.has(said) && !outcomes.has(said)) yield { what: "told-otherwise", holder };
    }
  }
}

/** What each node's area said: what its user was told, but where the asker told otherwise, or did not ask. */
function areasTold(detail: string | undefined): Map<string, string> {
  if (detail === undefined) return new Map();
  const { areas, otherwise } = JSON.parse(detail) as {
    readonly areas?: readonly (readonly [string, string, ...unknown[]])[];
    readonly otherwise?: Readonly<Record<string, string>>;
  };
  const ofNodes = (areas ?? []).filter(([area]) => parseNodeId(area) !== undefined);
  return new Map(ofNodes.map(([area, outcome]) => [area, otherwise?.[area] ?? outcome]));
}
