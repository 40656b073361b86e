-- The ledger: an audit chain, stored files, and one append-only table of events per kind of record.
-- Every table refuses UPDATE and DELETE; INSERT OR REPLACE is refused by the order of versions. What stands is a view.
-- coverage/store/events.py says what the columns shared by all event tables mean.

CREATE TABLE schema_migration (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  applied_at TEXT NOT NULL
) STRICT;
CREATE TRIGGER schema_migration_no_update BEFORE UPDATE ON schema_migration BEGIN
  SELECT RAISE(ABORT, 'append-only: schema_migration');
END;
CREATE TRIGGER schema_migration_no_delete BEFORE DELETE ON schema_migration BEGIN
  SELECT RAISE(ABORT, 'append-only: schema_migration');
END;

-- 監査記録: one row per transaction, each holding the hash of the row before it (coverage/store/audit.py).
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  "at" TEXT NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  before_sha256 TEXT,
  after_sha256 TEXT,
  detail TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
  SELECT RAISE(ABORT, 'append-only: audit');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
  SELECT RAISE(ABORT, 'append-only: audit');
END;
CREATE TRIGGER audit_in_order BEFORE INSERT ON audit
WHEN NEW.seq <> COALESCE((SELECT MAX(seq) FROM audit), 0) + 1
  OR NEW.prev_hash <> COALESCE((SELECT hash FROM audit WHERE seq = NEW.seq - 1), printf('%064d', 0)) BEGIN
  SELECT RAISE(ABORT, 'chain in order: audit');
END;

