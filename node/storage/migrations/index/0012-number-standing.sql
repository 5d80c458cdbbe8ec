-- What the national demographics service says of a number that is held here, besides whose it is: that its patient has died,
-- and that it is nobody's any more. Each answer of the service takes the place of the one before; no row is as good as
-- nothing to say. Nothing is ever refused for it.
CREATE TABLE number_standing (
  nhs_number INTEGER PRIMARY KEY,
  -- YYYY-MM-DD, YYYY-MM or YYYY; empty: not that the service knows.
  died TEXT NOT NULL,
  -- 1: the registrar has said so, and not only an organisation that cared for the patient.
  death_registered INTEGER NOT NULL CHECK (death_registered IN (0, 1)),
  withdrawn INTEGER NOT NULL CHECK (withdrawn IN (0, 1)),
  checksum INTEGER NOT NULL
) STRICT;
