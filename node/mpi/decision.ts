import type { IdentityRecord } from "./identity-record.ts";
import { toComparable, type Comparable } from "./linkage/comparable.ts";
import { frequenciesOf } from "./linkage/frequencies.ts";
import { linkFrom, makeLinker } from "./linkage/linker.ts";
import { readModel } from "./linkage/model.ts";
import { scorePair } from "./linkage/score.ts";
import { decideLink } from "./matching.ts";

/** Bits for (above 0) or against two records' being one person's, and how each field agrees; never a value. */
export interface PairScore {
  readonly weight: number;
  readonly fields: readonly { readonly field: string; readonly level: string; readonly weight: number }[];
}

/** Somebody whom a record may be. */
export interface Candidate {
  readonly personKey: number;
  readonly score: PairScore;
}

/** What the machine makes of a record. */
export type Decision =
  | { readonly kind: "link"; readonly personKey: number; readonly reason: string; readonly score?: PairScore }
  /** The record has a person of its own, and somebody is to look at it. */
  | { readonly kind: "review"; readonly reason: string; readonly candidates: readonly Candidate[] }
  | { readonly kind: "none"; readonly reason: string };

/** A person whom a record may be, with all their current records. */
export interface CandidatePerson {
  readonly personKey: number;
  readonly records: readonly IdentityRecord[];
}

/** People among whom a record is one of, for the odds before it is compared. */
const PEOPLE = 1_000_000;

/**
 * Says whose a record is. Pure. Where the rule links nobody although a number is held here, those who score within the
 * model's band of doubt are for somebody to look at; the others share no more than a number, by a slip.
 */
export function decide(incoming: IdentityRecord, persons: readonly CandidatePerson[]): Decision {
  const decided = decideLink(
    incoming,
    persons.map(({ personKey, records }) => ({ personId: personKey, records })),
  );
  if (decided.kind === "link") return { kind: "link", personKey: decided.personId, reason: decided.reason };
  const inDoubt = decided.reason === "nobody-agrees" || decided.reason === "several-agree";
  const candidates = inDoubt
    ? candidatesOf(incoming, persons).filter(({ score }) => score.weight >= scorer().from)
    : [];
  if (candidates.length === 0) return { kind: "none", reason: decided.reason };
  return { kind: "review", reason: decided.reason, candidates };
}

/** Each of these people with the score of the record of theirs that is most alike, the best first. */
export function candidatesOf(incoming: IdentityRecord, persons: readonly CandidatePerson[]): readonly Candidate[] {
  const one = toComparable(incoming);
  return persons
    .flatMap(({ personKey, records }): Candidate[] => {
      const [best] = records.map((other) => scorer().score(one, toComparable(other))).sort(byWeight);
      return best === undefined ? [] : [{ personKey, score: best }];
    })
    .sort((a, b) => byWeight(a.score, b.score));
}

function byWeight(a: PairScore, b: PairScore): number {
  return b.weight - a.weight;
}

interface Scorer {
  readonly from: number;
  readonly score: (one: Comparable, other: Comparable) => PairScore;
}

let made: Scorer | undefined;

/** Made when it is first needed: most records never are in doubt. */
function scorer(): Scorer {
  if (made !== undefined) return made;
  const model = readModel();
  const frequencies = frequenciesOf(model);
  const linker = makeLinker(model, frequencies);
  made = {
    from: linkFrom(model, PEOPLE) - model.reviewBits,
    score: (one, other) => scorePair(one, linker.pair(one, other).comparison, model, frequencies),
  };
  return made;
}
