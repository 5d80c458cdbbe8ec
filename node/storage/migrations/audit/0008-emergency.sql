-- Emergency access, to be reviewed. `asker`: access that this node gave to one of its users. `holder`: records of this node's
-- that another node's user was shown by it. In the audit's file, so that access is given in the transaction that says so.
CREATE TABLE emergency_case (
  case_id        TEXT    PRIMARY KEY,
  side           TEXT    NOT NULL CHECK (side IN ('asker', 'holder')),
  asker          TEXT    NOT NULL,
  user_id        TEXT    NOT NULL,
  role           TEXT    NOT NULL,
  organisation   TEXT    NOT NULL,
  patient        TEXT    NOT NULL, -- this node's keyed token, never a number
  reason_code    TEXT,             -- at the asker alone; so are the next three
  credentials    TEXT    CHECK (credentials IN ('re-checked', 'not-re-checked')),
  expires_at_ms  INTEGER,
  ended_at_ms    INTEGER,
  opened_at_ms   INTEGER NOT NULL,
  due_on         TEXT    NOT NULL, -- YYYY-MM-DD
  alerted_at_ms  INTEGER,          -- NULL until the privacy officer's address took it
  outcome        TEXT,             -- NULL until reviewed
  reviewed_by    TEXT,
  reviewed_at_ms INTEGER,
  note           TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX emergency_case_open ON emergency_case (opened_at_ms) WHERE outcome IS NULL;
CREATE INDEX emergency_case_unalerted ON emergency_case (opened_at_ms) WHERE alerted_at_ms IS NULL;

-- Which questions were asked, or answered, under it: by these the two ends know each other's case.
CREATE TABLE emergency_request (
  request_id TEXT NOT NULL,
  case_id    TEXT NOT NULL REFERENCES emergency_case,
  PRIMARY KEY (request_id, case_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX emergency_request_by_case ON emergency_request (case_id);

-- What privacy officers ask one another about a case, and answer. Sent until the other node has it.
CREATE TABLE emergency_letter (
  letter_id  TEXT    PRIMARY KEY,
  case_id    TEXT    NOT NULL REFERENCES emergency_case,
  request_id TEXT    NOT NULL,
  kind       TEXT    NOT NULL CHECK (kind IN ('challenge', 'explanation')),
  other_node TEXT    NOT NULL,
  direction  TEXT    NOT NULL CHECK (direction IN ('sent', 'received')),
  user_id    TEXT    NOT NULL,
  text       TEXT    NOT NULL,
  at_ms      INTEGER NOT NULL,
  sent_at_ms INTEGER              -- NULL until the other node took it; a received one has its own time
) STRICT, WITHOUT ROWID;

CREATE INDEX emergency_letter_by_case ON emergency_letter (case_id);
CREATE INDEX emergency_letter_unsent ON emergency_letter (at_ms) WHERE sent_at_ms IS NULL;
