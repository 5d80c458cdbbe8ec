-- One assertion covers up to 64 questions: the first entry under it keeps it, the others say which entry that is.
ALTER TABLE audit_log ADD COLUMN evidence_of INTEGER;
