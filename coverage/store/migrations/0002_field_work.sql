-- What comes from outside the planning office: measurements, challenges, read tokens; and saved plans.

-- 閲覧トークン
CREATE TABLE read_token_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "token_id" TEXT NOT NULL,
  "token_sha256" TEXT NOT NULL,
  "label" TEXT NOT NULL,
  "role" TEXT NOT NULL,
  "municipality_codes" TEXT NOT NULL,
  "expires_on" TEXT CHECK ("expires_on" LIKE '____-__-__'),
  "revoked" INTEGER NOT NULL CHECK ("revoked" IN (0, 1)),
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX read_token_event_tx ON read_token_event (tx);
CREATE INDEX read_token_event_token_id ON read_token_event ("token_id");
CREATE INDEX read_token_event_token_sha256 ON read_token_event (token_sha256);
CREATE TRIGGER read_token_event_no_update BEFORE UPDATE ON read_token_event BEGIN
  SELECT RAISE(ABORT, 'append-only: read_token_event');
END;
CREATE TRIGGER read_token_event_no_delete BEFORE DELETE ON read_token_event BEGIN
  SELECT RAISE(ABORT, 'append-only: read_token_event');
END;
CREATE TRIGGER read_token_event_in_order BEFORE INSERT ON read_token_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM read_token_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: read_token_event');
END;
CREATE VIEW read_token_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."token_id", e."token_sha256",
  e."label", e."role", e."municipality_codes", e."expires_on", e."revoked",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM read_token_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM read_token_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 圏外の申出
CREATE TABLE challenge_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "challenge_id" TEXT NOT NULL,
  "municipality_code" TEXT NOT NULL,
  "observed_on" TEXT NOT NULL CHECK ("observed_on" LIKE '____-__-__'),
  "note" TEXT NOT NULL,
  "filed_by" TEXT NOT NULL,
  "district_id" TEXT,
  "lat" REAL CHECK ("lat" BETWEEN -90 AND 90),
  "lon" REAL CHECK ("lon" BETWEEN -180 AND 180),
  "operator" TEXT,
  "state" TEXT NOT NULL CHECK ("state" IN ('open', 'answered')),
  "answer" TEXT NOT NULL,
  "answered_by" TEXT,
  "answered_on" TEXT CHECK ("answered_on" LIKE '____-__-__'),
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX challenge_event_tx ON challenge_event (tx);
CREATE INDEX challenge_event_challenge_id ON challenge_event ("challenge_id");
CREATE TRIGGER challenge_event_no_update BEFORE UPDATE ON challenge_event BEGIN
  SELECT RAISE(ABORT, 'append-only: challenge_event');
END;
CREATE TRIGGER challenge_event_no_delete BEFORE DELETE ON challenge_event BEGIN
  SELECT RAISE(ABORT, 'append-only: challenge_event');
END;
CREATE TRIGGER challenge_event_in_order BEFORE INSERT ON challenge_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM challenge_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: challenge_event');
END;
CREATE VIEW challenge_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."challenge_id",
  e."municipality_code", e."observed_on", e."note", e."filed_by", e."district_id", e."lat", e."lon",
  e."operator", e."state", e."answer", e."answered_by", e."answered_on",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM challenge_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM challenge_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 測定値
CREATE TABLE measurement_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "measurement_id" TEXT NOT NULL,
  "lat" REAL NOT NULL CHECK ("lat" BETWEEN -90 AND 90),
  "lon" REAL NOT NULL CHECK ("lon" BETWEEN -180 AND 180),
  "measured_on" TEXT NOT NULL CHECK ("measured_on" LIKE '____-__-__'),
  "operator" TEXT NOT NULL,
  "rsrp_dbm" REAL NOT NULL,
  "frequency_mhz" REAL,
  "height_m" REAL,
  "device" TEXT NOT NULL,
  "source" TEXT NOT NULL,
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX measurement_event_tx ON measurement_event (tx);
CREATE INDEX measurement_event_measurement_id ON measurement_event ("measurement_id");
CREATE TRIGGER measurement_event_no_update BEFORE UPDATE ON measurement_event BEGIN
  SELECT RAISE(ABORT, 'append-only: measurement_event');
END;
CREATE TRIGGER measurement_event_no_delete BEFORE DELETE ON measurement_event BEGIN
  SELECT RAISE(ABORT, 'append-only: measurement_event');
END;
CREATE TRIGGER measurement_event_in_order BEFORE INSERT ON measurement_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM measurement_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: measurement_event');
END;
CREATE VIEW measurement_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."measurement_id", e."lat",
  e."lon", e."measured_on", e."operator", e."rsrp_dbm", e."frequency_mhz", e."height_m", e."device",
  e."source",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM measurement_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM measurement_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 計画案
CREATE TABLE scenario_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "name" TEXT NOT NULL,
  "content" TEXT NOT NULL,
  "note" TEXT NOT NULL,
  PRIMARY KEY (key, version)
) STRICT;
CREATE INDEX scenario_event_tx ON scenario_event (tx);
CREATE INDEX scenario_event_name ON scenario_event ("name");
CREATE TRIGGER scenario_event_no_update BEFORE UPDATE ON scenario_event BEGIN
  SELECT RAISE(ABORT, 'append-only: scenario_event');
END;
CREATE TRIGGER scenario_event_no_delete BEFORE DELETE ON scenario_event BEGIN
  SELECT RAISE(ABORT, 'append-only: scenario_event');
END;
CREATE TRIGGER scenario_event_in_order BEFORE INSERT ON scenario_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM scenario_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: scenario_event');
END;
CREATE VIEW scenario_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."name", e."content", e."note",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM scenario_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM scenario_event x WHERE x.key = e.key) AND e.deleted = 0;
