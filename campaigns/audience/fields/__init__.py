"""Custom fields: their definitions, and values of each type."""
