"""Reports: read-only SQL that returns frozen dataclasses."""
