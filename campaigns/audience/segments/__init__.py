"""Segments: rules about subscribers, compiled to SQL and explained for one person."""
