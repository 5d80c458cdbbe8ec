-- Whom a record in review may be, by identity: so it is found from a question about any of them, whoever's they become.
CREATE TABLE review_candidate (
  identity_no INTEGER NOT NULL,
  in_review_no INTEGER NOT NULL,
  PRIMARY KEY (identity_no, in_review_no)
) STRICT, WITHOUT ROWID;

CREATE INDEX review_candidate_of ON review_candidate (in_review_no);

INSERT INTO review_candidate
  SELECT identity_record.identity_no, review_item.identity_no
  FROM review_item, json_each(review_item.candidates), identity_record
  WHERE identity_record.current = 1 AND identity_record.person_id = json_extract(json_each.value, '$.personKey');
