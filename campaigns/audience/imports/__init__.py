"""CSV imports: reading files, mapping columns, writing rows."""
