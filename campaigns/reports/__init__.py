"""Read-only SQL that returns frozen dataclasses."""
