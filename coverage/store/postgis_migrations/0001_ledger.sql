-- The ledger: an audit chain, stored files, and one append-only table of events per kind of record.
-- The same numbers hold the same tables as in ../migrations; here sites and districts also have geometry columns.
-- Runs in schema coverage_gap, which the migration runner has made and put first in the search path.

CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'append-only: %', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END;
$$;

CREATE TABLE schema_migration (
  number bigint PRIMARY KEY,
  name text NOT NULL,
  sha256 text NOT NULL,
  applied_at text NOT NULL
);
CREATE TRIGGER schema_migration_append_only BEFORE UPDATE OR DELETE ON schema_migration
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER schema_migration_no_truncate BEFORE TRUNCATE ON schema_migration
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- 監査記録: one row per transaction, each holding the hash of the row before it (coverage/store/audit.py).
CREATE TABLE audit (
  seq bigint PRIMARY KEY,
  "at" timestamptz NOT NULL,
  actor text NOT NULL,
  role text NOT NULL,
  action text NOT NULL,
  object text NOT NULL,
  before_sha256 text,
  after_sha256 text,
  detail text NOT NULL,
  prev_hash text NOT NULL,
  hash text NOT NULL UNIQUE
);
CREATE FUNCTION require_chain_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.seq <> COALESCE((SELECT MAX(seq) FROM audit), 0) + 1
    OR NEW.prev_hash <> COALESCE((SELECT hash FROM audit WHERE seq = NEW.seq - 1), repeat('0', 64)) THEN
    RAISE EXCEPTION 'chain in order: audit' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END;
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_in_order BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION require_chain_order();

-- Uploaded and published files, each kept once under its SHA-256.
CREATE TABLE content (
  sha256 text COLLATE "C" PRIMARY KEY,
  bytes bytea NOT NULL
);
CREATE TRIGGER content_append_only BEFORE UPDATE OR DELETE ON content
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER content_no_truncate BEFORE TRUNCATE ON content
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- 基地局
CREATE TABLE site_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "site_id" text NOT NULL,
  "name" text NOT NULL,
  "municipality_code" text NOT NULL,
  "lat" double precision NOT NULL CHECK ("lat" BETWEEN -90 AND 90),
  "lon" double precision NOT NULL CHECK ("lon" BETWEEN -180 AND 180),
  "status" text NOT NULL CHECK ("status" IN ('候補', '計画', '交付決定', '工事中', '供用中', '停止', '廃止')),
  "height_m" double precision,
  "funding" text CHECK ("funding" IN ('国補助', '県単独', '事業者自主', 'インフラシェア')),
  "purpose" text CHECK ("purpose" IN ('居住', '道路', '登山道・観光', '避難所', 'トンネル')),
  "project_id" text,
  "replaces" text,
  "planned_fy" bigint,
  "cost_yen" bigint,
  "closed_on" date,
  geom geometry(Point, 4326) GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(lon, lat), 4326)) STORED,
  PRIMARY KEY (key, version)
);
CREATE INDEX site_event_tx ON site_event (tx);
CREATE INDEX site_event_site_id ON site_event ("site_id");
CREATE INDEX site_event_geom ON site_event USING gist (geom);
CREATE TRIGGER site_event_append_only BEFORE UPDATE OR DELETE ON site_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER site_event_no_truncate BEFORE TRUNCATE ON site_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW site_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."site_id", e."name",
  e."municipality_code", e."lat", e."lon", e."status", e."height_m", e."funding", e."purpose", e."project_id",
  e."replaces", e."planned_fy", e."cost_yen", e."closed_on", e.geom,
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM site_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 事業者の設備
CREATE TABLE site_operator_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "site_id" text NOT NULL,
  "operator" text NOT NULL,
  "in_service_date" date,
  "date_precision" text NOT NULL CHECK ("date_precision" IN ('day', 'month', 'fiscal_year', 'year')),
  "band" text,
  "frequency_mhz" double precision,
  "bandwidth_mhz" double precision,
  "eirp_dbm" double precision,
  "azimuth_deg" double precision,
  "tilt_deg" double precision,
  "cell" text NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX site_operator_event_tx ON site_operator_event (tx);
