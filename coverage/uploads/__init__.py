"""Strangers' files: quarantined, parsed in a child without network, checked row by row, never trusted."""