-- Uploaded and published files, each kept once under its SHA-256.
CREATE TABLE content (
  sha256 TEXT PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
CREATE TRIGGER content_no_update BEFORE UPDATE ON content BEGIN
  SELECT RAISE(ABORT, 'append-only: content');
END;
CREATE TRIGGER content_no_delete BEFORE DELETE ON content BEGIN
  SELECT RAISE(ABORT, 'append-only: content');
END;
CREATE TRIGGER content_once BEFORE INSERT ON content
WHEN EXISTS (SELECT 1 FROM content WHERE sha256 = NEW.sha256) BEGIN
  SELECT RAISE(ABORT, 'append-only: content');
END;

-- 基地局
CREATE TABLE site_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "site_id" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "municipality_code" TEXT NOT NULL,
  "lat" REAL NOT NULL CHECK ("lat" BETWEEN -90 AND 90),
  "lon" REAL NOT NULL CHECK ("lon" BETWEEN -180 AND 180),
  "status" TEXT NOT NULL CHECK ("status" IN ('候補', '計画', '交付決定', '工事中', '供用中', '停止', '廃止')),
  "height_m" REAL,
  "funding" TEXT CHECK ("funding" IN ('国補助', '県単独', '事業者自主', 'インフラシェア')),
  "purpose" TEXT CHECK ("purpose" IN ('居住', '道路', '登山道・観光', '避難所', 'トンネル')),
  "project_id" TEXT,
  "replaces" TEXT,
  "planned_fy" INTEGER,
  "cost_yen" INTEGER,
  "closed_on" TEXT CHECK ("closed_on" LIKE '____-__-__'),
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX site_event_tx ON site_event (tx);
CREATE INDEX site_event_site_id ON site_event ("site_id");
CREATE TRIGGER site_event_no_update BEFORE UPDATE ON site_event BEGIN
  SELECT RAISE(ABORT, 'append-only: site_event');
END;
CREATE TRIGGER site_event_no_delete BEFORE DELETE ON site_event BEGIN
  SELECT RAISE(ABORT, 'append-only: site_event');
END;
CREATE TRIGGER site_event_in_order BEFORE INSERT ON site_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM site_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: site_event');
END;
CREATE VIEW site_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."site_id", e."name",
  e."municipality_code", e."lat", e."lon", e."status", e."height_m", e."funding", e."purpose", e."project_id",
  e."replaces", e."planned_fy", e."cost_yen", e."closed_on",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM site_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM site_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 事業者の設備
CREATE TABLE site_operator_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "site_id" TEXT NOT NULL,
  "operator" TEXT NOT NULL,
  "in_service_date" TEXT CHECK ("in_service_date" LIKE '____-__-__'),
  "date_precision" TEXT NOT NULL CHECK ("date_precision" IN ('day', 'month', 'fiscal_year', 'year')),
  "band" TEXT,
  "frequency_mhz" REAL,
  "bandwidth_mhz" REAL,
  "eirp_dbm" REAL,
  "azimuth_deg" REAL,
  "tilt_deg" REAL,
  "cell" TEXT NOT NULL,
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX site_operator_event_tx ON site_operator_event (tx);
CREATE INDEX site_operator_event_site_id ON site_operator_event ("site_id");
CREATE TRIGGER site_operator_event_no_update BEFORE UPDATE ON site_operator_event BEGIN
  SELECT RAISE(ABORT, 'append-only: site_operator_event');
END;
CREATE TRIGGER site_operator_event_no_delete BEFORE DELETE ON site_operator_event BEGIN
  SELECT RAISE(ABORT, 'append-only: site_operator_event');
END;
CREATE TRIGGER site_operator_event_in_order BEFORE INSERT ON site_operator_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM site_operator_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: site_operator_event');
END;
CREATE VIEW site_operator_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."site_id", e."operator",
  e."in_service_date", e."date_precision", e."band", e."frequency_mhz", e."bandwidth_mhz", e."eirp_dbm",
  e."azimuth_deg", e."tilt_deg", e."cell",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM site_operator_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM site_operator_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 対象地区
CREATE TABLE site_district_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "site_id" TEXT NOT NULL,
  "district_id" TEXT NOT NULL,
  "serves_from" TEXT CHECK ("serves_from" LIKE '____-__-__'),
  "confirmed_by" TEXT,
  "confirmed_on" TEXT CHECK ("confirmed_on" LIKE '____-__-__'),
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX site_district_event_tx ON site_district_event (tx);
CREATE INDEX site_district_event_site_id ON site_district_event ("site_id");
CREATE TRIGGER site_district_event_no_update BEFORE UPDATE ON site_district_event BEGIN
  SELECT RAISE(ABORT, 'append-only: site_district_event');
END;
CREATE TRIGGER site_district_event_no_delete BEFORE DELETE ON site_district_event BEGIN
  SELECT RAISE(ABORT, 'append-only: site_district_event');
END;
CREATE TRIGGER site_district_event_in_order BEFORE INSERT ON site_district_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM site_district_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: site_district_event');
END;
CREATE VIEW site_district_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."site_id", e."district_id",
  e."serves_from", e."confirmed_by", e."confirmed_on",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM site_district_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM site_district_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 不感地域
CREATE TABLE district_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "district_id" TEXT NOT NULL,
  "municipality_code" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "geometry" BLOB NOT NULL,
  "households" INTEGER,
  "population" INTEGER,
  "designated_on" TEXT CHECK ("designated_on" LIKE '____-__-__'),
  "resolved_on" TEXT CHECK ("resolved_on" LIKE '____-__-__'),
  "source" TEXT NOT NULL,
  "declined" INTEGER NOT NULL CHECK ("declined" IN (0, 1)),
  "designation" INTEGER NOT NULL,
  PRIMARY KEY (key, version)
) STRICT;
CREATE INDEX district_event_tx ON district_event (tx);
CREATE INDEX district_event_district_id ON district_event ("district_id");
CREATE TRIGGER district_event_no_update BEFORE UPDATE ON district_event BEGIN
  SELECT RAISE(ABORT, 'append-only: district_event');
END;
CREATE TRIGGER district_event_no_delete BEFORE DELETE ON district_event BEGIN
  SELECT RAISE(ABORT, 'append-only: district_event');
END;
CREATE TRIGGER district_event_in_order BEFORE INSERT ON district_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM district_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: district_event');
END;
CREATE VIEW district_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."district_id",
  e."municipality_code", e."name", e."geometry", e."households", e."population", e."designated_on",
  e."resolved_on", e."source", e."declined", e."designation",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM district_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM district_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 開始値