CREATE INDEX site_operator_event_site_id ON site_operator_event ("site_id");
CREATE TRIGGER site_operator_event_append_only BEFORE UPDATE OR DELETE ON site_operator_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER site_operator_event_no_truncate BEFORE TRUNCATE ON site_operator_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW site_operator_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."site_id", e."operator",
  e."in_service_date", e."date_precision", e."band", e."frequency_mhz", e."bandwidth_mhz", e."eirp_dbm",
  e."azimuth_deg", e."tilt_deg", e."cell",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM site_operator_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 対象地区
CREATE TABLE site_district_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "site_id" text NOT NULL,
  "district_id" text NOT NULL,
  "serves_from" date,
  "confirmed_by" text,
  "confirmed_on" date,
  PRIMARY KEY (key, version)
);
CREATE INDEX site_district_event_tx ON site_district_event (tx);
CREATE INDEX site_district_event_site_id ON site_district_event ("site_id");
CREATE TRIGGER site_district_event_append_only BEFORE UPDATE OR DELETE ON site_district_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER site_district_event_no_truncate BEFORE TRUNCATE ON site_district_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW site_district_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."site_id", e."district_id",
  e."serves_from", e."confirmed_by", e."confirmed_on",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM site_district_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 不感地域
CREATE TABLE district_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "district_id" text NOT NULL,
  "municipality_code" text NOT NULL,
  "name" text NOT NULL,
  "geometry" bytea NOT NULL,
  "households" bigint,
  "population" bigint,
  "designated_on" date,
  "resolved_on" date,
  "source" text NOT NULL,
  "declined" boolean NOT NULL,
  "designation" bigint NOT NULL,
  geom geometry(Geometry, 4326) GENERATED ALWAYS AS (ST_SetSRID(ST_GeomFromWKB("geometry"), 4326)) STORED,
  PRIMARY KEY (key, version)
);
CREATE INDEX district_event_tx ON district_event (tx);
CREATE INDEX district_event_district_id ON district_event ("district_id");
CREATE INDEX district_event_geom ON district_event USING gist (geom);
CREATE TRIGGER district_event_append_only BEFORE UPDATE OR DELETE ON district_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER district_event_no_truncate BEFORE TRUNCATE ON district_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW district_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."district_id",
  e."municipality_code", e."name", e."geometry", e."households", e."population", e."designated_on",
  e."resolved_on", e."source", e."declined", e."designation", e.geom,
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM district_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 開始値
CREATE TABLE opening_balance_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "fiscal_year" bigint NOT NULL,
  "value" bigint NOT NULL,
  "source" text NOT NULL,
  "decided_on" date,
  PRIMARY KEY (key, version)
);
CREATE INDEX opening_balance_event_tx ON opening_balance_event (tx);
CREATE INDEX opening_balance_event_fiscal_year ON opening_balance_event ("fiscal_year");
CREATE TRIGGER opening_balance_event_append_only BEFORE UPDATE OR DELETE ON opening_balance_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER opening_balance_event_no_truncate BEFORE TRUNCATE ON opening_balance_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW opening_balance_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."fiscal_year", e."value",
  e."source", e."decided_on",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM opening_balance_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 開始値への割当
CREATE TABLE allocation_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "site_id" text NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX allocation_event_tx ON allocation_event (tx);
CREATE INDEX allocation_event_site_id ON allocation_event ("site_id");
CREATE TRIGGER allocation_event_append_only BEFORE UPDATE OR DELETE ON allocation_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER allocation_event_no_truncate BEFORE TRUNCATE ON allocation_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW allocation_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."site_id",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM allocation_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 修正仕訳
CREATE TABLE restatement_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "effective_fy" bigint NOT NULL,
  "amount" bigint NOT NULL,
  "author" text NOT NULL,
  "reason" text NOT NULL,
  "restatement_id" text NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX restatement_event_tx ON restatement_event (tx);
