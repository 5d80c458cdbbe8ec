-- What the node's own users claimed of a patient to ask about them, held against what its hospitals say of their
-- attendances (node/requests/check-claims.ts). Derived from the log and the index: lost, it is made anew.

-- Up to which entry of the log claims were looked at. What was written before there was any such check is not judged.
CREATE TABLE claims_checked (
  checked_to INTEGER NOT NULL
) STRICT;

INSERT INTO claims_checked SELECT coalesce(max(seq), 0) FROM audit_log;

-- Questions for the privacy officer. One whose attendance is told of later is taken off.
CREATE TABLE claim_to_review (
  -- The question's entry in audit_log.
  seq       INTEGER PRIMARY KEY,
  why       TEXT    NOT NULL CHECK (why IN ('self-claimed', 'no-attendance', 'attendance-of-another')),
  listed_ms INTEGER NOT NULL
) STRICT;

-- Claimed attendances at organisations that tell this node of none: they cannot be checked, and nobody is accused.
CREATE TABLE claims_not_checkable (
  organisation TEXT    NOT NULL,
  -- YYYY-MM-DD of the questions.
  day          TEXT    NOT NULL,
  claims       INTEGER NOT NULL,
  PRIMARY KEY (organisation, day)
) STRICT, WITHOUT ROWID;
