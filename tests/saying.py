"""What people are told: the English sentences of what the domain says in codes."""

from campaigns.reason import LEGACY, Reason
from campaigns.wording import Words


def said(*reasons: Reason | BaseException | str | None) -> str:
    """The sentences of reasons, of packed ones, and of errors whose text is a packed one."""
    return " ".join(map(_said, reasons))


def a_reason(text: str) -> Reason:
    """A reason whose sentence is this text, as a version before codes has stored it."""
    return Reason(LEGACY, {"text": text})


def _said(reason: Reason | BaseException | str | None) -> str:
    found = reason if isinstance(reason, Reason) else Reason.unpack(str(reason or ""))
    return Words().of(found) if found is not None else ""