CREATE INDEX restatement_event_restatement_id ON restatement_event ("restatement_id");
CREATE TRIGGER restatement_event_append_only BEFORE UPDATE OR DELETE ON restatement_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER restatement_event_no_truncate BEFORE TRUNCATE ON restatement_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW restatement_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."effective_fy", e."amount",
  e."author", e."reason", e."restatement_id",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM restatement_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 公表済み年度
CREATE TABLE frozen_year_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "fiscal_year" bigint NOT NULL,
  "value" bigint NOT NULL,
  "published_on" date NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX frozen_year_event_tx ON frozen_year_event (tx);
CREATE INDEX frozen_year_event_fiscal_year ON frozen_year_event ("fiscal_year");
CREATE TRIGGER frozen_year_event_append_only BEFORE UPDATE OR DELETE ON frozen_year_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER frozen_year_event_no_truncate BEFORE TRUNCATE ON frozen_year_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW frozen_year_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."fiscal_year", e."value",
  e."published_on",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM frozen_year_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 同一局の判定
CREATE TABLE distinct_answer_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "site_id_a" text NOT NULL,
  "site_id_b" text NOT NULL,
  "same" boolean NOT NULL,
  "answered_by" text NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX distinct_answer_event_tx ON distinct_answer_event (tx);
CREATE INDEX distinct_answer_event_site_id_a ON distinct_answer_event ("site_id_a");
CREATE TRIGGER distinct_answer_event_append_only BEFORE UPDATE OR DELETE ON distinct_answer_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER distinct_answer_event_no_truncate BEFORE TRUNCATE ON distinct_answer_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW distinct_answer_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."site_id_a", e."site_id_b",
  e."same", e."answered_by",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM distinct_answer_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 実績値
CREATE TABLE actual_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "indicator" text NOT NULL,
  "fiscal_year" bigint NOT NULL,
  "value" double precision NOT NULL,
  "source" text NOT NULL,
  "decided_on" date,
  PRIMARY KEY (key, version)
);
CREATE INDEX actual_event_tx ON actual_event (tx);
CREATE INDEX actual_event_indicator ON actual_event ("indicator");
CREATE TRIGGER actual_event_append_only BEFORE UPDATE OR DELETE ON actual_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER actual_event_no_truncate BEFORE TRUNCATE ON actual_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW actual_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."indicator", e."fiscal_year",
  e."value", e."source", e."decided_on",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM actual_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 市町合併
CREATE TABLE merger_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "old_code" text NOT NULL,
  "new_code" text NOT NULL,
  "merged_on" date,
  PRIMARY KEY (key, version)
);
CREATE INDEX merger_event_tx ON merger_event (tx);
CREATE INDEX merger_event_old_code ON merger_event ("old_code");
CREATE TRIGGER merger_event_append_only BEFORE UPDATE OR DELETE ON merger_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER merger_event_no_truncate BEFORE TRUNCATE ON merger_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW merger_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."old_code", e."new_code",
  e."merged_on",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM merger_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 設定
CREATE TABLE setting_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "name" text NOT NULL,
  "value" text,
  "note" text NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX setting_event_tx ON setting_event (tx);
CREATE INDEX setting_event_name ON setting_event ("name");
CREATE TRIGGER setting_event_append_only BEFORE UPDATE OR DELETE ON setting_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER setting_event_no_truncate BEFORE TRUNCATE ON setting_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW setting_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."name", e."value", e."note",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM setting_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 利用者
CREATE TABLE user_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "user_id" text NOT NULL,
  "role" text NOT NULL,
  "municipality_codes" text NOT NULL,
  "active" boolean NOT NULL,
  "note" text NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX user_event_tx ON user_event (tx);
CREATE INDEX user_event_user_id ON user_event ("user_id");
CREATE TRIGGER user_event_append_only BEFORE UPDATE OR DELETE ON user_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER user_event_no_truncate BEFORE TRUNCATE ON user_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW user_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."user_id", e."role",
  e."municipality_codes", e."active", e."note",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM user_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 取込
