"""Find what leads to the delivery: our token and the Message-IDs of the email that is returned."""

import re
from collections.abc import Iterator, Mapping

from campaigns.events.bounces.mime import Email
from campaigns.tokens import find_delivery_tokens

_MESSAGE_ID = re.compile(r"<([^<>\s]{1,300}@?[^<>\s]{0,300})>")
_RETURN_ADDRESS = re.compile(
    r"(?<![\w.+-])b\+[a-z2-7]{39}@([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,20})", re.IGNORECASE
)
MAX_FOUND = 20
_LONGEST = 4_000

_ENVELOPE = (
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-rcpt-to",
    "apparently-to",
    "to",
)
_OF_RETURNED = (
    "return-path",
    "message-id",
    "list-unsubscribe",
    "x-smtpapi",
    "x-mailgun-variables",
    "x-pm-metadata-campaigns",
    "x-msys-api",
    "x-mj-customid",
    "x-mailin-custom",
    "x-ses-message-tags",
)
_THREAD = ("in-reply-to", "references")


def tokens(email: Email, returned: Mapping[str, list[str]], copy: str) -> tuple[str, ...]:
    """Return what looks like our delivery tokens: those of the envelope before all others."""
    found: dict[str, None] = {}
    for text in _places(email, returned, copy):
        found.update(dict.fromkeys(find_delivery_tokens(text[:_LONGEST])))
        if len(found) >= MAX_FOUND:
            break
    return tuple(found)[:MAX_FOUND]


def envelope_tokens(email: Email) -> tuple[str, ...]:
    """Return the tokens in the addresses that an email was sent to."""
    text = " ".join(value[:_LONGEST] for value in _values(email.headers, _ENVELOPE))
    return tuple(find_delivery_tokens(text))[:MAX_FOUND]


def return_domain(email: Email) -> str:
    """Return the domain of the return address that an email was sent to; "" if it was to none."""
    for value in _values(email.headers, _ENVELOPE):
        if found := _RETURN_ADDRESS.search(value[:_LONGEST]):
            return found[1].lower()
    return ""


def _places(email: Email, returned: Mapping[str, list[str]], copy: str) -> Iterator[str]:
    yield from _values(email.headers, (*_ENVELOPE, "received"))
    yield from _values(returned, _OF_RETURNED)
    for part in email.parts:
        if part.kind.startswith("message/") and part.kind != "message/rfc822":
            yield part.body[:_LONGEST].decode("latin-1")
    yield from _values(email.headers, _THREAD)
    yield copy


def _values(headers: Mapping[str, list[str]], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        yield from headers.get(name, [])[:10]


def message_ids(email: Email, returned: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Return the Message-IDs of the email that this one is about."""
    found = [_id(value) for value in returned.get("message-id", [])[:1]]
    if not any(found):
        for value in _values(email.headers, _THREAD):
            found += _MESSAGE_ID.findall(value[:_LONGEST])
    return tuple(dict.fromkeys(one for one in found if one))[:MAX_FOUND]


def _id(value: str) -> str:
    match = _MESSAGE_ID.search(value[:_LONGEST])
    return match[1] if match else value.strip().strip("<>")[:600]
