-- Work that outlives a request. A row is written in the same transaction as its cause, and holds ids only.
CREATE TABLE outbox (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  kind       TEXT    NOT NULL,
  -- What makes the job the same job: asked for twice, it is there once.
  key        TEXT    NOT NULL,
  -- JSON object of ids.
  payload    TEXT    NOT NULL,
  attempts   INTEGER NOT NULL DEFAULT 0,
  -- Milliseconds since the epoch before which it is not tried again; 0 = at once.
  due_at_ms  INTEGER NOT NULL DEFAULT 0,
  -- Why it was given up; null while it waits.
  dead       TEXT,
  UNIQUE (kind, key)
) STRICT;

CREATE INDEX outbox_waiting ON outbox (id) WHERE dead IS NULL;

-- Jobs that were done: enqueued again, they are not done again.
CREATE TABLE job_done (
  kind       TEXT    NOT NULL,
  key        TEXT    NOT NULL,
  done_at_ms INTEGER NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_done_by_time ON job_done (done_at_ms);
