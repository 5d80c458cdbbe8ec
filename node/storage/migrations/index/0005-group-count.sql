-- How many groups of commands this file holds, and when the last of them was written. The seal beside the file says how
-- many were acknowledged: a file that holds fewer has lost some.
CREATE TABLE group_count (
  only  INTEGER PRIMARY KEY CHECK (only = 1),
  count INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;

INSERT INTO group_count (only, count, at_ms) VALUES (1, 0, 0);
