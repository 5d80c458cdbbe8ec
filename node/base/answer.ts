import type { EncounterView } from "./encounter.ts";
import type { RecordTypeKey } from "./record-types.ts";
import type { NodeId, OrganisationCode } from "./words.ts";

/** The closed set of outcomes, exactly one for each area of a locate. */
export const OUTCOMES = [
  "records",
  "nothing-to-show",
  "identity-check",
  "possible-match",
  "no-agreement",
  "refused",
  "not-covered",
  "timed-out",
  "unreachable",
  "resting",
  "incompatible",
  "directory-stale",
  "not-in-network",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Only these count as an answer; every other outcome leaves its scopes incomplete. */
export const ANSWERED_OUTCOMES: ReadonlySet<Outcome> = new Set([
  "records",
  "nothing-to-show",
  "identity-check",
  "possible-match",
]);

/** How much of a record type a role may see. `sealed`: none now, and told so, alike for every patient. */
export const ACCESS_LEVELS = ["full", "summary", "sealed", "none"] as const;
export type AccessLevel = (typeof ACCESS_LEVELS)[number];

export const SCOPES = ["collaborative", "region", "network"] as const;
export type Scope = (typeof SCOPES)[number];

/** What one member node answers for, or an ICS of the directory without a node (`nodeId` absent, no scopes). */
export interface Area {
  readonly nodeId?: NodeId;
  readonly name: string;
  readonly icsCodes: readonly OrganisationCode[];
  readonly scopes: readonly Scope[];
  readonly contact: string;
}

export interface Custodian {
  readonly code: OrganisationCode;
  readonly name: string;
  /** For clinical contact; empty when there is none. */
  readonly phone: string;
}

/** A record that exists, as shown to one asker. Never its content. */
export interface PointerView {
  readonly pointerId: string;
  readonly recordType: RecordTypeKey;
  readonly custodian: Custodian;
  /** `YYYY-MM-DD`, or empty. */
  readonly recordedOn: string;
  /** Milliseconds since the epoch; 0 when not known. */
  readonly updatedAtMs: number;
  /** MIME type; empty at summary level. */
  readonly format: string;
  readonly access: "full" | "summary";
  /** Areas that named this record so far, where more than one did: the asker's to say. */
  readonly sources: readonly NodeId[];
  /** The record itself, whoever names it: with the custodian's code the same at every holder. Absent where a holder does not say. */
  readonly document?: string;
  /** Of an attendance or a stay, where its custodian tells of each change. */
  readonly encounter?: EncounterView;
  /** How the system from which it can be opened has been doing; absent where it cannot be opened. */
  readonly source?: SourceHealth;
}

/** How a custodian's system has been doing, by the records that were opened from it. The same for every patient. */
export interface SourceHealth {
  /** When it last gave a record, milliseconds since the epoch; 0 where it has not since its node started. */
  readonly lastWorkedAtMs: number;
  /** How often it was tried in the last hour, and how often it gave the record. */
  readonly triedInHour: number;
  readonly workedInHour: number;
}

export const FEED_STATES = ["feeding", "stale", "paused", "not-connected"] as const;
export type FeedState = (typeof FEED_STATES)[number];

export interface ProviderFeed {
  readonly code: OrganisationCode;
  readonly name: string;
  readonly state: FeedState;
  /** The moment up to which the provider's data are complete here; 0 = never. */
  readonly lastReceivedAtMs: number;
}

/** Who feeds an area, and how fresh it is. Part of every answer; says nothing about the patient. */
export interface Coverage {
  readonly providers: readonly ProviderFeed[];
}

/** What one holder says about one question. */
export interface HolderAnswer {
  readonly outcome: Extract<
    Outcome,
    "records" | "nothing-to-show" | "identity-check" | "possible-match" | "no-agreement" | "refused" | "not-covered"
  >;
  readonly pointers: readonly PointerView[];
  readonly sealed: readonly RecordTypeKey[];
  /** Absent where the holder refused before it looked. */
  readonly coverage?: Coverage;
  /** Coded; empty where the outcome says all. Never depends on the patient. */
  readonly reason: string;
  /**
   * Record types that this role may not see here, by the access table or by the agreement; the same for every patient. Kinds
   * protected by law are left out: nobody is offered them.
   */
  readonly notOffered: readonly RecordTypeKey[];
  /** Records found beyond those that one answer carries; 0 unless the outcome is `records`. */
  readonly morePointers: number;
}

/** One area's answer, or why there is none. */
export interface AreaAnswer {
  readonly area: Area;
  readonly outcome: Outcome;
  readonly reason: string;
  readonly pointers: readonly PointerView[];
  readonly sealed: readonly RecordTypeKey[];
  readonly coverage?: Coverage;
  readonly elapsedMs: number;
  /** True for the asker's own index. */
  readonly own: boolean;
  /** As the area's node said it: see {@link HolderAnswer}. */
  readonly notOffered: readonly RecordTypeKey[];
  readonly morePointers: number;
}

export interface ScopeVerdict {
  readonly scope: Scope;
  readonly everyAreaAnswered: boolean;
  readonly areas: number;
  readonly answered: number;
}

export interface CoverageGap {
  readonly nodeId: NodeId;
  readonly provider: ProviderFeed;
}

/** What a locate covered. It never says that there is nothing else. */
export interface Verdict {
  readonly requestId: string;
  readonly asker: NodeId;
  readonly givenAtMs: number;
  readonly scopes: readonly ScopeVerdict[];
  readonly areas: readonly {
    readonly nodeId?: NodeId;
    readonly name: string;
    readonly outcome: Outcome;
    readonly elapsedMs: number;
    readonly reason: string;
    /** With these, what a scope covers and lacks can be told from the verdict alone. Empty for an ICS without a node. */
    readonly scopes: readonly Scope[];
  }[];
  readonly gaps: readonly CoverageGap[];
  /** Areas that answered although no provider is known to feed them now: their answer rests on nothing new. */
  readonly unfed: readonly NodeId[];
  readonly sentence: string;
  readonly fixedLine: string;
  readonly directory: { readonly sequence: number; readonly ageSeconds: number; readonly ageing: boolean };
}

/** A verdict's bytes as the asker's node signed them. */
export interface SignedBytes {
  readonly payload: Uint8Array;
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array;
}

export type LocateEvent =
  { readonly kind: "answer"; readonly answer: AreaAnswer } | { readonly kind: "verdict"; readonly verdict: Verdict };
