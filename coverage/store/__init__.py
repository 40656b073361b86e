"""The append-only ledger in SQLite or PostGIS."""