CREATE TABLE opening_balance_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "fiscal_year" INTEGER NOT NULL,
  "value" INTEGER NOT NULL,
  "source" TEXT NOT NULL,
  "decided_on" TEXT CHECK ("decided_on" LIKE '____-__-__'),
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX opening_balance_event_tx ON opening_balance_event (tx);
CREATE INDEX opening_balance_event_fiscal_year ON opening_balance_event ("fiscal_year");
CREATE TRIGGER opening_balance_event_no_update BEFORE UPDATE ON opening_balance_event BEGIN
  SELECT RAISE(ABORT, 'append-only: opening_balance_event');
END;
CREATE TRIGGER opening_balance_event_no_delete BEFORE DELETE ON opening_balance_event BEGIN
  SELECT RAISE(ABORT, 'append-only: opening_balance_event');
END;
CREATE TRIGGER opening_balance_event_in_order BEFORE INSERT ON opening_balance_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM opening_balance_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: opening_balance_event');
END;
CREATE VIEW opening_balance_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."fiscal_year", e."value",
  e."source", e."decided_on",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM opening_balance_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM opening_balance_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 開始値への割当
CREATE TABLE allocation_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "site_id" TEXT NOT NULL,
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX allocation_event_tx ON allocation_event (tx);
CREATE INDEX allocation_event_site_id ON allocation_event ("site_id");
CREATE TRIGGER allocation_event_no_update BEFORE UPDATE ON allocation_event BEGIN
  SELECT RAISE(ABORT, 'append-only: allocation_event');
END;
CREATE TRIGGER allocation_event_no_delete BEFORE DELETE ON allocation_event BEGIN
  SELECT RAISE(ABORT, 'append-only: allocation_event');
END;
CREATE TRIGGER allocation_event_in_order BEFORE INSERT ON allocation_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM allocation_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: allocation_event');
END;
CREATE VIEW allocation_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."site_id",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM allocation_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM allocation_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 修正仕訳
CREATE TABLE restatement_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "effective_fy" INTEGER NOT NULL,
  "amount" INTEGER NOT NULL,
  "author" TEXT NOT NULL,
  "reason" TEXT NOT NULL,
  "restatement_id" TEXT NOT NULL,
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX restatement_event_tx ON restatement_event (tx);
CREATE INDEX restatement_event_restatement_id ON restatement_event ("restatement_id");
CREATE TRIGGER restatement_event_no_update BEFORE UPDATE ON restatement_event BEGIN
  SELECT RAISE(ABORT, 'append-only: restatement_event');
END;
CREATE TRIGGER restatement_event_no_delete BEFORE DELETE ON restatement_event BEGIN
  SELECT RAISE(ABORT, 'append-only: restatement_event');
END;
CREATE TRIGGER restatement_event_in_order BEFORE INSERT ON restatement_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM restatement_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: restatement_event');
END;
CREATE VIEW restatement_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."effective_fy", e."amount",
  e."author", e."reason", e."restatement_id",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM restatement_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM restatement_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 公表済み年度
CREATE TABLE frozen_year_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "fiscal_year" INTEGER NOT NULL,
  "value" INTEGER NOT NULL,
  "published_on" TEXT NOT NULL CHECK ("published_on" LIKE '____-__-__'),
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX frozen_year_event_tx ON frozen_year_event (tx);
CREATE INDEX frozen_year_event_fiscal_year ON frozen_year_event ("fiscal_year");
CREATE TRIGGER frozen_year_event_no_update BEFORE UPDATE ON frozen_year_event BEGIN
  SELECT RAISE(ABORT, 'append-only: frozen_year_event');
END;
CREATE TRIGGER frozen_year_event_no_delete BEFORE DELETE ON frozen_year_event BEGIN
  SELECT RAISE(ABORT, 'append-only: frozen_year_event');
