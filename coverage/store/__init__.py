"""The ledger's store: append-only bitemporal events under a hash chain, in SQLite or PostGIS (docs/ledger.md)."""
