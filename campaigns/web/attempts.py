"""Count failed passwords by address and network together, with growing delays.

A stranger who guesses delays only their own network. A browser with an earlier login is known by a
cookie and counted apart from the network. A broad limit for larger networks stops attackers who try
many addresses, or switch IP addresses within one provider.

The counts are stored in Redis under hashed names, and in this process while Redis is down.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import TypeVar, cast

from flask import Response, current_app, request
from flask_babel import gettext as _
from limits.errors import StorageError
from limits.storage import MemoryStorage, Storage
from redis.exceptions import RedisError
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

from campaigns.accounts.hashing import PasswordCheckBusyError
from campaigns.addresses import lookup_form, without_tag
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.outages import outages
from campaigns.tokens import BadTokenError
from campaigns.web_limits import client_network, limiter, network_of, wait_in_words

T = TypeVar("T")

FREE_FAILURES = 5
FIRST_DELAY_SECONDS = 15
LONGEST_DELAY_SECONDS = 900
REMEMBERED_SECONDS = 86_400
BROAD_FAILURES = 100
BROAD_SECONDS = 3600
REDIS_REST_SECONDS = 5.0
"""Time for which Redis is not used after a failure, in seconds, so that nobody waits for it."""

DEVICE_COOKIE = "campaigns_device"
DEVICE_SECONDS = 365 * 86_400
_DIGEST_BYTES = 16


class TooManyFailuresError(TooManyRequests):
    """Too many failed attempts. `retry_after`: seconds until the next one is allowed."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            _(
                "Too many failed attempts. Try again in %(duration)s.",
                duration=wait_in_words(seconds),
            ),
            retry_after=seconds,
        )


def delay_after(failures: int) -> int:
    """Return the delay after this many failures in a row, in seconds."""
    if failures < FREE_FAILURES:
        return 0
    doublings = min(failures - FREE_FAILURES, 10)
    return min(FIRST_DELAY_SECONDS << doublings, LONGEST_DELAY_SECONDS)


class Attempts:
    """The attempts to log in with one address from the network of this request."""

    def __init__(self, address: str, place: str = "") -> None:
        self._address = address
        mailbox = without_tag(lookup_form(address))
        place = place or _known_device(address) or client_network()
        self._failures = _name("failures", mailbox, place)
        self._wait = _name("wait", mailbox, place)
        wide = network_of(request.remote_addr or "", ipv4_bits=24, ipv6_bits=48)
        # A browser known by a cookie is not delayed by others in its network.
        self._broad = _name("broad", place if place.startswith("device:") else wide)

    def check(self) -> None:
        """Raise TooManyFailuresError while a delay lasts."""
        store = _store()
        if store.get(self._wait):
            raise TooManyFailuresError(_seconds_left(store.expiry(self._wait)))
        if store.get(self._broad) >= BROAD_FAILURES:
            raise TooManyFailuresError(_seconds_left(store.expiry(self._broad)))

    def begin(self) -> None:
        """Count this attempt as failed until it succeeds, so that parallel ones count too."""
        self.check()
        store = _store()
        store.count(self._broad, BROAD_SECONDS)
        delay = delay_after(store.count(self._failures, REMEMBERED_SECONDS))
        if delay:
            store.count(self._wait, delay)

    def succeeded(self) -> None:
        """Forget earlier failures, and do not count this attempt."""
        store = _store()
        store.clear(self._failures)
        store.clear(self._wait)
        store.uncount(self._broad)


class BusyError(ServiceUnavailable):
    """Too many passwords are being checked at once; this one was neither checked nor counted."""

    def __init__(self) -> None:
        super().__init__(_("The server is busy. Try again in a moment."), retry_after=2)


def guarded(check: Callable[[], T]) -> T:
    """Run a password check. Raises BusyError if too many are running."""
    try:
        return check()
    except PasswordCheckBusyError:
        raise BusyError from None


def remember_device(response: Response, address: str) -> None:
    """Set a cookie that proves an earlier login of this address in this browser."""
    payload = _digest(address) + secrets.token_bytes(8)
    response.set_cookie(
        DEVICE_COOKIE,
        services().signer.sign("device", payload),
        max_age=DEVICE_SECONDS,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=current_app.session_interface.get_cookie_secure(current_app),
    )


def _known_device(address: str) -> str:
    """Return the browser's name if this address has logged in with it before."""
    cookie = request.cookies.get(DEVICE_COOKIE, "")
    if not cookie:
        return ""
    try:
        payload = services().signer.unsign("device", cookie)
    except BadTokenError:
        return ""
    is_theirs = secrets.compare_digest(payload[:_DIGEST_BYTES], _digest(address))
    return f"device:{payload.hex()}" if is_theirs else ""


def _digest(address: str) -> bytes:
    return hashlib.sha256(_bytes(lookup_form(address))).digest()[:_DIGEST_BYTES]


def _name(*parts: str) -> str:
    digest = hashlib.sha256(_bytes("\n".join(parts))).hexdigest()[:32]
    return f"campaigns:attempts:{digest}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _seconds_left(until: float) -> int:
    return max(1, round(until - utcnow().timestamp()))


class _Store:
    """Counts that expire: in Redis, or in this process while Redis is unavailable."""

    def __init__(self) -> None:
        self._here = MemoryStorage()
        self._not_before = 0.0

    def get(self, name: str) -> int:
        return self._ask(lambda storage: storage.get(name))

    def expiry(self, name: str) -> float:
        return self._ask(lambda storage: storage.get_expiry(name))

    def count(self, name: str, seconds: int) -> int:
        return self._ask(lambda storage: storage.incr(name, seconds))

    def uncount(self, name: str) -> None:
        self._ask(lambda storage: storage.incr(name, BROAD_SECONDS, -1) if storage.get(name) else 0)

    def clear(self, name: str) -> None:
        self._ask(lambda storage: storage.clear(name))

    def _ask(self, question: Callable[[Storage], T]) -> T:
        if time.monotonic() >= self._not_before:
            try:
                answer = question(limiter.storage)
            except (RedisError, StorageError, OSError) as error:
                self._not_before = time.monotonic() + REDIS_REST_SECONDS
                outages.began("failed logins", error)  # count in this process until it is back
            else:
                outages.over("failed logins")
                return answer
        return question(self._here)


def _store() -> _Store:
    found = current_app.extensions.get("campaigns.attempts")
    if found is None:
        found = current_app.extensions.setdefault("campaigns.attempts", _Store())
    return cast("_Store", found)