END;
CREATE TRIGGER frozen_year_event_in_order BEFORE INSERT ON frozen_year_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM frozen_year_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: frozen_year_event');
END;
CREATE VIEW frozen_year_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."fiscal_year", e."value",
  e."published_on",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM frozen_year_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM frozen_year_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 同一局の判定
CREATE TABLE distinct_answer_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "site_id_a" TEXT NOT NULL,
  "site_id_b" TEXT NOT NULL,
  "same" INTEGER NOT NULL CHECK ("same" IN (0, 1)),
  "answered_by" TEXT NOT NULL,
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX distinct_answer_event_tx ON distinct_answer_event (tx);
CREATE INDEX distinct_answer_event_site_id_a ON distinct_answer_event ("site_id_a");
CREATE TRIGGER distinct_answer_event_no_update BEFORE UPDATE ON distinct_answer_event BEGIN
  SELECT RAISE(ABORT, 'append-only: distinct_answer_event');
END;
CREATE TRIGGER distinct_answer_event_no_delete BEFORE DELETE ON distinct_answer_event BEGIN
  SELECT RAISE(ABORT, 'append-only: distinct_answer_event');
END;
CREATE TRIGGER distinct_answer_event_in_order BEFORE INSERT ON distinct_answer_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM distinct_answer_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: distinct_answer_event');
END;
CREATE VIEW distinct_answer_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."site_id_a", e."site_id_b",
  e."same", e."answered_by",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM distinct_answer_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM distinct_answer_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 実績値
CREATE TABLE actual_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "indicator" TEXT NOT NULL,
  "fiscal_year" INTEGER NOT NULL,
  "value" REAL NOT NULL,
  "source" TEXT NOT NULL,
  "decided_on" TEXT CHECK ("decided_on" LIKE '____-__-__'),
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX actual_event_tx ON actual_event (tx);
CREATE INDEX actual_event_indicator ON actual_event ("indicator");
CREATE TRIGGER actual_event_no_update BEFORE UPDATE ON actual_event BEGIN
  SELECT RAISE(ABORT, 'append-only: actual_event');
END;
CREATE TRIGGER actual_event_no_delete BEFORE DELETE ON actual_event BEGIN
  SELECT RAISE(ABORT, 'append-only: actual_event');
END;
CREATE TRIGGER actual_event_in_order BEFORE INSERT ON actual_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM actual_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: actual_event');
END;
CREATE VIEW actual_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."indicator", e."fiscal_year",
  e."value", e."source", e."decided_on",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM actual_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM actual_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 市町合併
CREATE TABLE merger_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "old_code" TEXT NOT NULL,
  "new_code" TEXT NOT NULL,
  "merged_on" TEXT CHECK ("merged_on" LIKE '____-__-__'),
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX merger_event_tx ON merger_event (tx);
CREATE INDEX merger_event_old_code ON merger_event ("old_code");
CREATE TRIGGER merger_event_no_update BEFORE UPDATE ON merger_event BEGIN
  SELECT RAISE(ABORT, 'append-only: merger_event');
END;
CREATE TRIGGER merger_event_no_delete BEFORE DELETE ON merger_event BEGIN
  SELECT RAISE(ABORT, 'append-only: merger_event');
END;
CREATE TRIGGER merger_event_in_order BEFORE INSERT ON merger_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM merger_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: merger_event');
END;
CREATE VIEW merger_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."old_code", e."new_code",
  e."merged_on",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM merger_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM merger_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 設定
CREATE TABLE setting_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "name" TEXT NOT NULL,
  "value" TEXT,
  "note" TEXT NOT NULL,
  PRIMARY KEY (key, version)
) STRICT;
CREATE INDEX setting_event_tx ON setting_event (tx);
CREATE INDEX setting_event_name ON setting_event ("name");
CREATE TRIGGER setting_event_no_update BEFORE UPDATE ON setting_event BEGIN
  SELECT RAISE(ABORT, 'append-only: setting_event');
END;
CREATE TRIGGER setting_event_no_delete BEFORE DELETE ON setting_event BEGIN
  SELECT RAISE(ABORT, 'append-only: setting_event');
