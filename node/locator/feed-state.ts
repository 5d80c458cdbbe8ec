import type { Database } from "better-sqlite3";

/** Writes up to which moment a provider's data are complete here. Only inside a transaction of the store's writer. */
export interface FeedStateStore {
  /** Only ever rises: an older load says nothing new about how fresh the data are. */
  advance(provider: string, asOfMs: number): void;
}

export function makeFeedStateStore(db: Database): FeedStateStore {
  const advance = db.prepare<[string, number]>(
    `INSERT INTO feed_state (provider, as_of_ms) VALUES (?, ?)
       ON CONFLICT (provider) DO UPDATE SET as_of_ms = excluded.as_of_ms WHERE excluded.as_of_ms > as_of_ms`,
  );
  return { advance: (provider, asOfMs) => void advance.run(provider, asOfMs) };
}
