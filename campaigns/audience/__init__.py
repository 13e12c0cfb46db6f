"""Subscribers, lists, suppressions and imports."""
