"""CSV imports: read files, map columns, write rows."""
