"""What people are told: the English sentences of what the domain says in codes."""

from campaigns.reason import Reason
from campaigns.wording import Words


def said(*reasons: Reason | BaseException | str | None) -> str:
    """The sentences of reasons, of packed ones, and of errors whose text is a packed one."""
    return " ".join(map(_said, reasons))


def _said(reason: Reason | BaseException | str | None) -> str:
    found = reason if isinstance(reason, Reason) else Reason.unpack(str(reason or ""))
    return Words().of(found) if found is not None else ""
