"""Benchmarks of the parts of sending, each measured alone."""
