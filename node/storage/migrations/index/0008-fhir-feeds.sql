-- Messages that a FHIR feed has sent, by the ids that it gave them: the same message again gets the same answer. Kept for
-- seven days. The content is a SHA-256 of what was kept in any case.
CREATE TABLE seen_message (
  feed       TEXT NOT NULL,
  message_id TEXT NOT NULL,
  content    BLOB NOT NULL,
  answer     TEXT NOT NULL,
  at_ms      INTEGER NOT NULL,
  PRIMARY KEY (feed, message_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX seen_message_age ON seen_message (at_ms);

-- The last that the national demographics service said of a number that is held here: that its record changed, and when.
-- What changed is asked of the service itself, by a job that knows only the event's number.
CREATE TABLE pds_event (
  event_no   INTEGER PRIMARY KEY,
  nhs_number INTEGER NOT NULL UNIQUE,
  kind       TEXT NOT NULL,
  -- Of the message's header, milliseconds since 1970: the latest wins.
  changed_ms INTEGER NOT NULL,
  -- When the service was asked for it, milliseconds since 1970; 0 while that is still to be done.
  read_ms    INTEGER NOT NULL,
  checksum   INTEGER NOT NULL
) STRICT;
