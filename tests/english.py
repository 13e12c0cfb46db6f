"""The English sentences of what the domain says in codes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from campaigns.reason import LEGACY, Reason
from campaigns.wording import Words

Refusal = TypeVar("Refusal", bound=Exception)


def in_english(*reasons: Reason | BaseException | str | None) -> str:
    """The sentences of reasons, stored reasons, and errors that carry one or hold one as text."""
    return " ".join(map(_sentence, reasons))


@contextmanager
def refused(kind: type[Refusal], pattern: str) -> Iterator[pytest.ExceptionInfo[Refusal]]:
    """Expect an error of this kind whose sentence matches `pattern`."""
    with pytest.raises(kind) as caught:
        yield caught
    assert re.search(pattern, in_english(caught.value))


def legacy_reason(text: str) -> Reason:
    """A reason with this text as its sentence, as versions before codes stored it."""
    return Reason(LEGACY, {"text": text})


def _sentence(reason: Reason | BaseException | str | None) -> str:
    found = getattr(reason, "reason", reason)
    if not isinstance(found, Reason):
        found = Reason.unpack(str(reason or ""))
    return Words().of(found) if found is not None else ""
