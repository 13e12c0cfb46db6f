"""SMTP by the standard library: one connection, one message after the other.

Connections are kept between messages and jobs. AUTH is never tried before TLS unless the
account was explicitly set to use no encryption.
"""

import contextlib
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from campaigns.messages import Message, Outcome, Scope, SendResult
from campaigns.providers.base import BeforeBody, ProviderTroubleError
from campaigns.providers.models import ProviderAccount
from campaigns.secrets import Vault

CONNECT_TIMEOUT_SECONDS = 15
REPLY_TIMEOUT_SECONDS = 60
IDLE_SECONDS = 25
MESSAGES_PER_CONNECTION = 500
MOST_UNANSWERED = 3
"""So many messages in a row without an answer: each more would become `unknown` as well."""


@dataclass(frozen=True, slots=True)
class SmtpLogin:
    """Where and how to connect. `password` is in the clear here, and only here."""

    host: str
    port: int
    security: str
    username: str = ""
    password: str = ""


def open_smtp(account: ProviderAccount, vault: Vault) -> "SmtpProvider":
    password = vault.decrypt(account.password) if account.password else ""
    return SmtpProvider(
        SmtpLogin(account.host, account.port, account.security, account.username, password)
    )


def connect(login: SmtpLogin, timeout: float = CONNECT_TIMEOUT_SECONDS) -> smtplib.SMTP:
    """An open, encrypted, logged-in connection. Raises ProviderTroubleError in words."""
    where = f"{login.host}:{login.port}"
    try:
        return _connect(login, timeout)
    except ProviderTroubleError:
        raise
    except socket.gaierror:
        raise ProviderTroubleError(
            f"There is no server called {login.host}. Check the name.", permanent=True
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise ProviderTroubleError(
            f"{where} shows a certificate that cannot be trusted: {error.verify_message}."
            " Use the server name that the certificate was made for.",
            permanent=True,
        ) from None
    except ssl.SSLError as error:
        raise ProviderTroubleError(
            f"{where} does not speak TLS as expected ({error.reason or error}). Port 587 goes with"
            " STARTTLS, port 465 with TLS.",
            permanent=True,
        ) from None
    except TimeoutError:
        raise ProviderTroubleError(_no_answer(where), permanent=False) from None
    except smtplib.SMTPAuthenticationError as error:
        permanent = 500 <= error.smtp_code < 600
        raise ProviderTroubleError(
            f"{where} refused the login: {reply_text(error.smtp_code, error.smtp_error)}."
            " Check user name and password.",
            permanent=permanent,
        ) from None
    except smtplib.SMTPResponseException as error:
        raise ProviderTroubleError(
            f"{where} said: {reply_text(error.smtp_code, error.smtp_error)}.",
            permanent=False,
        ) from None
    except smtplib.SMTPNotSupportedError as error:
        raise ProviderTroubleError(f"{where}: {error}", permanent=True) from None
    except (smtplib.SMTPException, OSError) as error:
        if isinstance(error.__context__, TimeoutError):
            raise ProviderTroubleError(_no_answer(where), permanent=False) from None
        raise ProviderTroubleError(
            f"{where} cannot be reached ({_plain(error)}). Is the server running?", permanent=False
        ) from None


def _no_answer(where: str) -> str:
    return f"{where} does not answer. A firewall may be in the way, or the port is wrong."


def _connect(login: SmtpLogin, timeout: float) -> smtplib.SMTP:
    if login.security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            login.host, login.port, timeout=timeout, context=ssl.create_default_context()
        )
    else:
        smtp = smtplib.SMTP(login.host, login.port, timeout=timeout)
    try:
        smtp.ehlo_or_helo_if_needed()
        if login.security == "starttls":
            if not smtp.has_extn("starttls"):
                raise ProviderTroubleError(
                    f"{login.host}:{login.port} offers no encryption (STARTTLS). Use another port,"
                    " or allow sending without encryption for this account.",
                    permanent=True,
                )
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
        if login.username:
            if not smtp.has_extn("auth"):
                raise ProviderTroubleError(
                    f"{login.host}:{login.port} takes no login. Remove the user name, or use the"
                    " provider's submission port.",
                    permanent=True,
                )
            smtp.login(login.username, login.password)
        if smtp.sock is not None:
            smtp.sock.settimeout(REPLY_TIMEOUT_SECONDS)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _plain(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def reply_text(code: int, text: bytes | str) -> str:
    """A server's reply as one clean line: no control characters, at most 500 characters."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", words).strip()
    return f"{code} {line}"[:500] if code else line[:500]


class SmtpProvider:
    """One SMTP connection, opened when first needed and again when it was lost."""

    def __init__(self, login: SmtpLogin) -> None:
        self._login = login
        self._smtp: smtplib.SMTP | None = None
        self._used_at = 0.0
        self._count = 0
        self._unanswered = 0

    def send(self, messages: Iterable[Message], *, before_body: BeforeBody) -> Iterator[SendResult]:
        for message in messages:
            self._stop_when_unanswered()
            result = self._send_one(message, before_body)
            self._count_unanswered(result)
            yield result

    def _count_unanswered(self, result: SendResult) -> None:
        if result.outcome == "unknown":
            self._unanswered += 1
        elif result.outcome != "unsent":
            self._unanswered = 0

    def _stop_when_unanswered(self) -> None:
        """Raises ProviderTroubleError once; asked again (by Resume), it tries anew."""
        if self._unanswered < MOST_UNANSWERED:
            return
        self._unanswered = 0
        raise ProviderTroubleError(
            f"{self._login.host}:{self._login.port} took {MOST_UNANSWERED} messages in a row and"
            " answered none of them. Ask the provider why, then resume.",
            permanent=True,
        )

    def close(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.quit()
            smtp.close()

    def _drop(self) -> None:
        """The connection is broken or out of step: no farewell."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()

    def _connection(self) -> smtplib.SMTP:
        idle = time.monotonic() - self._used_at
        if self._smtp is not None and (
            idle > IDLE_SECONDS or self._count >= MESSAGES_PER_CONNECTION
        ):
            self.close()
        if self._smtp is None:
            self._smtp = connect(self._login)
            self._count = 0
        return self._smtp

    def _send_one(self, message: Message, before_body: BeforeBody) -> SendResult:
        while True:
            smtp = self._connection()
            is_fresh = self._count == 0
            try:
                return self._transaction(smtp, message, before_body)
            except _ConnectionLostError as lost:
                self._drop()
                # A kept connection may have been closed while it lay idle, and a busy server
                # says 421 when it has had enough: once more on a new one, nobody blamed.
                if is_fresh:
                    return _result(message, "unsent", lost.reply, lost.code, "connection")
            except BaseException:
                # Cut off in the middle, such as by a job's time limit: out of step with the
                # server, whose answer to this message the next one would take for its own.
                self._drop()
                raise

    def _transaction(
        self, smtp: smtplib.SMTP, message: Message, before_body: BeforeBody
    ) -> SendResult:
        options = []
        if not message.address.isascii():
            if not smtp.has_extn("smtputf8"):
                reply = "This server takes no addresses with letters beyond ASCII (SMTPUTF8)."
                return _result(message, "failed", reply, 0)
            options.append("SMTPUTF8")
        if smtp.has_extn("size"):
            options.append(f"SIZE={len(message.data)}")
        self._used_at = time.monotonic()
        self._count += 1
        for step, command in (
            ("sender", f"MAIL FROM:<{message.mail_from}>{''.join(' ' + o for o in options)}"),
            ("recipient", f"RCPT TO:<{message.address}>"),
            ("recipient", "DATA"),
        ):
            code, reply = self._say(smtp, command)
            wanted = 354 if command == "DATA" else 250
            if code == wanted or (wanted == 250 and 200 <= code < 300):
                continue
            self._reset(smtp)
            return _refused(message, code, reply, "sender" if step == "sender" else "recipient")
        return self._body(smtp, message, before_body)

    def _say(self, smtp: smtplib.SMTP, command: str) -> tuple[int, str]:
        """Send one command, read its reply. Raises _ConnectionLostError, also for a 421."""
        try:
            smtp.putcmd(*_encoded(smtp, command))
            code, text = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            raise _ConnectionLostError(0, _plain(error)) from None
        if code == 421:
            raise _ConnectionLostError(code, reply_text(code, text))
        if code < 200:
            raise _ConnectionLostError(0, "the server's reply made no sense")
        return code, reply_text(code, text)

    def _body(self, smtp: smtplib.SMTP, message: Message, before_body: BeforeBody) -> SendResult:
        data = message.data
        if not data.endswith(b"\r\n"):
            data += b"\r\n"
        if data.startswith(b"."):
            data = b"." + data
        data = data.replace(b"\r\n.", b"\r\n..") + b".\r\n"
        before_body(message)  # if it raises, the connection goes: DATA is open
        try:
            smtp.send(data)
            code, text = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            return _result(
                message, "unknown", f"no answer after the message: {_plain(error)}", 0, "connection"
            )
        reply = reply_text(code, text)
        if code < 200:
            self._drop()
            return _result(message, "unknown", "the reply to the message made no sense", 0)
        if code == 421:
            self._drop()
        if 200 <= code < 300:
            return _result(message, "sent", reply, code)
        return _refused(message, code, reply, "recipient")

    def _reset(self, smtp: smtplib.SMTP) -> None:
        """After a refusal. A connection that does not take it is not used again."""
        try:
            code, _ = smtp.rset()
        except (OSError, smtplib.SMTPException):
            code = 0
        if code != 250:
            self._drop()


def _encoded(smtp: smtplib.SMTP, command: str) -> tuple[str]:
    smtp.command_encoding = "ascii" if command.isascii() else "utf-8"
    return (command,)


class _ConnectionLostError(Exception):
    """The connection broke, or the server closed it, before a body was sent."""

    def __init__(self, code: int, reply: str) -> None:
        super().__init__(reply)
        self.code, self.reply = code, reply


_SENDER_FAULTS = (530, 534, 535, 538)
"""Replies about our login, wherever they come."""


def _refused(message: Message, code: int, reply: str, scope: Scope) -> SendResult:
    if code in _SENDER_FAULTS:
        scope = "sender"
    outcome: Outcome = "failed" if 500 <= code < 600 else "deferred"
    return _result(message, outcome, reply, code, scope)


def _result(
    message: Message, outcome: Outcome, reply: str, code: int, scope: Scope = "recipient"
) -> SendResult:
    return SendResult(message.delivery_id, outcome, reply, code, scope)
