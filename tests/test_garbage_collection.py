import gc
from collections.abc import Iterator

import pytest

from campaigns import garbage_collection


@pytest.fixture(autouse=True)
def restore_settings() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


def young_collections(objects: int) -> int:
    before: int = gc.get_stats()[0]["collections"]
    kept = [[number] for number in range(objects)]
    assert len(kept) == objects
    return int(gc.get_stats()[0]["collections"]) - before


def test_a_process_collects_rarely_once_it_has_started() -> None:
    with garbage_collection.loading():
        assert young_collections(20_000) == 0
    assert gc.isenabled()
    assert young_collections(20_000) <= 3


def test_objects_loaded_at_startup_are_not_scanned_again() -> None:
    with garbage_collection.loading():
        loaded = [[number] for number in range(1000)]
    frozen = gc.get_freeze_count()
    assert frozen >= len(loaded)
    assert not any(found is loaded for found in gc.get_objects())
