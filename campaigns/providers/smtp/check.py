"""Test an account without sending anything."""

import contextlib
import smtplib
import ssl
import threading
from collections.abc import Iterator

from campaigns.providers import certificates
from campaigns.providers.base import CheckResult, ProviderTroubleError
from campaigns.providers.smtp.login import SmtpLogin, connect
from campaigns.providers.smtp.replies import reply_text
from campaigns.providers.smtp.timeouts import Timeouts
from campaigns.reason import Reason

STEP_SECONDS = 5.0
"""Time limit for connecting and for each reply, in seconds."""
WHOLE_SECONDS = 15.0
"""Time limit for a whole test, in seconds."""

_HINTS = (
    (("gmail.com", "googlemail.com", "google.com"), Reason("connection.hint_google")),
    (("office365.com", "outlook.com"), Reason("connection.hint_microsoft")),
    (("amazonaws.com",), Reason("connection.hint_amazon")),
    (("sendgrid.net",), Reason("connection.hint_sendgrid")),
)


def check_login(login: SmtpLogin, *, sender: str = "") -> CheckResult:
    """Connect, encrypt, log in, and offer `sender` if given; no message is sent.

    Never raises, and takes no longer than WHOLE_SECONDS. Name lookups and servers that answer byte
    by byte escape socket timeouts, so a thread runs the test and is abandoned at the deadline.
    """
    answers: list[CheckResult] = []

    def ask() -> None:
        answers.append(_ask(login, sender))

    asking = threading.Thread(target=ask, name="check-connection", daemon=True)
    asking.start()
    asking.join(WHOLE_SECONDS)
    if answers:
        return answers[0]
    slow = Reason(
        "connection.test_too_slow", {"where": login.where, "limit_seconds": WHOLE_SECONDS}
    )
    return CheckResult(ok=False, reasons=(slow,))


def _ask(login: SmtpLogin, sender: str) -> CheckResult:
    try:
        smtp = connect(login, Timeouts(STEP_SECONDS, STEP_SECONDS, STEP_SECONDS))
    except ProviderTroubleError as trouble:
        return CheckResult(ok=False, reasons=(trouble.reason, *_hints(login, trouble.reason)))
    try:
        if smtp.sock is not None:
            smtp.sock.settimeout(STEP_SECONDS)
        refusals = tuple(_offer(smtp, sender)) if sender else ()
        return CheckResult(ok=not refusals, reasons=(*_found(smtp, login), *refusals))
    except (OSError, smtplib.SMTPException):
        lost = Reason("connection.closed_after_login", {"where": login.where})
        return CheckResult(ok=False, reasons=(lost,))
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            smtp.quit()
        smtp.close()


def _hints(login: SmtpLogin, trouble: Reason) -> Iterator[Reason]:
    """Return what a well-known provider expects instead of the refused password."""
    if trouble.code == "connection.login_refused":
        for domains, hint in _HINTS:
            if any(login.host == name or login.host.endswith("." + name) for name in domains):
                yield hint


def _offer(smtp: smtplib.SMTP, sender: str) -> Iterator[Reason]:
    """Offer the sender address, then reset. Returns the reason if it is refused."""
    code, reply = smtp.docmd(f"MAIL FROM:<{sender}>")
    smtp.rset()
    if not 200 <= code < 300:
        params = {"sender": sender, "reply": reply_text(code, reply)}
        yield Reason("connection.sender_refused", params)


def _found(smtp: smtplib.SMTP, login: SmtpLogin) -> Iterator[Reason]:
    """Return findings about encryption and the server's features."""
    version = smtp.sock.version() if isinstance(smtp.sock, ssl.SSLSocket) else None
    if version:
        params = {"where": login.where, "protocol": version.replace("TLSv", "TLS ")}
        yield Reason("connection.encrypted", params)
    else:
        yield Reason("connection.unencrypted", {"where": login.where})
    certificate = certificates.shown(login.certificate)
    if certificate is not None:
        yield Reason("connection.certificate_shown", {"name": certificate.name})
    if login.username:
        yield Reason("connection.logged_in", {"username": login.username})
    else:
        yield Reason("connection.without_login")
    size = smtp.esmtp_features.get("size", "")
    if size.isascii() and size.isdigit() and 0 < int(size) < 10**12:
        yield Reason("connection.largest_message", {"size_bytes": int(size)})
    if smtp.has_extn("smtputf8"):
        yield Reason("connection.takes_unicode")
