-- Pointers of one identity by kind. Of the kinds that a permit does not show, however many there are, no row is read:
-- the time of an empty answer says nothing about them. 65536 as in pointer_no.
CREATE INDEX pointer_by_kind ON pointer (pointer_no / 65536, record_type, sensitivity);
