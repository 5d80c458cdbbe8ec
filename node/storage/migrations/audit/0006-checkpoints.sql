-- What this node has said of its log, signed, and which witnesses saw it (node/audit/DESIGN.md). A checkpoint is a signed
-- note; witnesses' lines are added to it as they come.
CREATE TABLE audit_checkpoint (
  size  INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  note  TEXT    NOT NULL
) STRICT;

-- What this node has seen of others' logs, as their witness: of each the largest tree that it vouched for.
CREATE TABLE witnessed_log (
  origin TEXT    PRIMARY KEY,
  size   INTEGER NOT NULL,
  root   BLOB    NOT NULL CHECK (length(root) = 32),
  at_ms  INTEGER NOT NULL,
  note   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Two signed notes of one log that cannot both be true: kept for whoever has to be told.
CREATE TABLE split_view (
  number   INTEGER PRIMARY KEY,
  origin   TEXT    NOT NULL,
  at_ms    INTEGER NOT NULL,
  vouched  TEXT    NOT NULL,
  offered  TEXT    NOT NULL,
  UNIQUE (vouched, offered)
) STRICT;