CREATE TABLE import_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "import_id" text NOT NULL,
  "table_name" text NOT NULL,
  "file_name" text NOT NULL,
  "file_sha256" text NOT NULL,
  "file_bytes" bigint NOT NULL,
  "records_sha256" text NOT NULL,
  "state" text NOT NULL CHECK ("state" IN ('staged', 'accepted', 'returned', 'withdrawn', 'undone')),
  "submitted_by" text NOT NULL,
  "report" text NOT NULL,
  "mapping" text NOT NULL,
  "applies_from" date,
  "base_tx" bigint NOT NULL,
  "idempotency_key" text,
  "decided_by" text,
  "reason" text NOT NULL,
  "result" text NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX import_event_tx ON import_event (tx);
CREATE INDEX import_event_import_id ON import_event ("import_id");
CREATE INDEX import_event_file_sha256 ON import_event (file_sha256);
CREATE INDEX import_event_idempotency_key ON import_event (idempotency_key);
CREATE TRIGGER import_event_append_only BEFORE UPDATE OR DELETE ON import_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER import_event_no_truncate BEFORE TRUNCATE ON import_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW import_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."import_id", e."table_name",
  e."file_name", e."file_sha256", e."file_bytes", e."records_sha256", e."state", e."submitted_by", e."report",
  e."mapping", e."applies_from", e."base_tx", e."idempotency_key", e."decided_by", e."reason", e."result",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM import_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 資料
CREATE TABLE dataset_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "layer" text NOT NULL,
  "edition" text NOT NULL,
  "digest" text NOT NULL,
  "licence" text NOT NULL,
  "credit" text NOT NULL,
  "files" text NOT NULL,
  "estimated" boolean NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX dataset_event_tx ON dataset_event (tx);
CREATE INDEX dataset_event_layer ON dataset_event ("layer");
CREATE TRIGGER dataset_event_append_only BEFORE UPDATE OR DELETE ON dataset_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER dataset_event_no_truncate BEFORE TRUNCATE ON dataset_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW dataset_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."layer", e."edition",
  e."digest", e."licence", e."credit", e."files", e."estimated",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM dataset_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 算定
CREATE TABLE run_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "run_id" text NOT NULL,
  "digest" text NOT NULL,
  "region_id" text NOT NULL,
  "as_of_tx" bigint NOT NULL,
  "valid_on" date,
  "parameters" text NOT NULL,
  "summary" text NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX run_event_tx ON run_event (tx);
CREATE INDEX run_event_run_id ON run_event ("run_id");
CREATE TRIGGER run_event_append_only BEFORE UPDATE OR DELETE ON run_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER run_event_no_truncate BEFORE TRUNCATE ON run_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW run_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."run_id", e."digest",
  e."region_id", e."as_of_tx", e."valid_on", e."parameters", e."summary",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM run_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- 公表物
CREATE TABLE publication_event (
  key text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  tx bigint NOT NULL,
  valid_from date NOT NULL,
  known_tx bigint NOT NULL,
  known_since timestamptz,
  deleted boolean NOT NULL,
  "publication_id" text NOT NULL,
  "subject" text NOT NULL,
  "published_on" date NOT NULL,
  "media_type" text NOT NULL,
  "content_sha256" text NOT NULL,
  "content_bytes" bigint NOT NULL,
  "values" text NOT NULL,
  "as_of_tx" bigint NOT NULL,
  "valid_on" date,
  "run_id" text,
  "parameters" text NOT NULL,
  PRIMARY KEY (key, version)
);
CREATE INDEX publication_event_tx ON publication_event (tx);
CREATE INDEX publication_event_publication_id ON publication_event ("publication_id");
CREATE TRIGGER publication_event_append_only BEFORE UPDATE OR DELETE ON publication_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER publication_event_no_truncate BEFORE TRUNCATE ON publication_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE VIEW publication_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."publication_id", e."subject",
  e."published_on", e."media_type", e."content_sha256", e."content_bytes", e."values", e."as_of_tx",
  e."valid_on", e."run_id", e."parameters",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM (SELECT DISTINCT ON (x.key) x.* FROM publication_event x ORDER BY x.key, x.version DESC) e
LEFT JOIN audit a ON a.seq = e.tx
WHERE NOT e.deleted;

-- No right to change or remove, not even for the owner; the triggers hold where rights do not (superusers).
REVOKE UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA coverage_gap FROM PUBLIC, CURRENT_USER;
