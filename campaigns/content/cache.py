"""Compiled content of this process, found again by what it was made from."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class _Place(Generic[T]):
    """The place of one value, which is made under its own lock. `made` has it, once it is made."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.made: list[T] = []


class ContentCache(Generic[T]):
    """The most recently used values, by a hash of everything that they depend on.

    Many readers of one campaign wait for one compilation, but not for those of other campaigns.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._places: OrderedDict[bytes, _Place[T]] = OrderedDict()
        self._lock = Lock()

    def get(self, source: object, make: Callable[[], T]) -> T:
        """Return the value of a source, which its `repr` describes completely."""
        key = hashlib.sha256(repr(source).encode("utf-8", "surrogatepass")).digest()
        place = self._place(key)
        with place.lock:
            if not place.made:
                place.made.append(make())
            return place.made[0]

    def _place(self, key: bytes) -> _Place[T]:
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            if len(self._places) > self._size:
                self._places.popitem(last=False)
            return place

    def __len__(self) -> int:
        return len(self._places)
