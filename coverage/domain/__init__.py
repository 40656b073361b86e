"""The field's own rules and records: no files, no network, no web."""
