-- When a provider's feed last said what of a patient, for messages that come in another order than they were sent: JSON
-- of a moment for each field, milliseconds since 1970.
CREATE TABLE said_of_patient (
  said_no     INTEGER PRIMARY KEY,
  provider    TEXT NOT NULL,
  local_id    TEXT NOT NULL,
  times       TEXT NOT NULL,
  -- Whatever has no moment of its own counts as said then.
  before_ms   INTEGER NOT NULL,
  -- The day of the record that this goes with.
  recorded_on TEXT NOT NULL,
  checksum    INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX said_of_patient_by_source ON said_of_patient (provider, local_id);

-- When a provider's feed last said that two local ids are one patient's, or are not, however it said so; the lesser first.
CREATE TABLE said_of_two (
  provider TEXT NOT NULL,
  one      TEXT NOT NULL,
  other    TEXT NOT NULL,
  said_ms  INTEGER NOT NULL,
  PRIMARY KEY (provider, one, other)
) STRICT, WITHOUT ROWID;

-- An attendance or a stay as its provider last told of it; one that is not cancelled has a pointer, by which it is found.
CREATE TABLE encounter (
  encounter_no    INTEGER PRIMARY KEY,
  provider        TEXT NOT NULL,
  -- The provider's own number of the visit.
  visit           TEXT NOT NULL,
  -- The provider's id of the patient under whom its pointer is.
  local_id        TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('planned', 'open', 'closed', 'cancelled')),
  class           TEXT NOT NULL CHECK (class IN ('emergency', 'inpatient', 'outpatient', 'other')),
  sensitivity     TEXT NOT NULL,
  -- When its provider said so, milliseconds since 1970.
  said_ms         INTEGER NOT NULL,
  started_ms      INTEGER NOT NULL,
  -- When its provider said when it started; 0 = never: then it is the earliest moment of which anything was said.
  started_said_ms INTEGER NOT NULL,
  -- 0 unless it is closed.
  ended_ms        INTEGER NOT NULL,
  checksum        INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX encounter_by_source ON encounter (provider, visit);

-- What was said of an encounter, in the order in which it came; cancelled ones included.
CREATE TABLE encounter_event (
  event_no     INTEGER PRIMARY KEY,
  encounter_no INTEGER NOT NULL,
  said_ms      INTEGER NOT NULL,
  state        TEXT NOT NULL,
  feed         TEXT NOT NULL,
  taken_ms     INTEGER NOT NULL
) STRICT;

CREATE INDEX encounter_event_by_encounter ON encounter_event (encounter_no);

-- Messages of feeds that could not be taken, as they came, each encrypted under a key that lies beside this file.
CREATE TABLE dead_letter (
  letter_no    INTEGER PRIMARY KEY AUTOINCREMENT,
  id           TEXT NOT NULL UNIQUE,
  feed         TEXT NOT NULL,
  -- Of the key under which the body is.
  key_id       TEXT NOT NULL,
  -- Keyed: the same bytes again are the same letter, and nobody without the key can try out what they were.
  content      BLOB NOT NULL,
  -- Why it was not taken, and the place in it: never a value.
  reason       TEXT NOT NULL,
  place        TEXT NOT NULL,
  arrived_ms   INTEGER NOT NULL,
  -- How often it was tried, the first time included; and when last.
  tries        INTEGER NOT NULL,
  tried_ms     INTEGER NOT NULL,
  -- Of the message itself.
  size_bytes   INTEGER NOT NULL,
  body         BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX dead_letter_by_content ON dead_letter (feed, content);
CREATE INDEX dead_letter_by_feed ON dead_letter (feed, size_bytes);
CREATE INDEX dead_letter_by_age ON dead_letter (arrived_ms);
