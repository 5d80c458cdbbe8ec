-- What an objection is about, where that is less than everything, and why it was declined. An objection without a row here
-- is about everything: should one be lost, more is withheld and not less.
CREATE TABLE objection_detail (
  objection_no INTEGER PRIMARY KEY,
  -- `organisation:RRK`, `type:maternity` or `record:R1`; empty = everything.
  scope TEXT NOT NULL,
  -- Why it was declined, in the provider's words; no patient's value.
  reason TEXT NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
