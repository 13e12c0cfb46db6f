"""The sandbox for the templates that people write."""
