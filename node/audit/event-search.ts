import type { Database } from "better-sqlite3";

import type { Clock } from "../base/clock.ts";
import type { Concealed } from "../base/concealed.ts";
import { EVENT_COLUMNS, EVENT_KINDS, type EventRow, toAuditEvent } from "./audit-event.ts";

/** Which events are looked for: of a patient, or of a user, or of one user about one patient. */
export interface EventTerms {
  /** Ten digits, and the tokens under which this node knows the patient. */
  readonly patients?: Concealed<readonly string[]>;
  readonly userId?: string;
  /** Milliseconds since the epoch, both included. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface EventPage {
  /** FHIR R4 AuditEvents, the newest first. */
  readonly events: readonly object[];
  /** Where the next page begins; absent where there is none. A page may be short, or empty, and have one behind it. */
  readonly before: number | undefined;
}

/** Looks for events in the log while its node works: in small steps, and no further than a bound. */
export interface EventSearch {
  /**
   * @param before of the page before; absent for the first.
   * @param count most events of the page.
   */
  page(terms: EventTerms, before: number | undefined, count: number): Promise<EventPage>;
  /** How many fit; `undefined` where that is more entries than are looked through for it. */
  count(terms: EventTerms): Promise<number | undefined>;
}

/** Entries that one step looks through: a few milliseconds. */
const STEP_ENTRIES = 2_000;
/** Entries that one page, and one count, look through at most: a second, and ten. */
const PAGE_ENTRIES_MAX = 200_000;
const COUNT_ENTRIES_MAX = 2_000_000;

/** @param db a read-only connection to the audit. */
export function makeEventSearch(db: Database, ownId: string, domain: string, clock: Clock): EventSearch {
  const newest = db.prepare<[], number>("SELECT coalesce(max(seq), 0) FROM audit_log").pluck();
  const oldest = db.prepare<[], number>("SELECT coalesce(min(seq), 0) FROM audit_log").pluck();
  const timeFrom = db
    .prepare<[number], number>("SELECT at_ms FROM audit_log WHERE seq >= ? ORDER BY seq LIMIT 1")
    .pluck();
  const kinds = EVENT_KINDS.map((kind) => `'${kind}'`).join(", ");
  const some = db.prepare<(string | number | null)[], EventRow>(
    `SELECT ${EVENT_COLUMNS} FROM audit_log WHERE seq >= ? AND seq < ? AND at_ms BETWEEN ? AND ?
       AND (? IS NULL OR user_id = ?) AND (? IS NULL OR patient IN (?, ?)) AND kind IN (${kinds}) ORDER BY seq DESC LIMIT ?`,
  );

  /** The first entry that is not before a moment: entries never go back in time. */
  function firstAt(ms: number): number {
    let [low, high] = [oldest.get() ?? 0, (newest.get() ?? 0) + 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((timeFrom.get(middle) ?? Infinity) < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function rowsIn(from: number, before: number, { patients, userId, fromMs, toMs }: EventTerms, most: number) {
    const user = userId ?? null;
    const [one = null, other = one] = patients?.expose() ?? [];
    return some.all(from, before, fromMs, toMs, user, user, one, one, other, most);
  }

  /** Steps from the newest entry back to the oldest that can fit, letting others work between two. */
  async function* steps(terms: EventTerms, before: number | undefined, entriesMax: number) {
    const first = firstAt(terms.fromMs);
    let high = Math.min(before ?? Infinity, firstAt(terms.toMs + 1));
    for (let looked = 0; high > first && looked < entriesMax; looked += STEP_ENTRIES) {
      const low = Math.max(first, high - STEP_ENTRIES);
      yield { low, high, first };
      high = low;
      await clock.sleep(0);
    }
  }

  return {
    async page(terms, before, count) {
      const events: object[] = [];
      let next: number | undefined;
      for await (const { low, high, first } of steps(terms, before, PAGE_ENTRIES_MAX)) {
        const rows = rowsIn(low, high, terms, count - events.length);
        events.push(...rows.map((row) => toAuditEvent(row, ownId, domain)));
        const isFull = events.length >= count;
        const reached = isFull ? (rows.at(-1)?.seq ?? low) : low;
        next = reached > first ? reached : undefined;
        if (isFull) break;
      }
      return { events, before: next };
    },
    async count(terms) {
      let [found, reached] = [0, 0];
      let isWhole = true;
      for await (const { low, high, first } of steps(terms, undefined, COUNT_ENTRIES_MAX)) {
        found += rowsIn(low, high, terms, STEP_ENTRIES).length;
        reached = low;
        isWhole = reached <= first;
      }
      return isWhole ? found : undefined;
    },
  };
}
