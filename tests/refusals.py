"""What people are told when the domain refuses something."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from campaigns.reason import Reason
from campaigns.wording import Words

Refusal = TypeVar("Refusal", bound=Exception)


@contextmanager
def refused(kind: type[Refusal], words: str) -> Iterator[pytest.ExceptionInfo[Refusal]]:
    """Expect an error of this kind whose sentence contains the pattern `words`."""
    with pytest.raises(kind) as caught:
        yield caught
    assert re.search(words, said(caught.value))


def said(error: Any) -> str:
    """The sentence of a refusal in English."""
    return Words().of(error.reason)


def stored(text: str) -> str:
    """The sentence of a reason as a row holds it."""
    reason = Reason.unpack(text)
    return Words().of(reason) if reason else ""
