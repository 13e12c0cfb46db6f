"""Compiled content of this process, by a hash of what it was compiled from."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class _Entry(Generic[T]):
    """One value, made under its own lock. `made` is empty until then."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.made: list[T] = []


class ContentCache(Generic[T]):
    """The most recently used values, by a hash of everything that they depend on.

    Many readers of one campaign wait for one compilation, but not for those of other campaigns.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, _Entry[T]] = OrderedDict()
        self._lock = Lock()

    def get(self, source: object, make: Callable[[], T]) -> T:
        """Return the value of a source, which its `repr` describes completely."""
        key = hashlib.sha256(repr(source).encode("utf-8", "surrogatepass")).digest()
        entry = self._entry(key)
        with entry.lock:
            if not entry.made:
                entry.made.append(make())
            return entry.made[0]

    def _entry(self, key: bytes) -> _Entry[T]:
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
            return entry

    def __len__(self) -> int:
        return len(self._entries)
