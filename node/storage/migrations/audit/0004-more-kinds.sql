-- Two kinds more: `review` (somebody looked at, or decided, who is whom) and `search` (somebody looked for a person). A
-- CHECK cannot be changed in place: the table is made anew, entry by entry, under its own numbers.
CREATE TABLE audit_log_now (
  seq                    INTEGER PRIMARY KEY,
  at_ms                  INTEGER NOT NULL,
  clock_behind_ms        INTEGER,
  kind                   TEXT    NOT NULL
    CHECK (kind IN ('question', 'refused', 'restricted', 'answer', 'outcomes', 'review', 'search')),
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
  salt                   BLOB    NOT NULL CHECK (length(salt) = 16),
  patient_nonce          BLOB    CHECK (length(patient_nonce) = 16)
) STRICT;

INSERT INTO audit_log_now SELECT * FROM audit_log;
DROP TABLE audit_log;
ALTER TABLE audit_log_now RENAME TO audit_log;

CREATE INDEX audit_log_by_request ON audit_log (seq >> 12, substr(request_id, 1, 8));

CREATE TRIGGER audit_log_is_never_changed BEFORE UPDATE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'audit entries are never changed');
END;

CREATE TRIGGER audit_log_is_never_shortened BEFORE DELETE ON audit_log
BEGIN
  SELECT RAISE(ABORT, 'audit entries are never removed');
END;
