import { hash } from "node:crypto";

import type { Database } from "better-sqlite3";

import type { Coverage, FeedState, PointerView, ProviderFeed, SourceHealth } from "../base/answer.ts";
import { type Clock, dayOf } from "../base/clock.ts";
import type { Permit } from "../base/permit.ts";
import { parseRecordType, PROTECTED_RECORD_TYPES, RECORD_TYPES, type RecordTypeKey } from "../base/record-types.ts";
import { damagedRow, verifyRow, type RawRow } from "../base/row-checksum.ts";
import type { OrganisationCode, Sensitivity } from "../base/words.ts";
import { NOTHING_WITHHELD, recordKey, type Withheld } from "../base/withheld.ts";
import { makeEncounterReader, visitOf } from "./encounter-store.ts";
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
  /** What may be shown, newest first; the newest {@link POINTERS_SHOWN_MAX} of them. */
  readonly shown: readonly PointerView[];
  /** How many older ones may be shown as well. */
  readonly more: number;
  /** True where any pointer is held, shown or not. For this node's audit alone; never for an answer. */
  readonly held: boolean;
}

/**
 * One answer carries so many pointers. At about 260 bytes each that is a sixteenth of the largest message that gRPC takes
 * by default (4 MiB): a very large record must not read as a fault of the network.
 */
export const POINTERS_SHOWN_MAX = 1_000;

export interface Locator {
  /**
   * The pointers of a person's identities, as far as the permit lets them be seen. Sealed types, types of level none,
   * legally protected kinds, and custodians or services above the caller's level are as if they were not there: of these
   * one row at most is read, so that how many there are cannot be told from the time that it takes.
   *
   * @param withheld what the person has objected to: likewise as if it were not there.
   * @throws {Failure} `store-unavailable`: a row is damaged.
   */
  pointersOf(identities: readonly number[], permit: Permit, withheld?: Withheld): PermittedPointers;
  /**
   * Where a record of these identities is fetched, by its pointer's public id; `undefined` where none of theirs has it. Says
   * nothing of who may: ask only for what {@link pointersOf} has shown.
   */
  addressOf(identities: readonly number[], pointerId: string): PointerAddress | undefined;
  /** Who feeds this node, and how fresh they are; at most {@link COVERAGE_AGE_MS_MAX} old. */
  coverage(): Coverage;
  /** Says that a load was acknowledged: the next coverage is computed anew. */
  feedsChanged(): void;
}

/** Where a record is fetched, as its provider's feed has it. */
export interface PointerAddress {
  readonly custodian: OrganisationCode;
  readonly address: string;
  readonly format: string;
}

/** Coverage is part of every answer: computed again no more often than this. */
const COVERAGE_AGE_MS_MAX = 1_000;

const MINUTE_MS = 60_000;

export interface LocatorNeeds {
  /** A read-only connection to the index. */
  readonly db: Database;
  readonly clock: Clock;
  readonly providers: readonly LocatorProvider[];
  /**
   * The moment after which the index may lack what was once acknowledged, milliseconds since the epoch; `undefined` where
   * it lacks nothing. No feed counts as fresh meanwhile.
   */
  readonly heldToMs?: () => number | undefined;
  /** How the system of a custodian has been doing; `undefined` where its records cannot be opened from here. */
  readonly sourceOf?: (custodian: OrganisationCode) => SourceHealth | undefined;
}

/**
 * So many pointers of an identity are read whatever their kind: seeking each kind costs more than reading a few rows too
 * many. What that adds to an answer's time depends on the patient, but is bounded by it, and small beside the floor.
 */
const ROWS_READ_MAX = 24;

/** What may be shown of an identity, and how many there are of it, those that are not carried included. */
interface Views {
  readonly views: readonly PointerView[];
  readonly count: number;
}

