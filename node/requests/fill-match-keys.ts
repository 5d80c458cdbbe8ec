import type { Database } from "better-sqlite3";

import type { Clock } from "../base/clock.ts";
import type { RawRow } from "../base/row-checksum.ts";
import { fromRow, IDENTITY_COLUMNS } from "../mpi/identity-record.ts";
import { makeMatchKeyStore } from "../mpi/match-keys.ts";
import { FILL_MATCH_KEYS } from "../mpi/search.ts";
import type { CommandHandlers, StoreExecutor } from "../storage/executor.ts";
import { enqueue } from "../storage/outbox.ts";

/** How long one command keeps the index's writer from everything else. */
const WRITER_MS = 10;
/** Rows that one command reads at most. */
const ROWS_A_COMMAND = 200;
/** So many rows are one job: a few seconds' work. What is left is another job. */
const ROWS_A_JOB = 20_000;

declare module "../storage/executor.ts" {
  interface StoreCommands {
    /** Writes the keys of some versions behind a row, up to another; the result is how far it came. */
    "fill-match-keys": { payload: { readonly after: number; readonly upTo: number }; result: number };
  }
}

/**
 * Gives identities their match keys that came before there were any: the next stretch of them, in short steps. What is left
 * is enqueued as a job of its own. Doing it twice does no harm.
 *
 * @param after the row behind which it begins.
 * @param signal stops it between two steps.
 */
export async function fillMatchKeys(store: StoreExecutor, after: number, signal: AbortSignal): Promise<void> {
  const upTo = after + ROWS_A_JOB;
  for (let at = after; at < upTo;) {
    signal.throwIfAborted();
    at = await store.run("fill-match-keys", { after: at, upTo });
  }
}

export function makeHandlers(db: Database, clock: Clock): CommandHandlers {
  const keys = makeMatchKeyStore(db);
  const behind = db
    .prepare<[number, number], RawRow>(
      `SELECT ${IDENTITY_COLUMNS} FROM identity_record WHERE record_no > ? AND record_no <= ? ORDER BY record_no
         LIMIT ${ROWS_A_COMMAND}`,
    )
    .raw();
  const isMore = db
    .prepare<[number], number>("SELECT EXISTS (SELECT 1 FROM identity_record WHERE record_no > ?)")
    .pluck();
  return {
    "fill-match-keys": ({ after, upTo }) => {
      const byMs = clock.monotonicMs() + WRITER_MS;
      let at = after;
      const versions = behind.all(after, upTo).map(fromRow);
      for (const version of versions) {
        if (at > after && clock.monotonicMs() > byMs) return at;
        keys.add(version.identityNo, version);
        at = version.recordNo;
      }
      if (versions.length === ROWS_A_COMMAND) return at;
      if (isMore.get(upTo) === 1) {
        enqueue(db, { kind: FILL_MATCH_KEYS, key: `after-${upTo}`, payload: { after: String(upTo) } });
      }
      return upTo;
    },
  };
}
