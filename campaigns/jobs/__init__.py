"""Background work. The only package that knows RQ and Redis."""
