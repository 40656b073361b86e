PRAGMA application_id = 1128747057;
PRAGMA user_version = 3;
BEGIN TRANSACTION;
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
INSERT INTO "actual_event" VALUES('406/2016',1,2,'0001-01-01',2,NULL,0,'406',2016,48.0,'運用報告',NULL);
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
INSERT INTO "allocation_event" VALUES('T-000',1,7,'0001-01-01',7,NULL,0,'T-000');
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
INSERT INTO "audit" VALUES(1,'2017-04-10T04:00:00.000000Z','sato','admin','user','user:sato',NULL,'698679dfec075f5ea36cf4b27b95f7ecc001e47d8c6f1065377341c16e8ed016','{"active":true,"role":"admin"}','0000000000000000000000000000000000000000000000000000000000000000','e369d514448b277802f483816953ada91559a2f3eb7b898d626a142428564f65');
INSERT INTO "audit" VALUES(2,'2017-04-10T05:00:00.000000Z','sato','admin','ledger.load','ledger',NULL,'e9b23717682bbc8a493174538da8435ee0dc98a4652cc1c253a80e97b8cd6189','{"counts":{"actual":{"changed":0,"new":1,"unchanged":0},"district":{"changed":0,"new":1,"unchanged":0},"merger":{"changed":0,"new":1,"unchanged":0},"opening_balance":{"changed":0,"new":1,"unchanged":0},"site":{"changed":0,"new":3,"unchanged":0},"site_district":{"changed":0,"new":1,"unchanged":0},"site_operator":{"changed":0,"new":1,"unchanged":0}},"source":"見本"}','e369d514448b277802f483816953ada91559a2f3eb7b898d626a142428564f65','ea3c19ffd176beac4ec47138ea9e018322c5dadf34a65bf50bbbabb64aa895ec');
INSERT INTO "audit" VALUES(3,'2017-04-10T06:00:00.000000Z','tanaka','planner','import.stage','import:000003-e5eac513',NULL,'4c59db97dcb0739eb07adede9c0c7ed5e6a73bb5bda3f51bebf4401f40fe8e2a','{"counts":{"site":{"changed":0,"new":1,"unchanged":0}},"file_sha256":"e5eac513b19e9ddbaeec70486f715a829b660139e17416dc343cbf0e5d62893f"}','ea3c19ffd176beac4ec47138ea9e018322c5dadf34a65bf50bbbabb64aa895ec','7f8f64f26be98a0635b5e059339de20f5db559ea526c5a3cac08284671d53879');
INSERT INTO "audit" VALUES(4,'2017-04-10T07:00:00.000000Z','sato','admin','import.accept','import:000003-e5eac513','4c59db97dcb0739eb07adede9c0c7ed5e6a73bb5bda3f51bebf4401f40fe8e2a','299df28b8c7892e8c97673352edb28c3612d16c2544c1cc5e549ee92884b5a32','{"counts":{"site":{"changed":0,"new":1,"unchanged":0}},"file_sha256":"e5eac513b19e9ddbaeec70486f715a829b660139e17416dc343cbf0e5d62893f","submitted_by":"tanaka"}','7f8f64f26be98a0635b5e059339de20f5db559ea526c5a3cac08284671d53879','270de1fc8b5be3ce0d34d8be87c3a967a75a1f5f2c1f5321e7b04046982d603f');
INSERT INTO "audit" VALUES(5,'2017-04-10T08:00:00.000000Z','sato','admin','status','site:T-001','86d12116c4686e3eb277b4dadb850fe32d6ea5b2ecb6dbde1b258f6ce1a490d6','8325e241156717fb8f6b11be36a196306cadd91bf36c525d90bd252d5c9e261c','{}','270de1fc8b5be3ce0d34d8be87c3a967a75a1f5f2c1f5321e7b04046982d603f','042c2e23820df1a5a0fe168fb93be223f34f4f54839c4d7fc75c02b8207ce8f1');
INSERT INTO "audit" VALUES(6,'2017-04-10T09:00:00.000000Z','tanaka','planner','edit','site_operator:T-001/docomo/',NULL,'b872ff04080d33b79af1f08ce8edc1ee67c24d74fce22d34b5d03b7ed0836096','{}','042c2e23820df1a5a0fe168fb93be223f34f4f54839c4d7fc75c02b8207ce8f1','50343654d4c888559471fedacd94e6b246d1d322996f2b5ee95bcded76564d23');
INSERT INTO "audit" VALUES(7,'2017-04-10T10:00:00.000000Z','sato','admin','allocate','allocation:T-000',NULL,'0319ba525e51419eba972097cba4bd77c5302276d0d6d6ba9ee501457fbafc77','{}','50343654d4c888559471fedacd94e6b246d1d322996f2b5ee95bcded76564d23','8338102d68bf5f3e119201524476ae86804936114afd1f870b20711c698acc44');
INSERT INTO "audit" VALUES(8,'2017-04-10T11:00:00.000000Z','sato','admin','distinct','distinct_answer:T-000/T-000b',NULL,'7251e9dc5cf42d0ede21b555aad1e18abc79c96f3d9424c32c8ab09dc1d4203f','{"same":true}','8338102d68bf5f3e119201524476ae86804936114afd1f870b20711c698acc44','2f529ffea203fcc47718f727eb37487b6cb10d25d0996e75a67f5bfaf6750791');
INSERT INTO "audit" VALUES(9,'2017-04-10T12:00:00.000000Z','sato','admin','restate','restatement:2016-080da6b23ec2',NULL,'0b1fb0348ad193480e990e0b6bbab5f9eff4559f358932b7a3ba0dfcfcd7ef6b','{"reason":"訂正"}','2f529ffea203fcc47718f727eb37487b6cb10d25d0996e75a67f5bfaf6750791','4f3d2fa024eb9e658843e96a37843e46df284ce981d56766babce72398d26bcc');
INSERT INTO "audit" VALUES(10,'2017-04-10T13:00:00.000000Z','sato','admin','publish','publication:P000010-ff5a1ae0',NULL,'9248b3bcef059cfdf9d9fa4db342d7b4f0a5e6301cd7052d0dbba4844c6378bd','{"subject":"count","values":{"40604:2016":70}}','4f3d2fa024eb9e658843e96a37843e46df284ce981d56766babce72398d26bcc','06cd1ac7b3728d127c7db9d3fc010f359da037696065a37a25a1836ea90b9ad2');
INSERT INTO "audit" VALUES(11,'2017-04-10T14:00:00.000000Z','sato','admin','edit','setting:achievement_cap',NULL,'ceaab3352d263a50470aaf7ad6b3ea10789950864b281e0f9684fd82d7e64314','{}','06cd1ac7b3728d127c7db9d3fc010f359da037696065a37a25a1836ea90b9ad2','ce875f379ffde84bfeb1b5d888b1e01a0a3c60669fa12a0e233bc22f868dfb87');
INSERT INTO "audit" VALUES(12,'2017-04-10T15:00:00.000000Z','sato','admin','edit','dataset:boundaries',NULL,'8e3170ca71a7d7e73c4411f91452befa38f891749280702eb2b0b55d04446e60','{}','ce875f379ffde84bfeb1b5d888b1e01a0a3c60669fa12a0e233bc22f868dfb87','af80831b3a30df985db45303a2c86be6c4194768b89651884607391a93767c32');
INSERT INTO "audit" VALUES(13,'2017-04-10T16:00:00.000000Z','sato','admin','edit','run:0000000000000000',NULL,'d712686278b24c2c96e6ae2fa6162489ad0e57b7312b9ebdc9b2a323570f65a4','{}','af80831b3a30df985db45303a2c86be6c4194768b89651884607391a93767c32','b5b9c67becdc7874f622d1d14456635648ef03e90873ab1bce97b1d7e456b737');
INSERT INTO "audit" VALUES(14,'2017-04-10T17:00:00.000000Z','tanaka','planner','import.accept','import:000014-b5621af7',NULL,'4a889c1d1c661988f5ffbcd639170de6f29b4951418ecfe7413acd9223ad7f7f','{"counts":{"site":{"changed":0,"new":1,"unchanged":0}},"file_sha256":"b5621af7958609b6f9cb146817e473dce6eb813ca5d4c5d49c4b42238cc58288"}','b5b9c67becdc7874f622d1d14456635648ef03e90873ab1bce97b1d7e456b737','c5b11bd3e0703f87b2ea740ba211acac72f7c74291a5c417099d25d2d79794b8');
INSERT INTO "audit" VALUES(15,'2017-04-10T18:00:00.000000Z','sato','admin','import.undo','import:000014-b5621af7','4a889c1d1c661988f5ffbcd639170de6f29b4951418ecfe7413acd9223ad7f7f','b2e1a44138654bdb9ee7709e064fbd58daa100e66fe870dfcd3c81bbb1fbcefe','{"reason":"違うファイル","undoes":14}','c5b11bd3e0703f87b2ea740ba211acac72f7c74291a5c417099d25d2d79794b8','0026ce5dd3420ed1a4dc94ea26609118ad307885ccc6e62636190dffdc51efcc');
INSERT INTO "audit" VALUES(16,'2017-04-10T19:00:00.000000Z','owase','municipality','challenge.file','challenge:C000016',NULL,'e1e13af2d78677b06820e70118dfde2c41693d9f5cceedf7649b3a3cdc6bf2e6','{}','0026ce5dd3420ed1a4dc94ea26609118ad307885ccc6e62636190dffdc51efcc','61e48e1fe3a9d6e9972fd98309151e9784f8e897963544482e1b35e3aedab1bb');
INSERT INTO "audit" VALUES(17,'2017-04-10T20:00:00.000000Z','sato','admin','token.issue','read_token:T000017',NULL,'67d09206930772db65724f8883352164bbae17388ecdec55a58593ceddd53b17','{"role":"viewer"}','61e48e1fe3a9d6e9972fd98309151e9784f8e897963544482e1b35e3aedab1bb','5c838699ec5ed418bb5109241835907302ddfd5fb151237fb332f0a0b7fa90d9');
INSERT INTO "audit" VALUES(18,'2017-04-10T21:00:00.000000Z','sato','admin','edit','measurement:M-1',NULL,'0b12e8964fc3697eb337044849e70461deb80922b491baf6d9ea15b46606510c','{}','5c838699ec5ed418bb5109241835907302ddfd5fb151237fb332f0a0b7fa90d9','fb98a79c27e57032bbe28f4b3f3aa0eba9d6aa48d4f995fe2c6040c3122c7b9b');
INSERT INTO "audit" VALUES(19,'2017-04-10T22:00:00.000000Z','sato','admin','edit','scenario:案A',NULL,'355a3f4189a5de7ea5d6c4ca3642e3883afd14faa54465427aca3361fb284c5f','{}','fb98a79c27e57032bbe28f4b3f3aa0eba9d6aa48d4f995fe2c6040c3122c7b9b','b5c5cf9fc6c1e0f63b2251db5304eec4fa938c5f629c1b652e90b367d37b6472');
INSERT INTO "audit" VALUES(20,'2017-04-10T23:00:00.000000Z','sato','admin','footnote.add','footnote:40604-2016-1',NULL,'225e7522640875877c2dbf4caa7b447363e95e97b430c5d8f734f616fd968486','{}','b5c5cf9fc6c1e0f63b2251db5304eec4fa938c5f629c1b652e90b367d37b6472','81967cd6ea2960bed306e938c772a490e2361b2100526114353e510b90d718b9');
INSERT INTO "audit" VALUES(21,'2017-04-11T00:00:00.000000Z','sato','admin','footnote.correct','footnote:40604-2016-1','225e7522640875877c2dbf4caa7b447363e95e97b430c5d8f734f616fd968486','8b38a66a1e4442b69afed159302390d5f3039e556f9288963cdc53a068b741ec','{"reason":"場所を足す"}','81967cd6ea2960bed306e938c772a490e2361b2100526114353e510b90d718b9','d8130741827bb65bc04596926c9e5ba7ab57ea03837f04baf02cd577cbcfb769');
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
INSERT INTO "challenge_event" VALUES('C000016',1,16,'0001-01-01',16,NULL,0,'C000016','24209','2017-04-01','峠','owase',NULL,34.0,136.2,NULL,'open','',NULL,NULL);
CREATE TABLE content (
  sha256 TEXT PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
INSERT INTO "content" VALUES('e5eac513b19e9ddbaeec70486f715a829b660139e17416dc343cbf0e5d62893f',X'736974655F69640A542D3030320A');
INSERT INTO "content" VALUES('eb2b7dc4b6b739b2b65547a20dd87656c952dc4e2101937a5a740a9efc95e360',X'78017D8E416EC2301045EF326B179924A22AE7E82E8A2CCB36C4E08CADD8168AAAEE394024AE4077DDF73E8463740C7B367F9E67F4C6D37E81F22E0F1861DB42B4C908AB8101CAC15019325A658374364D42795D7A4EA6921E296392294782DED87D9FC440B8CBA82DEE89421E838FC509A33F18959EBB47139C54A6680488468BDD440FE5631293297B95234F0BFAA36370B4A861FB388E46A33F955B5BCE38C3EC1C83CF37CE2B9ADC2E3FCBFC4B503515FF0056372B5EB375BD5955EF0CEED7F332FFC1D379882FA3EBBEBB7FE6B06155');
INSERT INTO "content" VALUES('ff5a1ae012afa5d4c889c50ad427aaf545d31a4fac04ffc1c4d03d403ba4250a',X'3730');
INSERT INTO "content" VALUES('b5621af7958609b6f9cb146817e473dce6eb813ca5d4c5d49c4b42238cc58288',X'542D303033');
INSERT INTO "content" VALUES('1e4a7aaa65104c497cdda438371b21fcfcecc7ba5e0bb6babfa6a15886ac0db7',X'78016D8E318E02310C45EFE23A8BC20C428273D08D46519404C89271A249223442F41C808E86922B20C4758063AC03C56EB1CDF7B3ADFFED6607CABBDC61847903D12623AC0606283B43A5CB68950DD2D93408E5759939998A7A248D49A61C09D6C6AED6497484CB8CDAE28A28E43EF8583CA1F7DF46A54F766F8293CA141B01A2D1623950A37C4C6230255739F26941375A061B8B1AE6EFE768D5FB6DF9B5E10CB3731F81C517E7352D1FA7FBE37C25A826159F01AB2723CEC6F5745431785D0ECFE30DFED87E03FEA1B6DDB73F9A7262A3');
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
INSERT INTO "dataset_event" VALUES('boundaries',1,12,'0001-01-01',12,NULL,0,'boundaries','2021-01-01','0000000000000000000000000000000000000000000000000000000000000000','','','[]',0);
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
INSERT INTO "distinct_answer_event" VALUES('T-000/T-000b',1,8,'0001-01-01',8,NULL,0,'T-000','T-000b',1,'sato');
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
INSERT INTO "district_event" VALUES('D-01/1',1,2,'0001-01-01',2,NULL,0,'D-01','24209','九鬼',X'010300000001000000050000009A9999999909614000000000000041409A99999999096140CDCCCCCCCC0C41406666666666066140CDCCCCCCCC0C4140666666666606614000000000000041409A999999990961400000000000004140',42,97,'2010-04-01',NULL,'',0,1);
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
INSERT INTO "footnote_event" VALUES('40604-2016-1',1,20,'0001-01-01',20,NULL,0,'40604-2016-1','40604',2016,'統合により1基減','','sato',0);
INSERT INTO "footnote_event" VALUES('40604-2016-1',2,21,'0001-01-01',21,NULL,0,'40604-2016-1','40604',2016,'統合により1基減（九鬼）','one fewer','sato',0);
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
INSERT INTO "frozen_year_event" VALUES('2016',1,10,'0001-01-01',10,NULL,0,2016,70,'2017-06-30');
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
INSERT INTO "import_event" VALUES('000003-e5eac513',1,3,'0001-01-01',3,NULL,0,'000003-e5eac513','sites','一覧.csv','e5eac513b19e9ddbaeec70486f715a829b660139e17416dc343cbf0e5d62893f',14,'eb2b7dc4b6b739b2b65547a20dd87656c952dc4e2101937a5a740a9efc95e360','staged','tanaka','{}','{}',NULL,2,NULL,NULL,'','{"site":{"changed":0,"new":1,"unchanged":0}}');
INSERT INTO "import_event" VALUES('000003-e5eac513',2,4,'0001-01-01',4,NULL,0,'000003-e5eac513','sites','一覧.csv','e5eac513b19e9ddbaeec70486f715a829b660139e17416dc343cbf0e5d62893f',14,'eb2b7dc4b6b739b2b65547a20dd87656c952dc4e2101937a5a740a9efc95e360','accepted','tanaka','{}','{}',NULL,2,NULL,'sato','','{"site":{"changed":0,"new":1,"unchanged":0}}');
INSERT INTO "import_event" VALUES('000014-b5621af7',1,14,'0001-01-01',14,NULL,0,'000014-b5621af7','sites','二.csv','b5621af7958609b6f9cb146817e473dce6eb813ca5d4c5d49c4b42238cc58288',5,'1e4a7aaa65104c497cdda438371b21fcfcecc7ba5e0bb6babfa6a15886ac0db7','accepted','tanaka','{}','{}',NULL,13,NULL,'tanaka','','{"site":{"changed":0,"new":1,"unchanged":0}}');
INSERT INTO "import_event" VALUES('000014-b5621af7',2,15,'0001-01-01',15,NULL,0,'000014-b5621af7','sites','二.csv','b5621af7958609b6f9cb146817e473dce6eb813ca5d4c5d49c4b42238cc58288',5,'1e4a7aaa65104c497cdda438371b21fcfcecc7ba5e0bb6babfa6a15886ac0db7','undone','tanaka','{}','{}',NULL,13,NULL,'sato','違うファイル','{"site":{"changed":0,"new":1,"unchanged":0}}');
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
INSERT INTO "measurement_event" VALUES('M-1',1,18,'0001-01-01',18,NULL,0,'M-1',34.0,136.2,'2017-04-01','docomo',-108.5,NULL,NULL,'','');
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
INSERT INTO "merger_event" VALUES('24322',1,2,'0001-01-01',2,NULL,0,'24322','24209',NULL);
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
INSERT INTO "opening_balance_event" VALUES('2015',1,2,'0001-01-01',2,NULL,0,2015,70,'政策シート','2016-04-01');
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
INSERT INTO "publication_event" VALUES('P000010-ff5a1ae0',1,10,'0001-01-01',10,NULL,0,'P000010-ff5a1ae0','count','2017-06-30','text/plain','ff5a1ae012afa5d4c889c50ad427aaf545d31a4fac04ffc1c4d03d403ba4250a',2,'{"40604:2016":70}',9,NULL,NULL,'{}');
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
INSERT INTO "read_token_event" VALUES('T000017',1,17,'0001-01-01',17,NULL,0,'T000017','6079acb334a585926960d57240dfc113d84eebfd5d3241b0fc37a43e05509788','QGIS','viewer','[]',NULL,0);
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
INSERT INTO "restatement_event" VALUES('2016-080da6b23ec2',1,9,'0001-01-01',9,NULL,0,2016,-1,'sato','訂正','2016-080da6b23ec2');
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
INSERT INTO "run_event" VALUES('0000000000000000',1,13,'0001-01-01',13,NULL,0,'0000000000000000','0000000000000000000000000000000000000000000000000000000000000000','mihon',5,NULL,'{}','{}');
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
INSERT INTO "scenario_event" VALUES('案A',1,19,'0001-01-01',19,NULL,0,'案A','{"sites":["C-1"]}','');
CREATE TABLE schema_migration (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  applied_at TEXT NOT NULL
) STRICT;
INSERT INTO "schema_migration" VALUES(1,'0001_ledger.sql','5ad5027f32b727cccc1182163cc7acd54453b00675f795d6492dc673ba98c97c','2017-04-10T01:00:00.000000Z');
INSERT INTO "schema_migration" VALUES(2,'0002_field_work.sql','2f8c233c9af487cb75e04028a804b05a18add582d1f4d7e7a322a9ffc644b8bb','2017-04-10T02:00:00.000000Z');
INSERT INTO "schema_migration" VALUES(3,'0003_footnotes.sql','640810515c77a13624352cb47e3964120f17e202e225da851ebc4c3e4320b56c','2017-04-10T03:00:00.000000Z');
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
INSERT INTO "setting_event" VALUES('achievement_cap',1,11,'0001-01-01',11,NULL,0,'achievement_cap','1.0','');
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
INSERT INTO "site_district_event" VALUES('T-001/D-01',1,2,'0001-01-01',2,NULL,0,'T-001','D-01',NULL,NULL,NULL);
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
INSERT INTO "site_event" VALUES('T-000',1,2,'0001-01-01',2,NULL,0,'T-000','古い局','24209',34.1,136.3,'供用中',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "site_event" VALUES('T-000b',1,2,'0001-01-01',2,NULL,0,'T-000b','古い局の隣','24209',34.1001,136.3,'供用中',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "site_event" VALUES('T-001',1,2,'0001-01-01',2,NULL,0,'T-001','九鬼','24209',34.0123,136.2456,'計画',30.0,'国補助','居住',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "site_event" VALUES('T-001',2,5,'2017-03-25',5,NULL,0,'T-001','九鬼','24209',34.0123,136.2456,'供用中',30.0,'国補助','居住',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "site_event" VALUES('T-002',1,4,'0001-01-01',4,NULL,0,'T-002','早田','24209',34.03,136.27,'計画',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "site_event" VALUES('T-003',1,14,'0001-01-01',14,NULL,0,'T-003','曽根','24209',34.0,136.2,'計画',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "site_event" VALUES('T-003',2,15,'0001-01-01',15,NULL,1,'T-003','曽根','24209',34.0,136.2,'計画',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "site_operator_event" VALUES('T-000/docomo/',1,2,'0001-01-01',2,NULL,0,'T-000','docomo','2011-03-31','day',NULL,NULL,NULL,NULL,NULL,NULL,'');
INSERT INTO "site_operator_event" VALUES('T-001/docomo/',1,6,'0001-01-01',6,NULL,0,'T-001','docomo','2017-03-25','day',NULL,NULL,NULL,NULL,NULL,NULL,'');
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
INSERT INTO "user_event" VALUES('sato',1,1,'0001-01-01',1,NULL,0,'sato','admin','[]',1,'');
CREATE TRIGGER schema_migration_no_update BEFORE UPDATE ON schema_migration BEGIN
  SELECT RAISE(ABORT, 'append-only: schema_migration');
END;
CREATE TRIGGER schema_migration_no_delete BEFORE DELETE ON schema_migration BEGIN
  SELECT RAISE(ABORT, 'append-only: schema_migration');
END;
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
COMMIT;
