"""What people are told by a reason, or by the text of one as the database holds it."""

from campaigns.reason import Reason
from campaigns.wording import Words


def said(reason: Reason | str | None) -> str:
    """Return the English sentence; "" for no reason."""
    found = Reason.unpack(reason) if isinstance(reason, str) else reason
    return Words().of(found) if found else ""
