-- What OGC API – Features may offer of a ledger in PostGIS, and a role that sees nothing else.
--
--   psql -d mie -f docs/ogc-features.sql        as a superuser, after "coverage-gap db init"; may be run again
--
-- Views in a schema of their own: districts of the register and sites that have been in service. Sites not yet in
-- service are the operators' plans and in no view; neither are events, users, tokens or the audit trail.
-- "id" is the ledger's key without slashes (~ as ~0, / as ~1), because it becomes part of an address.

BEGIN;

DO $$
DECLARE
  ledger_owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'coverage_gap');
BEGIN
  IF ledger_owner IS NULL THEN
    RAISE EXCEPTION 'there is no schema coverage_gap in this database: run "coverage-gap db init" first';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gap_reader') THEN
    CREATE ROLE gap_reader LOGIN CONNECTION LIMIT 20;
  END IF;
  EXECUTE format('CREATE SCHEMA IF NOT EXISTS gap_public AUTHORIZATION %I', ledger_owner);
  -- The views belong to the ledger's owner, so that they can do no more than the owner can.
  PERFORM set_config('role', ledger_owner, true);
END
$$;

CREATE OR REPLACE VIEW gap_public.districts AS
SELECT
  replace(replace(key, '~', '~0'), '/', '~1') AS id, district_id, municipality_code, name, households, population, designated_on, resolved_on, declined, geom
FROM coverage_gap.district_current;

CREATE OR REPLACE VIEW gap_public.sites AS
SELECT
  replace(replace(s.key, '~', '~0'), '/', '~1') AS id, s.site_id, s.municipality_code, s.name, s.status, s.height_m, s.funding, s.purpose, s.closed_on,
  o.operators, o.in_service_since, s.geom
FROM coverage_gap.site_current s
LEFT JOIN LATERAL (
  -- An operator who has yet to start on a mast that stands already is a plan, too.
  SELECT string_agg(DISTINCT operator, ';' ORDER BY operator) AS operators, min(in_service_date) AS in_service_since
  FROM coverage_gap.site_operator_current
  WHERE site_id = s.site_id AND in_service_date <= (now() AT TIME ZONE 'Asia/Tokyo')::date
) o ON TRUE
CROSS JOIN LATERAL (
  -- Entered as 供用中 ahead of its first day a site is a plan still; ended without any day it was one that was given up.
  SELECT
    count(in_service_date) AS dated,
    min(CASE date_precision
      WHEN 'month' THEN date_trunc('month', in_service_date::timestamp)
      WHEN 'fiscal_year' THEN date_trunc('year', in_service_date::timestamp - interval '3 months') + interval '3 months'
      WHEN 'year' THEN date_trunc('year', in_service_date::timestamp)
      ELSE in_service_date::timestamp
    END) AS first_possible
  FROM coverage_gap.site_operator_current
  WHERE site_id = s.site_id
) d
WHERE
  (s.status = '供用中' OR (s.status IN ('停止', '廃止') AND d.dated > 0))
  AND (d.dated = 0 OR d.first_possible <= now() AT TIME ZONE 'Asia/Tokyo')
  -- What ended before its first day never began.
  AND (s.status = '供用中' OR s.closed_on IS NULL OR d.first_possible <= s.closed_on);

GRANT USAGE ON SCHEMA gap_public TO gap_reader;
GRANT SELECT ON gap_public.districts, gap_public.sites TO gap_reader;

RESET ROLE;
ALTER ROLE gap_reader SET search_path = gap_public, public;
ALTER ROLE gap_reader SET statement_timeout = '30s';

COMMIT;
