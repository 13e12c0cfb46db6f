"""Tune Python's garbage collection for long-running processes."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 10_000
"""New container objects that trigger a young collection. Python's default of 700 suits programs
with few objects: here each claim and each request creates thousands, hardly any in cycles."""


@contextmanager
def loading() -> Iterator[None]:
    """Load modules and create the app; what exists at the end is exempt from collection.

    Collection is off meanwhile: it would take a sixth of the time, and hardly anything is garbage.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS)
        gc.enable()
