-- Who asked about whom, why, and what left. Each column, and why it is kept: node/audit/DESIGN.md.
CREATE TABLE audit_log (
  seq                    INTEGER PRIMARY KEY,
  at_ms                  INTEGER NOT NULL,
  clock_behind_ms        INTEGER,
  kind                   TEXT    NOT NULL CHECK (kind IN ('question', 'refused', 'restricted', 'answer', 'outcomes')),
  request_id             TEXT    NOT NULL,
  attempt_id             TEXT,
  permit_id              TEXT,
  asker                  TEXT    NOT NULL,
  holder                 TEXT,
  user_id                TEXT,
  role                   TEXT,
  setting                TEXT,
  organisation           TEXT,
  assurance              TEXT,
  purpose                TEXT,
  relationship           TEXT,
  relationship_reference TEXT,
  trigger_kind           TEXT,
  reason                 TEXT,
  patient                TEXT,
  person_id              TEXT,
  outcome                TEXT    NOT NULL,
  why                    TEXT,
  pointer_ids            TEXT,
  detail                 TEXT,
  evidence_payload       BLOB,
  evidence_signature     BLOB,
  salt                   BLOB    NOT NULL CHECK (length(salt) = 16)
) STRICT;

-- By request, in stretches of 4,096 entries. Request ids are random: one index over all of them would rewrite a page
-- for every entry once it is larger than the cache; this one writes where the log ends. A reader asks each stretch.
CREATE INDEX audit_log_by_request ON audit_log (seq >> 12, substr(request_id, 1, 8));

-- Entries are added and nothing else. Retention will come with its own migration, and its own proof.
CREATE TRIGGER audit_log_is_never_changed BEFORE UPDATE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'audit entries are never changed');
END;

CREATE TRIGGER audit_log_is_never_shortened BEFORE DELETE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'audit entries are never removed');
END;

-- Attempts answered lately, so that none is answered twice, across restarts. The key is a hash of asker and attempt.
CREATE TABLE seen_attempt (
  key   BLOB    PRIMARY KEY CHECK (length(key) = 16),
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
