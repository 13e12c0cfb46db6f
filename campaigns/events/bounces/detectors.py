"""The detectors of flufl.bounce: recipients in the notices of many mail servers."""

import logging
from email.message import Message

from campaigns.events.bounces.addresses import is_of_a_server, tidy
from campaigns.events.bounces.mime import Email

MAX_CHARACTERS = 30_000
MAX_LINE = 200
"""Number of characters that the detectors read of a line.

Some of their expressions take time quadratic in the length of a line, and one takes cubic time.
"""
logging.getLogger("flufl.bounce").disabled = True  # it logs each text that it cannot read


def detected(email: Email, text: str) -> list[str]:
    """Return the recipients that flufl.bounce finds in a notice, in the order of the text."""
    from flufl.bounce import all_failures  # only notices without a report need it

    try:
        temporary, permanent = all_failures(_message(email, _with_short_lines(text)))
    except Exception:  # noqa: BLE001 (its detectors are not made for every text there is)
        return []
    found = {tidy(one.decode("utf-8", "replace")) for one in (*temporary, *permanent)}
    lowered = text.lower()
    kept = [one for one in found if "@" in one and not is_of_a_server(one)]
    return sorted(kept, key=lambda one: (lowered.find(one.lower()), one))


def _with_short_lines(text: str) -> str:
    """Return the text with the first whole words of each line."""
    lines = text[:MAX_CHARACTERS].split("\n")
    return "\n".join(
        line if len(line) <= MAX_LINE else line[: line.rfind(" ", 0, MAX_LINE) + 1]
        for line in lines
    )


def _message(email: Email, text: str) -> Message:
    """Return the notice as a message of one part: it is read and decoded already."""
    message = Message()
    for name in ("from", "to", "subject", "x-mailer"):
        if value := email.first(name):
            message[name.title()] = " ".join(value.split())
    message["Content-Type"] = "text/plain; charset=utf-8"
    message.set_payload(text.encode("utf-8", "replace"))
    return message
