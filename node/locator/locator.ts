import type { Database } from "better-sqlite3";

import type { Coverage, FeedState, PointerView, ProviderFeed } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import type { Permit } from "../base/permit.ts";
import { parseRecordType, PROTECTED_RECORD_TYPES } from "../base/record-types.ts";
import { damagedRow, verifyRow, type RawRow } from "../base/row-checksum.ts";
import type { OrganisationCode, Sensitivity } from "../base/words.ts";
import { PLACES_PER_IDENTITY, POINTER_COLUMNS } from "./pointer-store.ts";

/** A provider's feed into this node, as the topology has it. */
export interface LocatorProvider {
  readonly code: OrganisationCode;
  readonly name: string;
  /** For clinical contact; empty when there is none. */
  readonly phone: string;
  readonly state: "planned" | "testing" | "viewing-only" | "feeding" | "paused" | "left";
  /** Confidentiality of the custodian itself: that somebody is its patient may already say too much. */
  readonly sensitivity: Sensitivity;
  /** Older than this, a feed counts as stale. */
  readonly staleAfterMinutes: number;
}

/** A person's pointers under one permit. */
export interface PermittedPointers {
  /** What may be shown, newest first. */
  readonly shown: readonly PointerView[];
  /** How many more are held. For this node's audit alone; never for an answer. */
  readonly withheld: number;
}

export interface Locator {
  /**
   * The pointers of a person's identities, as far as the permit lets them be seen. Sealed types, types of level none,
   * legally protected kinds, and custodians or services above the caller's level are as if they were not there.
   *
   * @throws {Failure} `store-unavailable`: a row is damaged.
   */
  pointersOf(identities: readonly number[], permit: Permit): PermittedPointers;
  /** Who feeds this node, and how fresh they are; at most {@link COVERAGE_AGE_MS_MAX} old. */
  coverage(): Coverage;
  /** Says that a load was acknowledged: the next coverage is computed anew. */
  feedsChanged(): void;
}

/** Coverage is part of every answer: computed again no more often than this. */
const COVERAGE_AGE_MS_MAX = 1_000;

const MINUTE_MS = 60_000;

export interface LocatorNeeds {
  /** A read-only connection to the index. */
  readonly db: Database;
  readonly clock: Clock;
  readonly providers: readonly LocatorProvider[];
}

export function makeLocator({ db, clock, providers }: LocatorNeeds): Locator {
  const pointersOfIdentity = db
    .prepare<[number, number], RawRow>(
      `SELECT ${POINTER_COLUMNS} FROM pointer WHERE pointer_no BETWEEN ? AND ? ORDER BY pointer_no`,
    )
    .raw();
  const feedStates = db.prepare<[], [string, number]>("SELECT provider, as_of_ms FROM feed_state").raw();
  const custodians = new Map<string, LocatorProvider>(
    providers.filter(({ state }) => state === "feeding" || state === "paused").map((each) => [each.code, each]),
  );
  let cached: { readonly coverage: Coverage; readonly atMs: number } | undefined;

  function pointersOf(identities: readonly number[], permit: Permit): PermittedPointers {
    const shown: PointerView[] = [];
    let held = 0;
    for (const identityNo of identities) {
      const first = identityNo * PLACES_PER_IDENTITY;
      for (const row of pointersOfIdentity.all(first, first + PLACES_PER_IDENTITY - 1)) {
        held++;
        const view = viewOf(row, permit);
        if (view !== undefined) shown.push(view);
      }
    }
    return { shown: shown.sort(newestFirst), withheld: held - shown.length };
  }

  function viewOf(row: RawRow, permit: Permit): PointerView | undefined {
    verifyRow("pointer", row);
    const [, pointerId, provider, , type, recordedOn, format, , sensitivity, updatedAtMs] = row;
    const recordType = parseRecordType(String(type));
    const custodian = custodians.get(String(provider));
    // A provider that left, or of which the topology says nothing, no longer shares.
    if (recordType === undefined || custodian === undefined || PROTECTED_RECORD_TYPES.has(recordType)) return undefined;
    const access = permit.levelOf(recordType);
    if (access === "none" || access === "sealed") return undefined;
    if (!permit.mayKnowCustodian(custodian.sensitivity) || !permit.mayKnowCustodian(sensitivityOf(row, sensitivity))) {
      return undefined;
    }
    return {
      pointerId: String(pointerId),
      recordType,
      custodian: { code: custodian.code, name: custodian.name, phone: custodian.phone },
      recordedOn: String(recordedOn),
      updatedAtMs: Number(updatedAtMs),
      format: access === "full" ? String(format) : "",
      access,
      sources: [],
    };
  }

  function coverage(): Coverage {
    const nowMs = clock.monotonicMs();
    if (cached === undefined || nowMs - cached.atMs >= COVERAGE_AGE_MS_MAX) {
      cached = { coverage: computeCoverage(providers, new Map(feedStates.all()), clock.wallMs()), atMs: nowMs };
    }
    return cached.coverage;
  }

  return { pointersOf, coverage, feedsChanged: () => void (cached = undefined) };
}

/** What to say of each provider, given up to which moment its data are complete. Providers that left are not listed. */
function computeCoverage(
  providers: readonly LocatorProvider[],
  asOfMs: ReadonlyMap<string, number>,
  nowMs: number,
): Coverage {
  const listed: ProviderFeed[] = [];
  for (const provider of providers) {
    if (provider.state === "left") continue;
    const { code, name } = provider;
    const lastReceivedAtMs = asOfMs.get(code) ?? 0;
    listed.push({ code, name, state: stateOf(provider, lastReceivedAtMs, nowMs), lastReceivedAtMs });
  }
  return { providers: listed };
}

function stateOf(provider: LocatorProvider, lastReceivedAtMs: number, nowMs: number): FeedState {
  if (provider.state === "paused") return "paused";
  if (provider.state !== "feeding") return "not-connected";
  return nowMs - lastReceivedAtMs > provider.staleAfterMinutes * MINUTE_MS ? "stale" : "feeding";
}

function sensitivityOf(row: RawRow, text: unknown): Sensitivity {
  if (text !== "N" && text !== "R" && text !== "V") throw damagedRow("pointer", row[0]);
  return text;
}

function newestFirst(one: PointerView, other: PointerView): number {
  if (one.recordedOn !== other.recordedOn) return one.recordedOn < other.recordedOn ? 1 : -1;
  return one.pointerId < other.pointerId ? -1 : 1;
}