export function makeLocator({ db, clock, providers, heldToMs = () => undefined, sourceOf }: LocatorNeeds): Locator {
  const firstOfIdentity = db
    .prepare<[number, number], RawRow>(
      `SELECT ${POINTER_COLUMNS} FROM pointer WHERE pointer_no BETWEEN ? AND ? ORDER BY pointer_no LIMIT ${ROWS_READ_MAX + 1}`,
    )
    .raw();
  // Named, because without this index every row of an identity would be read: then this shall not even prepare.
  const ofKinds = `FROM pointer INDEXED BY pointer_by_kind WHERE pointer_no / ${PLACES_PER_IDENTITY} = ?
    AND record_type IN (SELECT value FROM json_each(?)) AND sensitivity IN (SELECT value FROM json_each(?))
    AND record_id NOT IN (SELECT value FROM json_each(?))`;
  const newestOfKinds = db
    .prepare<[number, string, string, string, number], RawRow>(
      `SELECT ${POINTER_COLUMNS} ${ofKinds} ORDER BY recorded_on DESC, token LIMIT ?`,
    )
    .raw();
  const countOfKinds = db.prepare<[number, string, string, string], number>(`SELECT count(*) ${ofKinds}`).pluck();
  const byToken = db
    .prepare<[number, number, string], RawRow>(
      `SELECT ${POINTER_COLUMNS} FROM pointer WHERE pointer_no BETWEEN ? AND ? AND token = ?`,
    )
    .raw();
  const encounters = makeEncounterReader(db);
  const feedStates = db.prepare<[], [string, number]>("SELECT provider, as_of_ms FROM feed_state").raw();
  const custodians = new Map<string, LocatorProvider>(
    providers.filter(({ state }) => state === "feeding" || state === "paused").map((each) => [each.code, each]),
  );
  let cached: { readonly coverage: Coverage; readonly atMs: number } | undefined;

  function pointersOf(
    identities: readonly number[],
    permit: Permit,
    withheld: Withheld = NOTHING_WITHHELD,
  ): PermittedPointers {
    const shown: PointerView[] = [];
    let total = 0;
    let held = false;
    for (const identityNo of identities) {
      const from = identityNo * PLACES_PER_IDENTITY;
      const few = firstOfIdentity.all(from, from + PLACES_PER_IDENTITY - 1);
      const [first] = few;
      if (first === undefined) continue;
      held = true;
      const custodian = custodianShown(first, permit);
      if (custodian === undefined || withheld.organisations.has(custodian.code)) continue;

      const many = few.length > ROWS_READ_MAX;
      const { views, count } = many
        ? viewsOfKinds(identityNo, custodian, permit, withheld)
        : viewsOf(few, permit, withheld);
      shown.push(...views);
      total += count;
    }
    const newest = shown.sort(newestFirst).slice(0, POINTERS_SHOWN_MAX);
    return { shown: newest, more: total - newest.length, held };
  }

  function addressOf(identities: readonly number[], pointerId: string): PointerAddress | undefined {
    for (const identityNo of identities) {
      const from = identityNo * PLACES_PER_IDENTITY;
      const row = byToken.get(from, from + PLACES_PER_IDENTITY - 1, pointerId);
      if (row === undefined) continue;
      verifyRow("pointer", row);
      const [, , custodian, , , , format, address] = row;
      return { custodian: String(custodian) as OrganisationCode, format: String(format), address: String(address) };
    }
    return undefined;
  }

  /** An identity with many pointers: only those of the kinds that may be shown are read, and no more than are carried. */
  function viewsOfKinds(identityNo: number, { code }: LocatorProvider, permit: Permit, withheld: Withheld): Views {
    const types = typesShown(code, permit).filter((recordType) => !withheld.recordTypes.has(recordType));
    const records = [...withheld.records].map((key) => key.slice(key.indexOf("\n") + 1));
    const kinds = [types, sensitivitiesShown(permit), records].map((each) => JSON.stringify(each)) as [
      string,
      string,
      string,
    ];
    const rows = newestOfKinds.all(identityNo, ...kinds, POINTERS_SHOWN_MAX);
    const read = viewsOf(rows, permit, withheld);
    if (rows.length < POINTERS_SHOWN_MAX) return read;
    return { views: read.views, count: countOfKinds.get(identityNo, ...kinds) ?? 0 };
  }

  function viewsOf(rows: readonly RawRow[], permit: Permit, withheld: Withheld): Views {
    const views = rows.map((row) => viewOf(row, permit, withheld)).filter((view) => view !== undefined);
    return { views, count: views.length };
  }

  /**
   * The provider, where it shares and the permit may know it. All pointers of one identity come from its one provider, so
   * one row says whose they are. A provider that left, or of which the topology says nothing, no longer shares.
   */
  function custodianShown(row: RawRow, permit: Permit): LocatorProvider | undefined {
    verifyRow("pointer", row);
    const custodian = custodians.get(String(row[2]));
    return custodian !== undefined && permit.mayKnowCustodian(custodian.sensitivity) ? custodian : undefined;
  }

  /** What is shown of a row. The index found it, but only the verified row itself says that it may be seen. */
  function viewOf(row: RawRow, permit: Permit, withheld: Withheld): PointerView | undefined {
    const custodian = custodianShown(row, permit);
    const [, pointerId, , , type, recordedOn, format, , sensitivity, updatedAtMs] = row;
    const recordType = parseRecordType(String(type));
    if (custodian === undefined || recordType === undefined || withheld.recordTypes.has(recordType)) return undefined;
    if (withheld.records.has(recordKey(custodian.code, String(row[3])))) return undefined;
    const access = levelShown(recordType, custodian.code, permit);
    if (access === undefined || !permit.mayKnowCustodian(sensitivityOf(row, sensitivity))) return undefined;
    return {
      pointerId: String(pointerId),
      recordType,
      custodian: { code: custodian.code, name: custodian.name, phone: custodian.phone },
      recordedOn: String(recordedOn),
      updatedAtMs: Number(updatedAtMs),
      format: access === "full" ? String(format) : "",
      access,
      sources: [],
      document: documentOf(String(row[3])),
      ...(recordType === "encounters" && encounterOf(row)),
      ...(access === "full" && openableFrom(custodian.code)),
    };
  }

  function openableFrom(custodian: OrganisationCode): Pick<PointerView, "source"> {
    const source = sourceOf?.(custodian);
    return source === undefined ? {} : { source };
  }

  /** Only of what is shown: nothing of what is withheld is read. */
  function encounterOf(row: RawRow): Partial<PointerView> {
    const visit = visitOf(String(row[3]));
    const held = visit === undefined ? undefined : encounters(String(row[2]), visit);
    // Its pointer went with the word that cancelled it.
    if (held === undefined || held.state === "cancelled") return {};
    const endedOn = held.state === "closed" ? dayOf(held.endedMs) : "";
    return { updatedAtMs: held.saidMs, encounter: { class: held.class, state: held.state, endedOn } };
  }

  function coverage(): Coverage {
    const nowMs = clock.monotonicMs();
    if (cached === undefined || nowMs - cached.atMs >= COVERAGE_AGE_MS_MAX) {
      const asOfMs = new Map(feedStates.all());
      cached = { coverage: computeCoverage(providers, asOfMs, clock.wallMs(), heldToMs()), atMs: nowMs };
    }
    return cached.coverage;
  }

  return { pointersOf, addressOf, coverage, feedsChanged: () => void (cached = undefined) };
}

