"""Connect to a server, encrypt, log in: what happens once per connection.

AUTH is never tried before TLS unless the account was explicitly set to use no encryption.
Everything a server said before TLS is discarded, including bytes that wait to be read.
"""

import base64
import contextlib
import functools
import hmac
import smtplib
import socket
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field

from campaigns.providers.base import ProviderTroubleError
from campaigns.providers.smtp.replies import reply_text
from campaigns.providers.smtp.session import Features
from campaigns.providers.smtp.timeouts import PATIENT, Timeouts
from campaigns.reason import Reason


@dataclass(frozen=True, slots=True)
class SmtpLogin:
    """Where and how to connect. The only place with decrypted secrets."""

    host: str
    port: int
    security: str
    username: str = ""
    password: str = field(default="", repr=False)
    token: Callable[[], str] | None = field(default=None, repr=False)
    """Returns a fresh access token, for XOAUTH2 instead of a password. May be slow, and may raise
    ProviderTroubleError."""
    refuse_token: Callable[[], None] | None = field(default=None, repr=False)
    """Called when the server refuses the token: the next login needs another one."""
    certificate: str = field(default="", repr=False)
    """A client certificate: PEM text with the chain and the unencrypted key."""

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


def connect(login: SmtpLogin, timeouts: Timeouts = PATIENT) -> smtplib.SMTP:
    """Open an encrypted connection and log in. Raises ProviderTroubleError."""
    try:
        return _connect(login, timeouts)
    except ProviderTroubleError:
        raise
    except (socket.gaierror, UnicodeError):
        raise _trouble(login, "connection.host_unknown", permanent=True, host=login.host) from None
    except ssl.SSLCertVerificationError as error:
        words = error.verify_message
        raise _trouble(
            login, "connection.certificate_untrusted", permanent=True, error=words
        ) from None
    except ssl.SSLError as error:
        words = str(error.reason or error)
        raise _trouble(login, "connection.tls_failed", permanent=True, error=words) from None
    except smtplib.SMTPResponseException as error:
        raise _trouble(
            login, "connection.answered", reply=reply_text(error.smtp_code, error.smtp_error)
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        raise _unreachable(login, error) from None


def _unreachable(login: SmtpLogin, error: Exception) -> ProviderTroubleError:
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return _trouble(login, "connection.no_answer")
    if isinstance(error, ConnectionRefusedError):
        return _trouble(login, "connection.refused", host=login.host, port=str(login.port))
    return _trouble(login, "connection.unreachable", error=plain(error))


def _trouble(
    login: SmtpLogin, code: str, *, permanent: bool = False, **params: str
) -> ProviderTroubleError:
    reason = Reason(code, {"where": login.where, **params})
    return ProviderTroubleError(reason, permanent=permanent)


def _connect(login: SmtpLogin, timeouts: Timeouts) -> smtplib.SMTP:
    context = None if login.security == "none" else _context(login)
    smtp = _Smtp(login, timeouts, context if login.security == "tls" else None)
    try:
        smtp.ehlo_or_helo_if_needed()
        if login.security == "starttls":
            if not smtp.has_extn("starttls"):
                raise _trouble(login, "connection.no_starttls", permanent=True)
            smtp.starttls(context=context)
            smtp.ehlo()
        if login.username:
            _log_in(smtp, login)
    except BaseException:
        smtp.close()
        raise
    return smtp


class _Smtp(smtplib.SMTP):
    """smtplib with two timeouts: one for connecting and one for each reply."""

    def __init__(
        self, login: SmtpLogin, timeouts: Timeouts, implicit_tls: ssl.SSLContext | None
    ) -> None:
        self._timeouts, self._implicit_tls = timeouts, implicit_tls
        super().__init__(
            login.host, login.port, local_hostname=_own_name(), timeout=timeouts.connect
        )
        if self.sock is not None:
            self.sock.settimeout(timeouts.command)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = socket.create_connection((host, port), timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._implicit_tls is not None:
            sock = self._implicit_tls.wrap_socket(sock, server_hostname=host)
        sock.settimeout(self._timeouts.greeting)
        return sock


@functools.cache
def _own_name() -> str | None:
    """Return our name for EHLO. Cached: a slow name server would delay every connection.

    None: the machine has no full name; smtplib then sends its network address.
    """
    name = socket.getfqdn()
    return name if "." in name else None


def _context(login: SmtpLogin) -> ssl.SSLContext:
    """Return a TLS context that verifies the server and presents our certificate, if any."""
    context = ssl.create_default_context()
    if login.certificate:
        # OpenSSL needs a file. Only we can read this one, and it is deleted at once.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(login.certificate)
            file.flush()
            try:
                context.load_cert_chain(file.name, password=_no_password)
            except (ssl.SSLError, ValueError) as error:
                raise _trouble(
                    login, "connection.certificate_unusable", permanent=True, error=plain(error)
                ) from None
    return context


def _no_password() -> str:
    raise ValueError("its key has a password")


# --- logging in -------------------------------------------------------------------------------

_MECHANISM_REFUSED = (504, 534)
"""The server no longer supports the mechanism, or finds it too weak: try the next one."""


def _log_in(smtp: smtplib.SMTP, login: SmtpLogin) -> None:
    if not smtp.has_extn("auth"):
        raise _trouble(login, "connection.no_login_offered", permanent=True)
    wanted = _wanted(login, is_encrypted=isinstance(smtp.sock, ssl.SSLSocket))
    offered = smtp.esmtp_features["auth"].upper().split()
    usable = [name for name in wanted if name in offered]
    if not usable:
        raise _trouble(
            login,
            "connection.no_common_login",
            permanent=True,
            offered=", ".join(offered) or "-",
            known=", ".join(wanted),
        )
    code, text = 0, b""
    for mechanism in usable:
        code, text = _MECHANISMS[mechanism](smtp, login)
        if code in (235, 503):  # 503: already logged in
            return
        if code == 421:
            raise smtplib.SMTPResponseException(code, text)
        # A server may offer CRAM-MD5 although it has no password in the required form.
        if code not in _MECHANISM_REFUSED and mechanism != "CRAM-MD5":
            break
    raise _trouble(
        login,
        "connection.login_refused" if login.token is None else "connection.token_login_refused",
        permanent=500 <= code < 600,
        reply=reply_text(code, text),
    )


def _wanted(login: SmtpLogin, *, is_encrypted: bool) -> tuple[str, ...]:
    if login.token is not None:
        return ("XOAUTH2",)
    return ("PLAIN", "LOGIN", "CRAM-MD5") if is_encrypted else ("CRAM-MD5", "PLAIN", "LOGIN")


def _coded(text: bytes) -> str:
    return base64.b64encode(text).decode("ascii")


def _plain_login(smtp: smtplib.SMTP, login: SmtpLogin) -> tuple[int, bytes]:
    secret = f"\0{login.username}\0{login.password}".encode()
    return smtp.docmd("AUTH", f"PLAIN {_coded(secret)}")


def _login_login(smtp: smtplib.SMTP, login: SmtpLogin) -> tuple[int, bytes]:
    code, text = smtp.docmd("AUTH", "LOGIN")
    for answer in (login.username, login.password):
        if code != 334:
            break
        code, text = smtp.docmd(_coded(answer.encode()))
    return code, text


def _cram_md5(smtp: smtplib.SMTP, login: SmtpLogin) -> tuple[int, bytes]:
    code, text = smtp.docmd("AUTH", "CRAM-MD5")
    if code != 334:
        return code, text
    challenge = base64.decodebytes(text)
    digest = hmac.new(login.password.encode(), challenge, "md5").hexdigest()
    return smtp.docmd(_coded(f"{login.username} {digest}".encode()))


def _xoauth2(smtp: smtplib.SMTP, login: SmtpLogin) -> tuple[int, bytes]:
    token = login.token() if login.token is not None else ""
    secret = f"user={login.username}\x01auth=Bearer {token}\x01\x01".encode()
    code, text = smtp.docmd("AUTH", f"XOAUTH2 {_coded(secret)}")
    if code == 334:  # the reason, in JSON; an empty line fetches the final reply
        code, text = smtp.docmd("")
    if code == 535 and login.refuse_token is not None:
        login.refuse_token()
    return code, text


_MECHANISMS = {
    "PLAIN": _plain_login,
    "LOGIN": _login_login,
    "CRAM-MD5": _cram_md5,
    "XOAUTH2": _xoauth2,
}


# --- handover ---------------------------------------------------------------------------------


def features(smtp: smtplib.SMTP) -> Features:
    """Return the features that the server announced in its last greeting."""
    size = smtp.esmtp_features.get("size", "")
    return Features(
        pipelining=smtp.has_extn("pipelining"),
        size=smtp.has_extn("size"),
        largest=int(size) if size.isascii() and size.isdigit() else 0,
        eight_bit=smtp.has_extn("8bitmime"),
        utf8=smtp.has_extn("smtputf8"),
        dsn=smtp.has_extn("dsn"),
    )


def take_socket(smtp: smtplib.SMTP) -> socket.socket:
    """Return the connected socket, non-blocking and detached from smtplib.

    Raises OSError if the server has said more than it was asked.
    """
    sock, smtp.sock = smtp.sock, None
    if sock is None:
        raise OSError("the connection is closed")
    sock.setblocking(False)
    try:
        left = b""
        if smtp.file is not None:
            with contextlib.suppress(ssl.SSLWantReadError):
                left = smtp.file.peek(1)
            smtp.file.close()
            smtp.file = None
        if left:
            raise OSError("the server speaks without being asked")
    except BaseException:
        sock.close()
        raise
    return sock


def plain(error: Exception) -> str:
    """Return the message of an error, without numbers and class names if it has words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
