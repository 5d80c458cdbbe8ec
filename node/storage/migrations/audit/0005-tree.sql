-- Which kinds of entries there are is the program's own affair from now on: a CHECK cannot be changed in place, and each
-- new kind would copy the log once more.
CREATE TABLE audit_log_now (
  seq                    INTEGER PRIMARY KEY,
  at_ms                  INTEGER NOT NULL,
  clock_behind_ms        INTEGER,
  kind                   TEXT    NOT NULL,
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

-- What retention erases is the beginning of the log, and an entry of the log itself says up to where.
CREATE TABLE audit_retention (
  only      INTEGER PRIMARY KEY CHECK (only = 1),
  erased_to INTEGER NOT NULL
) STRICT;

INSERT INTO audit_retention (only, erased_to) VALUES (1, 0);

CREATE TRIGGER audit_log_is_never_shortened BEFORE DELETE ON audit_log
WHEN OLD.seq > (SELECT erased_to FROM audit_retention)
BEGIN
  SELECT RAISE(ABORT, 'audit entries are never removed, but by retention');
END;

-- The Merkle tree over the log (RFC 9162; node/audit/DESIGN.md). The leaf of entry n is n - 1. Leaves stay when retention
-- erases their entry. Of the inner nodes those over 2^8, 2^16, 2^24 … leaves are kept: the others are a few hashes away.
CREATE TABLE audit_leaf (
  place INTEGER PRIMARY KEY,
  hash  BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE audit_subtree (
  level INTEGER NOT NULL,
  place INTEGER NOT NULL,
  hash  BLOB    NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_leaf_is_never_changed BEFORE UPDATE ON audit_leaf
BEGIN
  SELECT RAISE(ABORT, 'leaves of the audit are never changed');
END;

CREATE TRIGGER audit_leaf_is_never_removed BEFORE DELETE ON audit_leaf
BEGIN
  SELECT RAISE(ABORT, 'leaves of the audit are never removed');
END;
