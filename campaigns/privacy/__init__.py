"""Erasure of people, and deletion of expired data."""
