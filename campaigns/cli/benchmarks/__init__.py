"""Benchmarks of the parts of sending."""
