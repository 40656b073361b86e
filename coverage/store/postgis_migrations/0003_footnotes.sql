-- What people write to a value: footnotes to an indicator's fiscal year.

-- 脚注
CREATE TABLE footnote_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "footnote_id" text NOT NULL,
  "indicator" text NOT NULL,
  "fiscal_year" bigint NOT NULL,
  "ja" text NOT NULL,
  "en" text NOT NULL,
  "author" text NOT NULL,
  "withdrawn" boolean NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX footnote_event_tx ON footnote_event (tx);
CREATE INDEX footnote_event_footnote_id ON footnote_event ("footnote_id");
CREATE TRIGGER footnote_event_append_only BEFORE UPDATE OR DELETE ON footnote_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER footnote_event_no_truncate BEFORE TRUNCATE ON footnote_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW footnote_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."footnote_id", e."indicator",
  e."fiscal_year", e."ja", e."en", e."author", e."withdrawn",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM footnote_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- No right to change or remove, not even for the owner; the triggers hold where rights do not (superusers).
REVOKE UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA coverage_gap FROM PUBLIC, CURRENT_USER;
