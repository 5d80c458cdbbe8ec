-- Under which keys an identity is found by whoever links or searches: what two records must share to be compared at all.
-- A key has 47 bits; keys of one birth date, one pair of names or one postcode lie side by side (node/mpi/match-keys.ts).
-- Keys of earlier versions stay: a former name still finds the identity. They name nobody, and carry no checksum: what
-- they lead to is judged by the identity's own rows.
CREATE TABLE match_key (
  key INTEGER NOT NULL,
  identity_no INTEGER NOT NULL,
  PRIMARY KEY (key, identity_no)
) STRICT, WITHOUT ROWID;

-- Earlier versions of an identity, for a search of its history. The current one is found by its source.
CREATE INDEX identity_history ON identity_record (identity_no) WHERE current = 0;

-- Identities that came before there were keys get theirs in the background.
INSERT INTO outbox (kind, key, payload)
  SELECT 'match-keys', 'fill', '{}' WHERE EXISTS (SELECT 1 FROM identity_record);