END;
CREATE TRIGGER setting_event_in_order BEFORE INSERT ON setting_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM setting_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: setting_event');
END;
CREATE VIEW setting_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."name", e."value", e."note",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM setting_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM setting_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 利用者
CREATE TABLE user_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "user_id" TEXT NOT NULL,
  "role" TEXT NOT NULL,
  "municipality_codes" TEXT NOT NULL,
  "active" INTEGER NOT NULL CHECK ("active" IN (0, 1)),
  "note" TEXT NOT NULL,
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_event_tx ON user_event (tx);
CREATE INDEX user_event_user_id ON user_event ("user_id");
CREATE TRIGGER user_event_no_update BEFORE UPDATE ON user_event BEGIN
  SELECT RAISE(ABORT, 'append-only: user_event');
END;
CREATE TRIGGER user_event_no_delete BEFORE DELETE ON user_event BEGIN
  SELECT RAISE(ABORT, 'append-only: user_event');
END;
CREATE TRIGGER user_event_in_order BEFORE INSERT ON user_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM user_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: user_event');
END;
CREATE VIEW user_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."user_id", e."role",
  e."municipality_codes", e."active", e."note",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM user_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM user_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 取込
CREATE TABLE import_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "import_id" TEXT NOT NULL,
  "table_name" TEXT NOT NULL,
  "file_name" TEXT NOT NULL,
  "file_sha256" TEXT NOT NULL,
  "file_bytes" INTEGER NOT NULL,
  "records_sha256" TEXT NOT NULL,
  "state" TEXT NOT NULL CHECK ("state" IN ('staged', 'accepted', 'returned', 'withdrawn', 'undone')),
  "submitted_by" TEXT NOT NULL,
  "report" TEXT NOT NULL,
  "mapping" TEXT NOT NULL,
  "applies_from" TEXT CHECK ("applies_from" LIKE '____-__-__'),
  "base_tx" INTEGER NOT NULL,
  "idempotency_key" TEXT,
  "decided_by" TEXT,
  "reason" TEXT NOT NULL,
  "result" TEXT NOT NULL,
  PRIMARY KEY (key, version)
) STRICT;
CREATE INDEX import_event_tx ON import_event (tx);
CREATE INDEX import_event_import_id ON import_event ("import_id");
CREATE INDEX import_event_file_sha256 ON import_event (file_sha256);
CREATE INDEX import_event_idempotency_key ON import_event (idempotency_key);
CREATE TRIGGER import_event_no_update BEFORE UPDATE ON import_event BEGIN
  SELECT RAISE(ABORT, 'append-only: import_event');
END;
CREATE TRIGGER import_event_no_delete BEFORE DELETE ON import_event BEGIN
  SELECT RAISE(ABORT, 'append-only: import_event');
END;
CREATE TRIGGER import_event_in_order BEFORE INSERT ON import_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM import_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: import_event');
END;
CREATE VIEW import_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."import_id", e."table_name",
  e."file_name", e."file_sha256", e."file_bytes", e."records_sha256", e."state", e."submitted_by", e."report",
  e."mapping", e."applies_from", e."base_tx", e."idempotency_key", e."decided_by", e."reason", e."result",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM import_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM import_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 資料
CREATE TABLE dataset_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "layer" TEXT NOT NULL,
  "edition" TEXT NOT NULL,
  "digest" TEXT NOT NULL,
  "licence" TEXT NOT NULL,
  "credit" TEXT NOT NULL,
  "files" TEXT NOT NULL,
  "estimated" INTEGER NOT NULL CHECK ("estimated" IN (0, 1)),
  PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX dataset_event_tx ON dataset_event (tx);
CREATE INDEX dataset_event_layer ON dataset_event ("layer");
CREATE TRIGGER dataset_event_no_update BEFORE UPDATE ON dataset_event BEGIN
  SELECT RAISE(ABORT, 'append-only: dataset_event');
END;
CREATE TRIGGER dataset_event_no_delete BEFORE DELETE ON dataset_event BEGIN
  SELECT RAISE(ABORT, 'append-only: dataset_event');