/** What to say of each provider, given up to which moment its data are complete. Providers that left are not listed. */
function computeCoverage(
  providers: readonly LocatorProvider[],
  asOfMs: ReadonlyMap<string, number>,
  nowMs: number,
  heldToMs: number | undefined,
): Coverage {
  const listed: ProviderFeed[] = [];
  for (const provider of providers) {
    if (provider.state === "left") continue;
    const { code, name } = provider;
    const lastReceivedAtMs = Math.min(asOfMs.get(code) ?? 0, heldToMs ?? Infinity);
    const state = stateOf(provider, lastReceivedAtMs, nowMs);
    listed.push({
      code,
      name,
      state: heldToMs !== undefined && state === "feeding" ? "stale" : state,
      lastReceivedAtMs,
    });
  }
  return { providers: listed };
}

function stateOf(provider: LocatorProvider, lastReceivedAtMs: number, nowMs: number): FeedState {
  if (provider.state === "paused") return "paused";
  if (provider.state !== "feeding") return "not-connected";
  return nowMs - lastReceivedAtMs > provider.staleAfterMinutes * MINUTE_MS ? "stale" : "feeding";
}

/** The level at which a custodian's records of a type are seen; `undefined` where they are as if they were not there. */
function levelShown(
  recordType: RecordTypeKey,
  custodian: OrganisationCode,
  permit: Permit,
): PointerView["access"] | undefined {
  if (PROTECTED_RECORD_TYPES.has(recordType)) return undefined;
  const access = permit.levelOf(recordType, custodian);
  return access === "none" || access === "sealed" ? undefined : access;
}

function typesShown(custodian: OrganisationCode, permit: Permit): RecordTypeKey[] {
  const types = Object.keys(RECORD_TYPES) as RecordTypeKey[];
  return types.filter((recordType) => levelShown(recordType, custodian, permit) !== undefined);
}

function sensitivitiesShown(permit: Permit): Sensitivity[] {
  return (["N", "R", "V"] as const).filter((sensitivity) => permit.mayKnowCustodian(sensitivity));
}

function sensitivityOf(row: RawRow, text: unknown): Sensitivity {
  if (text !== "N" && text !== "R" && text !== "V") throw damagedRow("pointer", row[0]);
  return text;
}

/** What two holders of one provider's record have in common, and nobody can read: 128 bits of a digest. */
function documentOf(recordId: string): string {
  return hash("sha256", recordId, "base64url").slice(0, 22);
}

function newestFirst(one: PointerView, other: PointerView): number {
  if (one.recordedOn !== other.recordedOn) return one.recordedOn < other.recordedOn ? 1 : -1;
  return one.pointerId < other.pointerId ? -1 : 1;
}
