import gc
from collections.abc import Iterator

import pytest

from campaigns import garbage_collection


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


def young_collections(objects: int) -> int:
    before: int = gc.get_stats()[0]["collections"]
    kept = [[number] for number in range(objects)]
    assert len(kept) == objects
    return int(gc.get_stats()[0]["collections"]) - before


def test_a_process_that_has_settled_in_collects_rarely() -> None:
    garbage_collection.settle_in()
    assert young_collections(20_000) <= 3


def test_what_was_loaded_is_not_looked_through_again() -> None:
    loaded = [[number] for number in range(1000)]
    garbage_collection.settle_in()
    frozen = gc.get_freeze_count()
    assert frozen >= len(loaded)
    gc.collect()
    assert not any(found is loaded for found in gc.get_objects())
