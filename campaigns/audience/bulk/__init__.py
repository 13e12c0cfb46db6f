"""Bulk actions: change every subscriber of a selection, in slices, with progress and undo."""
