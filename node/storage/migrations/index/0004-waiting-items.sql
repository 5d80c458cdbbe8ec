-- Pointers and objections that came before the identity record of their patient. They are shown to nobody; the identity
-- takes them in when it comes, in the order in which they came. Rows carry a checksum like the others.
CREATE TABLE waiting_item (
  waiting_no INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('pointer', 'objection')),
  provider TEXT NOT NULL,
  local_id TEXT NOT NULL,
  -- The provider's own id of the record or the objection: its later word replaces the earlier one.
  item_id TEXT NOT NULL,
  -- The item as JSON.
  item TEXT NOT NULL,
  as_of_ms INTEGER NOT NULL,
  since_ms INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX waiting_by_source ON waiting_item (kind, provider, item_id);
CREATE INDEX waiting_by_patient ON waiting_item (provider, local_id);
CREATE INDEX waiting_by_time ON waiting_item (since_ms);
