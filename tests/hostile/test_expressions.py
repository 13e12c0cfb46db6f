"""The time of each of our regular expressions grows no faster than the text.

Expressions are found by walking the package, so that new ones are included automatically.
"""

import importlib
import itertools
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import campaigns
from campaigns.audience.imports import dialect, reader
from tests.hostile.growth import grows_too_fast, slow_texts

SIZE = 1_000
BOUNDED = {
    "campaigns.providers.classify": 1000,
    "campaigns.providers.retry_after": 1000,
}
"""Modules that cut the text to this many characters before they search it."""

Found = tuple[str, re.Pattern[Any], frozenset[str]]


def walked(value: object, name: str, depth: int = 0) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if isinstance(value, re.Pattern):
        yield name, value
    elif depth < 3 and isinstance(value, list | tuple):
        for number, entry in enumerate(value):
            yield from walked(entry, f"{name}[{number}]", depth + 1)
    elif depth < 3 and isinstance(value, dict):
        for key, entry in value.items():
            yield from walked(entry, f"{name}[{key!r}]", depth + 1)


def expressions() -> list[Found]:
    """The name, expression and use of every one that a module contains."""
    found: dict[tuple[Any, int], Found] = {}
    for module in pkgutil.walk_packages(campaigns.__path__, "campaigns."):
        if module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        source = Path(loaded.__file__ or "").read_text("utf-8")
        for variable, value in vars(loaded).items():
            used = frozenset(re.findall(rf"\b{variable}\.(\w+)\(", source))
            for name, one in walked(value, f"{module.name}.{variable}"):
                found.setdefault((one.pattern, one.flags), (name, one, used))
    for delimiter, has_escapes in itertools.product(dialect.DELIMITERS, (False, True)):
        for number, one in enumerate(reader._patterns(delimiter, has_escapes)):
            name = f"campaigns.audience.imports.reader._patterns({delimiter!r})[{number}]"
            found[one.pattern, one.flags] = (name, one, frozenset({"match"}))
    return list(found.values())


def faults(found: Found) -> Iterator[str]:
    name, expression, used = found
    anchored = {"match", "fullmatch"}
    search = getattr(expression, min(used) if used and used <= anchored else "search")
    limit = next((most for module, most in BOUNDED.items() if name.startswith(module)), 0)
    for begin, unit, end in slow_texts(expression):

        def text(size: int, parts: tuple[str, str, str] = (begin, unit, end)) -> str | bytes:
            begin, unit, end = parts
            made = begin + unit * (size // len(unit) + 1) + end
            made = made[:limit] if limit else made
            return made.encode() if isinstance(expression.pattern, bytes) else made

        if why := grows_too_fast(search, text, SIZE):
            yield f"{name}: {begin!r} + {unit!r} * n + {end!r}: {why}"
            return


def test_every_expression_takes_linear_time() -> None:
    found = expressions()
    assert len(found) > 80
    assert [fault for one in found for fault in faults(one)] == []
