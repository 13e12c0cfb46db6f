"""All outgoing HTTP requests: to public addresses only.

A URL typed by a user must not make this machine connect to its own network (cloud metadata, a
router, Redis). So the host is resolved once, every address is checked, and the connection goes to
one of exactly those addresses: a second lookup could return others. Only HTTPS, no redirects, no
proxy, and limits on the time and size of a response.

SMTP servers are exempt on purpose: a relay in the local network is a common setup, and we speak
nothing but SMTP submission to it.
"""

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Collection, Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlencode, urlsplit

from campaigns.hosts import is_numeric, is_public
from campaigns.reason import Reason

STEP_SECONDS = 5.0
"""Time limit for connecting and for each read, in seconds."""
WHOLE_SECONDS = 12.0
"""Time limit for a whole exchange once connected, in seconds."""
LARGEST_ANSWER = 65_536
"""Number of bytes of a response that are read."""

_LABEL = re.compile(r"[a-z0-9_-]{1,63}", re.IGNORECASE)


class OutgoingError(Exception):
    """There was no response. The text is the system's; `is_lasting`: a retry is useless."""

    def __init__(self, error: str = "", *, is_lasting: bool) -> None:
        super().__init__(error)
        self.is_lasting = is_lasting


class UnusableAddressError(OutgoingError):
    """The URL may not be used. See `why_not_usable`."""


class SilentServerError(OutgoingError):
    """The server did not answer in time."""


class InternalAddressError(OutgoingError):
    """The host has a non-public address."""


class UntrustedCertificateError(OutgoingError):
    """The certificate of the host cannot be trusted."""


class NoSuchHostError(OutgoingError):
    """The host has no address."""


class HttpResponse(NamedTuple):
    """A server's response: the status, the beginning of the body, and its Content-Type."""

    status: int
    body: bytes
    content_type: str = ""


def why_not_usable(url: str) -> Reason | None:
    """Return what is wrong with this URL, None if nothing is. Makes no DNS lookup."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return Reason("url.invalid")
    if parts.scheme != "https" or not host or port == 0 or not url.isascii():
        return Reason("url.not_https")
    if parts.username is not None or parts.password is not None or parts.fragment:
        return Reason("url.with_login")
    if not url.isprintable() or " " in url or "\\" in url:
        return Reason("url.invalid")
    return _why_not_host(host, parts)


def _why_not_host(host: str, parts: SplitResult) -> Reason | None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return None if "%" not in host else Reason("url.invalid")
    labels = host.removesuffix(".").split(".")
    if "[" in parts.netloc or len(host) > 254 or not all(map(_LABEL.fullmatch, labels)):
        return Reason("url.invalid")
    if is_numeric(host):
        return Reason("url.number")
    return None


def post_form(
    url: str, form: Mapping[str, str], *, known_hosts: Collection[str] = ()
) -> HttpResponse:
    """POST a form. Raises OutgoingError.

    `known_hosts` come from our code, not from users: they may have an internal address, as behind a
    company's proxy.
    """
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return _exchange("POST", url, urlencode(form), headers, LARGEST_ANSWER, known_hosts)


def get(url: str, *, most: int, known_hosts: Collection[str] = ()) -> HttpResponse:
    """GET JSON, at most this number of bytes. Raises OutgoingError. See `post_form`."""
    return _exchange("GET", url, None, {}, most, known_hosts)


def _exchange(
    method: str,
    url: str,
    body: str | None,
    headers: Mapping[str, str],
    most: int,
    known_hosts: Collection[str],
) -> HttpResponse:
    if why_not_usable(url) is not None:
        raise UnusableAddressError(is_lasting=True)
    parts = urlsplit(url)
    connection = _Connection(parts.hostname or "", parts.port or 443, known_hosts)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    usual = {"Accept": "application/json", "Connection": "close"}
    try:
        connection.request(method, path, body, {**usual, **headers})
        response = connection.getresponse()
        content_type = response.getheader("Content-Type") or ""
        return HttpResponse(response.status, response.read(most), content_type)
    except OutgoingError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise UntrustedCertificateError(error.verify_message, is_lasting=True) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, TimeoutError) or connection.is_given_up:
            raise SilentServerError(is_lasting=False) from None
        raise OutgoingError(_plain(error), is_lasting=False) from None
    finally:
        connection.end()


def _plain(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


class _Connection(http.client.HTTPSConnection):
    """Connects to the address that was checked, for a limited time."""

    def __init__(self, host: str, port: int, known_hosts: Collection[str]) -> None:
        super().__init__(host, port, timeout=STEP_SECONDS)
        self.is_given_up = False
        self._known_hosts = known_hosts
        self._handle: socket.socket | None = None
        self._timer = threading.Timer(WHOLE_SECONDS, self._give_up)
        self._timer.daemon = True

    def connect(self) -> None:
        raw = _connected(self.host, self.port, is_known=self.host in self._known_hosts)
        # The socket's timeout starts over with every byte, so limit the whole exchange too.
        self._handle = raw.dup()
        self._timer.start()
        try:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(raw, server_hostname=self.host)
        except BaseException:
            raw.close()
            raise

    def end(self) -> None:
        self._timer.cancel()
        if self._handle is not None:
            self._handle.close()
        self.close()

    def _give_up(self) -> None:
        self.is_given_up = True
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)


def _connected(host: str, port: int, *, is_known: bool) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        is_for_now = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
        raise NoSuchHostError(is_lasting=not is_for_now) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not is_known and not all(is_public(address) for address in addresses):
        raise InternalAddressError(is_lasting=True)
    for address in addresses[:-1]:
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), STEP_SECONDS)
    return socket.create_connection((addresses[-1], port), STEP_SECONDS)
