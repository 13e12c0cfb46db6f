"""Try an account without sending anything, and say in words what was found."""

import contextlib
import smtplib
import ssl
import threading
from dataclasses import dataclass

from campaigns import formatting
from campaigns.providers import certificates
from campaigns.providers.base import ProviderTroubleError
from campaigns.providers.models import ProviderAccount
from campaigns.providers.smtp import SmtpLogin, Timeouts, connect, reply_text
from campaigns.providers.smtp.account import login_of
from campaigns.secrets import SecretUnreadableError, Vault

STEP_SECONDS = 5.0
"""For connecting, and for each reply."""
WHOLE_SECONDS = 15.0

_HINTS = (
    (
        ("gmail.com", "googlemail.com", "google.com"),
        (
            "Google takes no ordinary passwords here: turn on two-step verification in your Google"
            " account, make an app password, and enter that; or log in by OAuth 2."
        ),
    ),
    (
        ("office365.com", "outlook.com"),
        (
            "Microsoft takes passwords only where the administrator allows SMTP AUTH, and from"
            " personal Outlook.com accounts not any more: log in by OAuth 2."
        ),
    ),
    (
        ("amazonaws.com",),
        "Amazon SES wants SMTP credentials, made in its console; access keys do not work.",
    ),
    (("sendgrid.net",), "SendGrid wants the word apikey as user name, an API key as password."),
)
_LOGIN_REFUSED = " refused the login: "


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether mail could leave this way. `message`: sentences for the user, clean text."""

    ok: bool
    message: str


def check_connection(account: ProviderAccount, vault: Vault, *, sender: str = "") -> CheckResult:
    """Try a stored account. Like `check_login`."""
    try:
        login = login_of(account, vault)
    except SecretUnreadableError as error:
        return CheckResult(ok=False, message=str(error))
    return check_login(login, sender=sender)


def check_login(login: SmtpLogin, *, sender: str = "") -> CheckResult:
    """Connect, encrypt, log in, and offer `sender` if given; no message is sent.

    Never raises, and takes no longer than WHOLE_SECONDS, whatever the server does: the
    look-up of a name and a server that answers byte by byte know no time limit of their own,
    so a thread asks and is left alone when time is up.
    """
    answers: list[CheckResult] = []

    def ask() -> None:
        answers.append(_ask(login, sender))

    asking = threading.Thread(target=ask, name="check-connection", daemon=True)
    asking.start()
    asking.join(WHOLE_SECONDS)
    if answers:
        return answers[0]
    return CheckResult(
        ok=False,
        message=f"{login.host}:{login.port} gave no full answer within {WHOLE_SECONDS:.0f}"
        " seconds. Check name and port; a firewall may be in the way.",
    )


def _ask(login: SmtpLogin, sender: str) -> CheckResult:
    try:
        smtp = connect(login, Timeouts(STEP_SECONDS, STEP_SECONDS, STEP_SECONDS))
    except ProviderTroubleError as trouble:
        return CheckResult(ok=False, message=str(trouble) + _hint(login, str(trouble)))
    try:
        if smtp.sock is not None:
            smtp.sock.settimeout(STEP_SECONDS)
        refusal = _offer(smtp, sender) if sender else ""
        if refusal:
            return CheckResult(ok=False, message=_found(smtp, login) + " " + refusal)
        return CheckResult(ok=True, message=_found(smtp, login))
    except (OSError, smtplib.SMTPException):
        text = f"{login.host}:{login.port} let us in, then closed the connection."
        return CheckResult(ok=False, message=text)
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            smtp.quit()
        smtp.close()


def _hint(login: SmtpLogin, sentence: str) -> str:
    if _LOGIN_REFUSED not in sentence or login.token is not None:
        return ""
    for domains, hint in _HINTS:
        if any(login.host == name or login.host.endswith("." + name) for name in domains):
            return " " + hint
    return ""


def _offer(smtp: smtplib.SMTP, sender: str) -> str:
    """Offer the sender address and take it back. A sentence when it is refused, else empty."""
    code, reply = smtp.docmd(f"MAIL FROM:<{sender}>")
    smtp.rset()
    if 200 <= code < 300:
        return ""
    return f"But it refuses {sender} as the sender: {reply_text(code, reply)}."


def _found(smtp: smtplib.SMTP, login: SmtpLogin) -> str:
    """What the connection is like: "Connected to smtp.example.org:587, encrypted with ..."."""
    parts = [f"Connected to {login.host}:{login.port}"]
    version = smtp.sock.version() if isinstance(smtp.sock, ssl.SSLSocket) else None
    parts.append(f"encrypted with {version.replace('TLSv', 'TLS ')}" if version else "unencrypted")
    certificate = certificates.shown(login.certificate)
    if certificate is not None:
        parts.append(f"by the certificate of {certificate.name}")
    parts.append(f"logged in as {login.username}" if login.username else "without a login")
    size = smtp.esmtp_features.get("size", "")
    takes = []
    if size.isascii() and size.isdigit() and 0 < int(size) < 10**12:
        takes.append(f"messages of up to {formatting.size(int(size), formatting.DEFAULT_LOCALE)}")
    if smtp.has_extn("smtputf8"):
        takes.append("addresses in any script")
    text = ", ".join(parts) + "."
    return f"{text} It takes {' and '.join(takes)}." if takes else text
