-- Who is known here, and which records are held for them. Rows of identity_record, pointer and objection carry a CRC-32
-- over all their other columns (node/base/row-checksum.ts), verified at every read.

-- The anchor of a person: a random id with no data of its own.
CREATE TABLE person (
  person_id INTEGER PRIMARY KEY
) STRICT;

-- Demographics as one provider sent them. A new version is a new row; of an old one only `current` ever changes.
-- (provider, local_id) is numbered once: identity_no = record_no of its first version. Pointers and objections attach to
-- identity_no, so they follow when the identity is linked to another person.
CREATE TABLE identity_record (
  record_no INTEGER PRIMARY KEY,
  identity_no INTEGER NOT NULL,
  version INTEGER NOT NULL,
  current INTEGER NOT NULL CHECK (current IN (0, 1)),
  person_id INTEGER NOT NULL REFERENCES person (person_id),
  provider TEXT NOT NULL,
  local_id TEXT NOT NULL,
  nhs_number INTEGER,
  nhs_number_status TEXT NOT NULL,
  given_name TEXT NOT NULL,
  middle_name TEXT NOT NULL,
  family_name TEXT NOT NULL,
  birth_date TEXT NOT NULL,
  gender TEXT NOT NULL,
  address_line1 TEXT NOT NULL,
  address_line2 TEXT NOT NULL,
  locality TEXT NOT NULL,
  postcode TEXT NOT NULL,
  phone TEXT NOT NULL,
  recorded_on TEXT NOT NULL,
  restricted INTEGER NOT NULL CHECK (restricted IN (0, 1)),
  loaded_at_ms INTEGER NOT NULL,
  -- CRC-32 of the normalised family name, given name and birth date; NULL unless all three are there.
  demographic_key INTEGER,
  checksum INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX identity_by_source ON identity_record (provider, local_id) WHERE current = 1;
CREATE INDEX identity_by_number ON identity_record (nhs_number, person_id) WHERE current = 1 AND nhs_number IS NOT NULL;
CREATE INDEX identity_by_person ON identity_record (person_id) WHERE current = 1;
CREATE INDEX identity_by_demographics ON identity_record (demographic_key)
  WHERE current = 1 AND demographic_key IS NOT NULL;

-- Every link and break, with its reason and the version of the rule that decided.
CREATE TABLE link_event (
  event_no INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  identity_no INTEGER NOT NULL,
  from_person_id INTEGER,
  to_person_id INTEGER NOT NULL,
  reason TEXT NOT NULL,
  rule_version TEXT NOT NULL
) STRICT;

-- "This provider holds a record of this type." pointer_no = identity_no * 65536 + place: one identity's pointers lie
-- side by side and are read in one seek, without a further index.
CREATE TABLE pointer (
  pointer_no INTEGER PRIMARY KEY,
  -- Random; the pointer's id as others see it. Kept when the record is updated.
  token TEXT NOT NULL,
  provider TEXT NOT NULL,
  record_id TEXT NOT NULL,
  record_type TEXT NOT NULL,
  recorded_on TEXT NOT NULL,
  format TEXT NOT NULL,
  fetch TEXT NOT NULL,
  sensitivity TEXT NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX pointer_by_source ON pointer (provider, record_id);

-- A patient's objections to sharing. received and upheld are effective at once.
CREATE TABLE objection (
  objection_no INTEGER PRIMARY KEY,
  identity_no INTEGER NOT NULL,
  provider TEXT NOT NULL,
  objection_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('received', 'upheld', 'declined', 'withdrawn')),
  received_on TEXT NOT NULL,
  override_in_emergency INTEGER NOT NULL CHECK (override_in_emergency IN (0, 1)),
  updated_at_ms INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX objection_by_source ON objection (provider, objection_id);
CREATE INDEX objection_by_identity ON objection (identity_no);

-- The moment up to which each provider's data are complete here. Only rises.
CREATE TABLE feed_state (
  provider TEXT PRIMARY KEY,
  as_of_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
