-- Which index this is: another one whenever what was acknowledged may be gone, so that nobody goes on with a load whose
-- beginning it no longer holds.
CREATE TABLE store_id (
  id TEXT NOT NULL
) STRICT;

INSERT INTO store_id (id) VALUES (lower(hex(randomblob(16))));