END;
CREATE TRIGGER dataset_event_in_order BEFORE INSERT ON dataset_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM dataset_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: dataset_event');
END;
CREATE VIEW dataset_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."layer", e."edition",
  e."digest", e."licence", e."credit", e."files", e."estimated",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM dataset_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM dataset_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 算定
CREATE TABLE run_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "run_id" TEXT NOT NULL,
  "digest" TEXT NOT NULL,
  "region_id" TEXT NOT NULL,
  "as_of_tx" INTEGER NOT NULL,
  "valid_on" TEXT CHECK ("valid_on" LIKE '____-__-__'),
  "parameters" TEXT NOT NULL,
  "summary" TEXT NOT NULL,
  PRIMARY KEY (key, version)
) STRICT;
CREATE INDEX run_event_tx ON run_event (tx);
CREATE INDEX run_event_run_id ON run_event ("run_id");
CREATE TRIGGER run_event_no_update BEFORE UPDATE ON run_event BEGIN
  SELECT RAISE(ABORT, 'append-only: run_event');
END;
CREATE TRIGGER run_event_no_delete BEFORE DELETE ON run_event BEGIN
  SELECT RAISE(ABORT, 'append-only: run_event');
END;
CREATE TRIGGER run_event_in_order BEFORE INSERT ON run_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM run_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: run_event');
END;
CREATE VIEW run_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."run_id", e."digest",
  e."region_id", e."as_of_tx", e."valid_on", e."parameters", e."summary",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM run_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM run_event x WHERE x.key = e.key) AND e.deleted = 0;

-- 公表物
CREATE TABLE publication_event (
  key TEXT NOT NULL,
  version INTEGER NOT NULL,
  tx INTEGER NOT NULL REFERENCES audit (seq),
  valid_from TEXT NOT NULL CHECK (valid_from LIKE '____-__-__'),
  known_tx INTEGER NOT NULL,
  known_since TEXT,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  "publication_id" TEXT NOT NULL,
  "subject" TEXT NOT NULL,
  "published_on" TEXT NOT NULL CHECK ("published_on" LIKE '____-__-__'),
  "media_type" TEXT NOT NULL,
  "content_sha256" TEXT NOT NULL,
  "content_bytes" INTEGER NOT NULL,
  "values" TEXT NOT NULL,
  "as_of_tx" INTEGER NOT NULL,
  "valid_on" TEXT CHECK ("valid_on" LIKE '____-__-__'),
  "run_id" TEXT,
  "parameters" TEXT NOT NULL,
  PRIMARY KEY (key, version)
) STRICT;
CREATE INDEX publication_event_tx ON publication_event (tx);
CREATE INDEX publication_event_publication_id ON publication_event ("publication_id");
CREATE TRIGGER publication_event_no_update BEFORE UPDATE ON publication_event BEGIN
  SELECT RAISE(ABORT, 'append-only: publication_event');
END;
CREATE TRIGGER publication_event_no_delete BEFORE DELETE ON publication_event BEGIN
  SELECT RAISE(ABORT, 'append-only: publication_event');
END;
CREATE TRIGGER publication_event_in_order BEFORE INSERT ON publication_event
WHEN NEW.version <> COALESCE((SELECT MAX(version) FROM publication_event WHERE key = NEW.key), 0) + 1 BEGIN
  SELECT RAISE(ABORT, 'versions in order: publication_event');
END;
CREATE VIEW publication_current AS
SELECT
  e.key, e.version, e.tx, e.valid_from, e.known_tx, e.known_since, e.deleted, e."publication_id", e."subject",
  e."published_on", e."media_type", e."content_sha256", e."content_bytes", e."values", e."as_of_tx",
  e."valid_on", e."run_id", e."parameters",
  a."at" AS recorded_at, a.actor AS recorded_by
FROM publication_event e LEFT JOIN audit a ON a.seq = e.tx
WHERE e.version = (SELECT MAX(x.version) FROM publication_event x WHERE x.key = e.key) AND e.deleted = 0;
