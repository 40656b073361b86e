-- What comes from outside the planning office: measurements, challenges, read tokens; and saved plans.

-- 閲覧トークン
CREATE TABLE read_token_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "token_id" text NOT NULL,
  "token_sha256" text NOT NULL,
  "label" text NOT NULL,
  "role" text NOT NULL,
  "municipality_codes" text NOT NULL,
  "expires_on" date,
  "revoked" boolean NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX read_token_event_tx ON read_token_event (tx);
CREATE INDEX read_token_event_token_id ON read_token_event ("token_id");
CREATE INDEX read_token_event_token_sha256 ON read_token_event (token_sha256);
CREATE TRIGGER read_token_event_append_only BEFORE UPDATE OR DELETE ON read_token_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER read_token_event_no_truncate BEFORE TRUNCATE ON read_token_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW read_token_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."token_id", e."token_sha256",
  e."label", e."role", e."municipality_codes", e."expires_on", e."revoked",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM read_token_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 圏外の申出
CREATE TABLE challenge_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "challenge_id" text NOT NULL,
  "municipality_code" text NOT NULL,
  "observed_on" date NOT NULL,
  "note" text NOT NULL,
  "filed_by" text NOT NULL,
  "district_id" text,
  "lat" double precision CHECK ("lat" BETWEEN -90 AND 90),
  "lon" double precision CHECK ("lon" BETWEEN -180 AND 180),
  "operator" text,
  "state" text NOT NULL CHECK ("state" IN ('open', 'answered')),
  "answer" text NOT NULL,
  "answered_by" text,
  "answered_on" date,
  geom geometry(Point, 4326) GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(lon, lat), 4326)) STORED,
  PRIMARY KEY (key, version)
);
CREATE INDEX challenge_event_tx ON challenge_event (tx);
CREATE INDEX challenge_event_challenge_id ON challenge_event ("challenge_id");
CREATE INDEX challenge_event_geom ON challenge_event USING gist (geom);
CREATE TRIGGER challenge_event_append_only BEFORE UPDATE OR DELETE ON challenge_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER challenge_event_no_truncate BEFORE TRUNCATE ON challenge_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW challenge_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."challenge_id",
  e."municipality_code", e."observed_on", e."note", e."filed_by", e."district_id", e."lat", e."lon",
  e."operator", e."state", e."answer", e."answered_by", e."answered_on", e.geom,
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM challenge_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 測定値
CREATE TABLE measurement_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "measurement_id" text NOT NULL,
  "lat" double precision NOT NULL CHECK ("lat" BETWEEN -90 AND 90),
  "lon" double precision NOT NULL CHECK ("lon" BETWEEN -180 AND 180),
  "measured_on" date NOT NULL,
  "operator" text NOT NULL,
  "rsrp_dbm" double precision NOT NULL,
  "frequency_mhz" double precision,
  "height_m" double precision,
  "device" text NOT NULL,
  "source" text NOT NULL,
  geom geometry(Point, 4326) GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(lon, lat), 4326)) STORED,
  PRIMARY KEY (key, version)
);
CREATE INDEX measurement_event_tx ON measurement_event (tx);
CREATE INDEX measurement_event_measurement_id ON measurement_event ("measurement_id");
CREATE INDEX measurement_event_geom ON measurement_event USING gist (geom);
CREATE TRIGGER measurement_event_append_only BEFORE UPDATE OR DELETE ON measurement_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER measurement_event_no_truncate BEFORE TRUNCATE ON measurement_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW measurement_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."measurement_id", e."lat",
  e."lon", e."measured_on", e."operator", e."rsrp_dbm", e."frequency_mhz", e."height_m", e."device",
  e."source", e.geom,
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM measurement_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 計画案
CREATE TABLE scenario_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "name" text NOT NULL,
  "content" text NOT NULL,
  "note" text NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX scenario_event_tx ON scenario_event (tx);
CREATE INDEX scenario_event_name ON scenario_event ("name");
CREATE TRIGGER scenario_event_append_only BEFORE UPDATE OR DELETE ON scenario_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER scenario_event_no_truncate BEFORE TRUNCATE ON scenario_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW scenario_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."name", e."content", e."note",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM scenario_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- No right to change or remove, not even for the owner; the triggers hold where rights do not (superusers).
REVOKE UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA coverage_gap FROM PUBLIC, CURRENT_USER;
