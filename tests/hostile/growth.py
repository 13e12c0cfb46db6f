"""How the time of a function grows with its input, and inputs that make it grow."""

import re
import time
from collections.abc import Callable, Iterator
from re import _parser as parser  # type: ignore[attr-defined]  # the one that `re` itself uses
from typing import Any

TRIES = 3
MAX_SECONDS = 2.0
"""For the longer input: generous, but nobody shall wait longer for one text."""
FACTOR = 4
MOST = 10.0
"""How many times longer FACTOR times the input may take: 4 is linear, 16 quadratic."""
SHORTEST_SECONDS = 0.005
"""Shorter times say nothing: a run is judged only when the longer input takes more."""


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time of this thread, so that other work on the machine does not count."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def grows_too_fast(work: Callable[[Any], object], make: Callable[[int], Any], size: int) -> str:
    """Explain why the time grows faster than the input; empty if it does not.

    `make` returns an input of a size. The size is increased until the time can be measured, or up
    to a limit.
    """
    long = make(size * FACTOR)
    long_seconds = cpu_seconds(lambda: work(long))
    if long_seconds < SHORTEST_SECONDS:
        return ""
    if long_seconds > MAX_SECONDS:
        return f"it took {long_seconds:.1f} s"
    short = make(size)
    ratio = 0.0
    for _ in range(TRIES):
        short_seconds = min(cpu_seconds(lambda: work(short)) for _ in range(TRIES))
        ratio = long_seconds / max(short_seconds, 1e-6)
        if ratio <= MOST:
            return ""
        long_seconds = min(long_seconds, cpu_seconds(lambda: work(long)))
    return f"{FACTOR} times the input took {ratio:.0f} times as long ({long_seconds:.2f} s)"


def slow_texts(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """Beginning, repeated part and end of texts that may be slow for this pattern.

    Derived from what it matches: every beginning of a match, then a part of it repeatedly, then
    something that prevents the match.
    """
    for sample in dict.fromkeys(_samples(pattern)):
        half = len(sample) // 2
        units = {*sample, sample, sample[:half], sample[half:], sample[:-1], "a", " "}
        for begin in dict.fromkeys(("", sample[:half], sample)):
            for unit in sorted(units - {""}):
                yield begin, unit, "\x00"


def _samples(pattern: re.Pattern[Any]) -> list[str]:
    source = pattern.pattern
    text = source.decode("latin-1") if isinstance(source, bytes) else source
    tree = parser.parse(text, pattern.flags & ~re.UNICODE if isinstance(source, bytes) else 0)
    found = [_sample(tree, shortest=flag, branch=n) for flag in (True, False) for n in range(3)]
    return [sample[:40] for sample in found]


def _sample(tree: Any, *, shortest: bool, branch: int) -> str:
    """A text that matches this pattern, or almost."""
    return "".join(_one(str(kind), value, shortest, branch) for kind, value in tree)


def _one(kind: str, value: Any, shortest: bool, branch: int) -> str:
    def inner(tree: Any) -> str:
        return _sample(tree, shortest=shortest, branch=branch)

    match kind:
        case "LITERAL":
            return chr(value)
        case "NOT_LITERAL":
            return "a" if value != ord("a") else "b"
        case "ANY":
            return "a"
        case "IN":
            return _member(value, branch)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            low, high, tree = value
            times: int = low if shortest else min(max(low, 2), int(high))
            return inner(tree) * times
        case "SUBPATTERN":
            return inner(value[3])
        case "ATOMIC_GROUP":
            return inner(value)
        case "BRANCH":
            branches = value[1]
            return inner(branches[branch % len(branches)])
        case "ASSERT":
            return inner(value[1])
        case "CATEGORY":
            return _of_category(str(value))
        case _:
            return ""


def _member(members: Any, branch: int) -> str:
    is_negated = str(members[0][0]) == "NEGATE"
    if is_negated:
        candidates = (char for char in "a -<x=\"'.1;é\x00" if not _is_in(char, members[1:]))
        return next(candidates, "")
    kind, value = members[branch % len(members)]
    match str(kind):
        case "LITERAL":
            return chr(value)
        case "RANGE":
            return chr(value[0])
        case _:
            return _of_category(str(value))


def _is_in(char: str, members: Any) -> bool:
    for kind, value in members:
        match str(kind):
            case "LITERAL":
                found = value == ord(char)
            case "RANGE":
                found = value[0] <= ord(char) <= value[1]
            case _:
                name = str(value).removeprefix("CATEGORY_")
                found = re.match(_CLASSES.get(name, r"\Z"), char) is not None
        if found:
            return True
    return False


_CLASSES = {
    "SPACE": r"\s", "DIGIT": r"\d", "WORD": r"\w",
    "NOT_SPACE": r"\S", "NOT_DIGIT": r"\D", "NOT_WORD": r"\W",
}  # fmt: skip


def _of_category(name: str) -> str:
    return {
        "CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "1", "CATEGORY_WORD": "a",
        "CATEGORY_NOT_SPACE": "a", "CATEGORY_NOT_DIGIT": "a", "CATEGORY_NOT_WORD": " ",
    }.get(name, "a")  # fmt: skip
