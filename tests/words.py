"""What people are told: the sentences of what the domain says in codes."""

from collections.abc import Iterable

from campaigns.reason import Reason
from campaigns.wording import Words


def said(*reasons: Reason | BaseException | str | None) -> str:
    """The English sentences of reasons, packed or not, and of errors whose text is one."""
    return " ".join(_said(reason) for reason in reasons)


def all_said(reasons: Iterable[Reason | str]) -> str:
    """Like `said`."""
    return said(*reasons)


def _said(reason: Reason | BaseException | str | None) -> str:
    found = reason if isinstance(reason, Reason) else Reason.unpack(str(reason or ""))
    return Words().of(found) if found is not None else ""
