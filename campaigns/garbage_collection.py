"""Tune Python's garbage collection for long-running processes."""

import gc

YOUNG_OBJECTS = 10_000
"""New container objects after which the young ones are looked through. Python's own 700 are for
programs that make few: here each claim and each request makes thousands, hardly any in cycles."""


def settle_in() -> None:
    """Call once when everything is loaded: what exists now is not looked through any more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
