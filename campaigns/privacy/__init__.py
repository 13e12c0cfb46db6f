"""Erasing people, and deleting what is kept for a limited time."""
