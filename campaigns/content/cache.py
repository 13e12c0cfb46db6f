"""Compiled content of this process, found again by what it was made from."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from threading import RLock
from typing import Generic, TypeVar

T = TypeVar("T")


class ContentCache(Generic[T]):
    """The most recently used values, by a hash of everything that they depend on.

    A value is made under the lock, so that many readers of one campaign wait for one compilation.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[bytes, T] = OrderedDict()
        self._lock = RLock()

    def get(self, source: object, make: Callable[[], T]) -> T:
        """Return the value of a source, which its `repr` describes completely."""
        key = hashlib.sha256(repr(source).encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
            self._values.move_to_end(key)
            if len(self._values) > self._size:
                self._values.popitem(last=False)
            return self._values[key]

    def __len__(self) -> int:
        return len(self._values)
