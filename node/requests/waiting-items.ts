import type { Database } from "better-sqlite3";

import type { ObjectionRecord } from "../access/objection-store.ts";
import { rowChecksum, verifyRow, type RawRow } from "../base/row-checksum.ts";
import type { PointerRecord } from "../locator/pointer-store.ts";

/** A pointer or an objection whose patient has no identity record here yet. */
export type WaitingItem =
  | { readonly kind: "pointer"; readonly record: PointerRecord }
  | { readonly kind: "objection"; readonly record: ObjectionRecord };

/** What waits for an identity record. Nothing of it is shown to anybody. Only inside a transaction of the store's writer. */
export interface WaitingItems {
  /** Keeps an item until its identity comes; its provider's later word on the same record replaces the earlier one. */
  keep(item: WaitingItem, asOfMs: number, nowMs: number): void;
  /** Another word on the same record has been kept: what waits of it is out of date. */
  forget(item: WaitingItem): void;
  /** What waits for an identity, in the order in which it came. It waits no longer. */
  take(provider: string, localId: string): readonly { readonly item: WaitingItem; readonly asOfMs: number }[];
  /** How many items of these providers wait. */
  count(providers: readonly string[]): number;
  /** Drops what has waited since before a moment, at most a thousand at a time; true where some may be left. */
  dropOlderThan(ms: number): boolean;
}

const COLUMNS = "waiting_no, kind, provider, local_id, item_id, item, as_of_ms, since_ms, checksum";

/** So many are dropped at a time, so that no commit waits for a long clean-up. */
const DROPPED_AT_A_TIME = 1_000;

export function makeWaitingItems(db: Database): WaitingItems {
  const anyWaits = db.prepare<[], number>("SELECT EXISTS (SELECT 1 FROM waiting_item)").pluck();
  const nextNo = db.prepare<[], number>("SELECT coalesce(max(waiting_no), 0) + 1 FROM waiting_item").pluck();
  const add = db.prepare<(string | number)[]>(
    `INSERT OR REPLACE INTO waiting_item (${COLUMNS}) VALUES (${COLUMNS.replace(/\w+/g, "?")})`,
  );
  const remove = db.prepare<[string, string, string]>(
    "DELETE FROM waiting_item WHERE kind = ? AND provider = ? AND item_id = ?",
  );
  const ofPatient = db
    .prepare<[string, string], RawRow>(
      `DELETE FROM waiting_item WHERE provider = ? AND local_id = ? RETURNING ${COLUMNS}`,
    )
    .raw();
  const countOf = db.prepare<[string], number>("SELECT count(*) FROM waiting_item WHERE provider = ?").pluck();
  const drop = db.prepare<[number]>(
    `DELETE FROM waiting_item WHERE waiting_no IN
       (SELECT waiting_no FROM waiting_item WHERE since_ms < ? LIMIT ${DROPPED_AT_A_TIME})`,
  );
  /** False only where nothing waits: mostly nothing does, and then nobody pays for looking. */
  let mayWait = anyWaits.get() === 1;

  return {
    keep(item, asOfMs, nowMs) {
      mayWait = true;
      const { provider, localId } = item.record;
      const values = [item.kind, provider, localId, idOf(item), JSON.stringify(item.record), asOfMs, nowMs];
      const row = [nextNo.get() ?? 1, ...values];
      add.run(...row, rowChecksum(row));
    },
    forget(item) {
      if (mayWait) remove.run(item.kind, item.record.provider, idOf(item));
    },
    take(provider, localId) {
      if (!mayWait) return [];
      return ofPatient
        .all(provider, localId)
        .sort((one, other) => Number(one[0]) - Number(other[0]))
        .map(fromRow);
    },
    count: (providers) => providers.reduce((sum, provider) => sum + (countOf.get(provider) ?? 0), 0),
    dropOlderThan: (ms) => drop.run(ms).changes === DROPPED_AT_A_TIME,
  };
}

/** @throws {Failure} `store-unavailable`: the row is damaged. */
function fromRow(row: RawRow): { readonly item: WaitingItem; readonly asOfMs: number } {
  verifyRow("waiting_item", row);
  // As this store wrote it: what was validated at the door, under a checksum.
  const item = { kind: row[1], record: JSON.parse(String(row[5])) as unknown } as WaitingItem;
  return { item, asOfMs: Number(row[6]) };
}

function idOf({ kind, record }: WaitingItem): string {
  return kind === "pointer" ? record.recordId : record.objectionId;
}
