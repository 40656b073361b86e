-- What people write to a value: footnotes to an indicator's fiscal year.

-- 脚注
CREATE TABLE footnote_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "footnote_id" TEXT NOT NULL,
  "indicator" TEXT NOT NULL,
  "fiscal_year" INTEGER NOT NULL,
  "ja" TEXT NOT NULL,
  "en" TEXT NOT NULL,
  "author" TEXT NOT NULL,
  "withdrawn" INTEGER NOT NULL CHECK ("withdrawn" IN (0, 1)),
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX footnote_event_tx ON footnote_event (tx);
CREATE INDEX footnote_event_footnote_id ON footnote_event ("footnote_id");
CREATE TRIGGER footnote_event_no_update BEFORE UPDATE ON footnote_event BEGIN
  SELECT RAISE(ABORT, 'append-only: footnote_event');
END;
CREATE TRIGGER footnote_event_no_delete BEFORE DELETE ON footnote_event BEGIN
  SELECT RAISE(ABORT, 'append-only: footnote_event');
END;
CREATE TRIGGER footnote_event_in_order BEFORE INSERT ON footnote_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM footnote_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: footnote_event');
END;
CREATE VIEW footnote_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."footnote_id", e."indicator",
  e."fiscal_year", e."ja", e."en", e."author", e."withdrawn",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM footnote_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM footnote_event x WHERE x.key = e.key) AND e.deleted = 0;
