-- What shows whom the evidence is about; kept only of somebody whom this node knows. See node/audit/DESIGN.md.
ALTER TABLE audit_log ADD COLUMN patient_nonce BLOB CHECK (length(patient_nonce) = 16);
