"""Verify signatures with OpenDKIM's library, where it is installed. It supports RSA only."""

import ctypes
import ctypes.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_SET, _QUERY_METHOD, _QUERY_INFO = 1, 6, 7
_IN_A_FILE = 1


@cache
def _library() -> Any:
    name = ctypes.util.find_library("opendkim")
    if name is None:
        return None
    library = ctypes.CDLL(name)
    library.dkim_init.restype = library.dkim_verify.restype = ctypes.c_void_p
    return library


def is_installed() -> bool:
    return _library() is not None


def is_good(data: bytes, records: Mapping[str, str], folder: Path) -> bool:
    """Whether the first signature of a message is valid, given TXT records by name."""
    keys = folder / "keys"
    keys.write_text("".join(f"{name} {text}\n" for name, text in records.items()))
    path = str(keys).encode()
    library, size = _library(), ctypes.c_size_t
    opened = ctypes.c_void_p(library.dkim_init(None, None))
    method, status = ctypes.c_int(_IN_A_FILE), ctypes.c_int()
    library.dkim_options(opened, _SET, _QUERY_METHOD, ctypes.byref(method), size(4))
    library.dkim_options(opened, _SET, _QUERY_INFO, path, size(len(path)))
    message = ctypes.c_void_p(library.dkim_verify(opened, b"test", None, ctypes.byref(status)))
    assert library.dkim_chunk(message, data, size(len(data))) == 0
    assert library.dkim_chunk(message, None, size(0)) == 0
    verdict: int = library.dkim_eom(message, None)
    library.dkim_free(message)
    library.dkim_close(opened)
    return verdict == 0
