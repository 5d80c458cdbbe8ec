-- What was ever said of an identity or a number, whether it still holds or not, and who led to a person: to remove all that
-- ties two numbers together must not walk whole tables while the writer is wanted.
DROP INDEX statement_by_one;
DROP INDEX statement_by_other;
CREATE INDEX statement_by_one ON statement (one, says);
CREATE INDEX statement_by_other ON statement (other, says);

CREATE INDEX person_redirect_to ON person_redirect (to_person_id);
