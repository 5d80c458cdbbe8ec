-- Who is whom, decided by others than the machine, and every decision as an event that can be undone.

-- One decision each. A plain link of the machine is this row alone; what else a decision moved stands in event_move, and
-- what it states from then on in statement.
CREATE TABLE link_event_now (
  event_no INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL DEFAULT 'link'
    CHECK (kind IN ('link', 'break', 'merge', 'unmerge', 'supersede', 'confusion', 'revert')),
  -- 'machine', 'feed NAME' or 'user ROLE ID'.
  actor TEXT NOT NULL DEFAULT 'machine',
  -- NULL where a decision is about a number.
  identity_no INTEGER,
  -- The one it was joined to or parted from.
  other_identity_no INTEGER,
  from_person_id INTEGER,
  to_person_id INTEGER,
  reason TEXT NOT NULL,
  rule_version TEXT NOT NULL DEFAULT '',
  -- JSON: bits in all and field by field, with the level of agreement; never a value.
  score TEXT,
  undoes INTEGER,
  undone_by INTEGER
) STRICT;

INSERT INTO link_event_now (event_no, at_ms, identity_no, from_person_id, to_person_id, reason, rule_version)
  SELECT event_no, at_ms, identity_no, from_person_id, to_person_id, reason, rule_version FROM link_event;
DROP TABLE link_event;
ALTER TABLE link_event_now RENAME TO link_event;

CREATE INDEX link_event_by_identity ON link_event (identity_no);
CREATE INDEX link_event_by_other ON link_event (other_identity_no) WHERE other_identity_no IS NOT NULL;

-- Identities that a decision moved, its own identity_no included where that moved. Not written for the machine's.
CREATE TABLE event_move (
  event_no INTEGER NOT NULL,
  identity_no INTEGER NOT NULL,
  from_person_id INTEGER NOT NULL,
  to_person_id INTEGER NOT NULL,
  PRIMARY KEY (event_no, identity_no)
) STRICT, WITHOUT ROWID;

CREATE INDEX event_move_by_identity ON event_move (identity_no);

-- What holds until it is ended, whatever the machine thinks: two identities are one person's or are not ('same',
-- 'different'), a number was replaced by another ('superseded'), a number is two people's ('confused').
CREATE TABLE statement (
  statement_no INTEGER PRIMARY KEY,
  says TEXT NOT NULL CHECK (says IN ('same', 'different', 'superseded', 'confused')),
  -- Identity numbers; for 'superseded' the old and the new NHS number, for 'confused' one number twice.
  one INTEGER NOT NULL,
  other INTEGER NOT NULL,
  authority TEXT NOT NULL CHECK (authority IN ('feed', 'reviewer')),
  made_by INTEGER NOT NULL,
  -- The event that ended it; 0 while it holds.
  ended_by INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

CREATE INDEX statement_by_one ON statement (one, says) WHERE ended_by = 0;
CREATE INDEX statement_by_other ON statement (other, says) WHERE ended_by = 0;
CREATE INDEX statement_by_maker ON statement (made_by);
CREATE INDEX statement_by_ender ON statement (ended_by) WHERE ended_by <> 0;

-- Persons of whom nothing is left, and who has it now.
CREATE TABLE person_redirect (
  from_person_id INTEGER PRIMARY KEY,
  to_person_id INTEGER NOT NULL
) STRICT;

-- Numbers that were given up or taken up under protection. No pair, no time, no reason: which belongs to which is written
-- nowhere. A record with one is never linked to a record with another number, nor redirected.
CREATE TABLE protected_number (
  nhs_number INTEGER PRIMARY KEY
) STRICT;

-- Records that stand alone because somebody should look at them.
CREATE TABLE review_item (
  identity_no INTEGER PRIMARY KEY,
  since_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  -- JSON: persons it may be, each with its score; best first.
  candidates TEXT NOT NULL
) STRICT;

-- What reviewers said, 'unsure' included: what the linking is measured by.
CREATE TABLE review_verdict (
  verdict_no INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  identity_no INTEGER NOT NULL,
  person_id INTEGER NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('same', 'different', 'unsure')),
  -- Bits, as they were when it was shown.
  weight REAL NOT NULL,
  actor TEXT NOT NULL,
  -- The event that it made; NULL where it made none.
  event_no INTEGER,
  undone INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX review_verdict_by_identity ON review_verdict (identity_no);
