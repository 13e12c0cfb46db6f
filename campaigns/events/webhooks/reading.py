"""Read what providers post: JSON of any shape, forms, times, addresses, and replies of servers.

A provider's post is trusted once it is verified, but it may still contain anything: these functions
take whatever they find, and return clean values within limits. Only a body that cannot be read at
all is an error.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any, Literal
from urllib.parse import parse_qsl

from campaigns.events.feedback import MAX_REPLY, Feedback
from campaigns.providers.classify import ReplyClass, classify
from campaigns.reason import Reason
from campaigns.tokens import find_delivery_tokens

MAX_EVENTS = 50_000
"""Events in one post. The largest batches of providers have a few thousand."""
MAX_FIELDS = 1_000
MAX_DIGITS = 20
"""Digits of a whole number. Ids of Mailjet have 19."""
MAX_URL = 2_000
MAX_TEXT = 500
MILLISECONDS_FROM = 1e11
"""Times from here on are in milliseconds: in seconds they would be after the year 5000."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Earliest time that can be meant."""

_UNCLEAN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_REPLY_CODE = re.compile(r"(?:^|smtp; ?|said: |replied: |\()([45]\d\d)(?=[ \-#]|$)", re.IGNORECASE)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")


class UnreadablePostError(ValueError):
    """The body cannot be read; `reason` says why."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code)
        self.reason = Reason(code, params)


# --- bodies -------------------------------------------------------------------------------------


def parsed_json(body: bytes | str) -> Any:
    """Parse JSON. Raises UnreadablePostError.

    Whatever charset the headers claim, JSON is UTF-8. Numbers that are too large, NaN and infinity
    become None; of keys that occur twice the last one counts.
    """
    text = body.decode("utf-8-sig", "replace") if isinstance(body, bytes) else body
    try:
        return json.loads(
            text, parse_int=_whole_number, parse_float=_finite, parse_constant=lambda _: None
        )
    except (ValueError, RecursionError):
        raise UnreadablePostError("webhook.not_json") from None


def _whole_number(digits: str) -> int | None:
    return int(digits) if len(digits) <= MAX_DIGITS else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def events_of(body: bytes) -> list[dict[str, Any]]:
    """Return the events in a body, which is a list of them or a single one.

    Raises UnreadablePostError. Whatever is not an object counts as an event without content.
    """
    found = parsed_json(body)
    events = found if isinstance(found, list) else [found]
    if len(events) > MAX_EVENTS:
        raise UnreadablePostError("webhook.too_many_events", most=MAX_EVENTS)
    return [event if isinstance(event, dict) else {} for event in events]


def form_of(body: bytes, content_type: str) -> dict[str, str]:
    """Return the fields of a posted form, URL-encoded or multipart. Files are left out."""
    boundary = re.search(r"boundary=\"?([^\";,\s]{1,100})", content_type, re.IGNORECASE)
    if boundary is not None:
        return dict(_parts(body, boundary[1].encode("latin-1", "replace")))
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise UnreadablePostError("webhook.too_many_fields", most=MAX_FIELDS) from None
    return dict(pairs)


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, str]]:
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_FIELDS + 1)
    for part in parts[1 : MAX_FIELDS + 1]:
        if part.startswith(b"--"):
            return
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'[; ]name="([^"\r\n]{1,200})"', head)
        if name is not None and b"filename=" not in head:
            yield name[1].decode("utf-8", "replace"), value.decode("utf-8", "replace")


# --- values -------------------------------------------------------------------------------------


def inside(value: Any, *keys: str) -> Any:
    """Return the value under these keys, one within the other; None if there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def within(value: Any, *keys: str) -> dict[str, Any]:
    """Return the object under these keys; empty if there is none."""
    found = inside(value, *keys)
    return found if isinstance(found, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list, or a single one as a list."""
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, dict)]


def clean(value: Any, most: int = MAX_TEXT) -> str:
    """Return a text or number as one clean line; empty for everything else.

    Databases refuse NUL, and lone surrogates cannot be encoded.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(_UNCLEAN.sub(" ", str(value)[: 4 * most]).split())[:most]


def first(*values: Any, most: int = MAX_TEXT) -> str:
    """Return the first of these values that has a text, clean."""
    return next((text for value in values if (text := clean(value, most))), "")


def message_ids(*values: Any) -> tuple[str, ...]:
    """Return these Message-IDs without brackets, each once."""
    found = (clean(value).strip("<> ") for value in values)
    return tuple(dict.fromkeys(text for text in found if text))


def address(value: Any) -> str:
    """Return the address in `Name <address>` or `address`."""
    text = clean(value)
    return parseaddr(text)[1] if "<" in text else text


def token_in(*values: Any) -> str:
    """Return the first delivery token in these values; its signature is checked later."""
    for value in values:
        if isinstance(value, str) and (found := find_delivery_tokens(value[:MAX_URL])):
            return found[0]
    return ""


def moment(value: Any, received_at: datetime) -> datetime:
    """Return a time in UTC: seconds or milliseconds since 1970, or ISO 8601.

    The time of receipt replaces one that is missing, makes no sense, or is in the future.
    """
    found = _moment(value)
    return found if found is not None and EARLIEST <= found < received_at else received_at


def _moment(value: Any) -> datetime | None:
    text = clean(value, 40)
    try:
        number = float(text)
    except ValueError:
        return _iso_8601(text)
    seconds = number / 1000 if number >= MILLISECONDS_FROM else number
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _iso_8601(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def opted_out(dropped: Feedback) -> Feedback:
    """Return the second half of a drop: the recipient once told the provider to get no more.

    The first half is a bounce that is not the mailbox's fault.
    """
    return replace(dropped, kind="unsubscribed", reply_class="", status="")


# --- replies ------------------------------------------------------------------------------------


def status_in(*values: Any) -> str:
    """Return the first enhanced status code in these values, such as "5.1.1"."""
    for value in values:
        if found := _STATUS.search(clean(value, MAX_REPLY)):
            return found[1]
    return ""


def reply_class(
    reply: str,
    said: ReplyClass | Literal[""],
    *,
    code: Any = None,
    status: str = "",
    is_final: bool = True,
) -> ReplyClass:
    """Return the class of a bounce or delay: by the server's reply, else by what the provider said.

    Providers sort replies into few classes, and treat a blocked sender like a missing mailbox. So
    the reply counts first, if it is one (it has a code) and states a cause. `said` is "" if the
    provider gives no class either.
    """
    number = _code_of(reply, code, status)
    fallback: ReplyClass = said or ("refused" if is_final else "transient")
    if not number and not said:
        number = 550 if is_final else 450
    if not number:
        return fallback
    text = reply if status in reply else f"{status} {reply}"
    found = classify(number if is_final else min(number, 499), text, step="rcpt")
    return fallback if found == "refused" else found


def _code_of(reply: str, code: Any, status: str) -> int:
    """Return the code of a reply; 0 if there is none, so that the text is not a server's reply."""
    typed = clean(code, 3)
    if re.fullmatch(r"[45]\d\d", typed):
        return int(typed)
    if found := _REPLY_CODE.search(reply):
        return int(found[1])
    known = status or status_in(reply)
    return {"4": 450, "5": 550}.get(known[:1], 0)
