-- For whom the National Record Locator is to hold a pointer to this shared care record, or for whom it may still hold one that
-- is to go; no row for anybody else. By number, because a pointer is of a number and not of a person: one that is given up, or
-- that is somebody else's in the end, must lead to its pointer as long as there is one.
CREATE TABLE national_pointer (
  nhs_number INTEGER PRIMARY KEY,
  -- 1: it is to be there. 0: it is to go, and the row with it.
  wanted INTEGER NOT NULL CHECK (wanted IN (0, 1)),
  -- The locator's id of it, with nothing of a patient in it; empty where none is known.
  nrl_id TEXT NOT NULL,
  -- When the locator is to be asked next, milliseconds since the epoch; null where all is as it is to be.
  due_at_ms INTEGER,
  -- Tries that failed since it was last as it is to be.
  tries INTEGER NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

CREATE INDEX national_pointer_due ON national_pointer (wanted, due_at_ms) WHERE due_at_ms IS NOT NULL;
