"""One SMTP session (RFC 5321) that receives messages and relays none.

It works on a buffer: replies and their order do not depend on how the bytes are split into packets
or how many commands one holds (PIPELINING, RFC 2920). Only CR LF ends a line and only CR LF . CR LF
ends a message, so nothing can be smuggled in behind a lone LF or CR.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, cast

from campaigns.clock import utcnow
from campaigns.mailbox.writer import Captured

MAX_LINE = 2048
"""Longest command line, in octets; extensions raise the 512 of RFC 5321."""

MAX_RECIPIENTS = 1000
MAX_ERRORS = 20
BUFFER_HELD = 256 * 1024
"""Octets buffered while a reply is pending; beyond this, reading pauses."""

_END = b"\r\n.\r\n"
_PATH = re.compile(r"<((?:\"(?:[^\"\\]|\\.)*\"|[^<>\"\s])*)>((?: .*)?)")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_SIZE = re.compile(r"SIZE=(\d{1,20})", re.IGNORECASE)

Reply = Callable[[bytes], None]


class Hub(Protocol):
    """What a session needs from its server."""

    max_message_bytes: int
    is_draining: bool

    def join(self, session: "MailboxSession") -> bool:
        """Return whether there is room for one more session."""
        ...

    def leave(self, session: "MailboxSession") -> None:
        """Remove a session that has ended."""
        ...

    def accept(self, captured: Captured, reply: Reply) -> None:
        """Store a message; `reply` gets the SMTP reply once it is committed or refused."""
        ...


@dataclass(slots=True)
class _Envelope:
    mail_from: str
    rcpt_to: list[str]
    is_utf8: bool


class MailboxSession(asyncio.Protocol):
    """The server's side of a connection."""

    is_lmtp: ClassVar[bool] = False
    greeting: ClassVar[bytes] = b"220 localhost ESMTP Campaigns mailbox: keeps all, relays nothing"

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._searched = 0
        self._replies: list[bytes] = []
        self._greeted = False
        self._envelope: _Envelope | None = None
        self._in_data = False
        self._overlong = False  # the current line or message is too long: skip the rest
        self._awaits_store = False
        self._replies_due = 1
        self._is_choked = False  # the peer does not read our replies
        self._is_held_back = False  # we do not read from the peer
        self._is_closing = False
        self._errors = 0
        self.heard_at = 0.0

    # Called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client."""
        self._transport = cast("asyncio.Transport", transport)
        self.heard_at = asyncio.get_running_loop().time()
        if self._hub.join(self):
            self._send(self.greeting)
            self._flush()
        else:
            self.close_with(b"421 4.3.2 Too many connections, try again later")

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop whatever has not been answered yet."""
        self._transport = None
        self._is_closing = True
        self._buffer.clear()
        self._hub.leave(self)

    def data_received(self, data: bytes) -> None:
        """Process what the client sent."""
        self.heard_at = asyncio.get_running_loop().time()
        if not self._is_closing:
            self._buffer += data
            self._process()

    def pause_writing(self) -> None:
        """Stop processing while the client does not read."""
        self._is_choked = True

    def resume_writing(self) -> None:
        """Continue when the client has read."""
        self._is_choked = False
        self._process()

    # Called by the server

    @property
    def is_busy(self) -> bool:
        """Whether a message is being received or stored."""
        return self._in_data or self._awaits_store

    def close_with(self, reply: bytes) -> None:
        """Send this last reply and close."""
        self._send(reply)
        self._is_closing = True
        self._flush()

    def end_silent(self) -> None:
        """Disconnect a client that was silent for too long, even if it reads no replies."""
        if self._is_closing and self._transport is not None:
            self._transport.abort()
        else:
            self.close_with(b"421 4.4.2 Nothing heard for too long")

    # Commands

    def _process(self) -> None:
        """Handle whatever is complete in the buffer, until a reply is pending."""
        while not (self._awaits_store or self._is_choked or self._is_closing):
            if not (self._take_message() if self._in_data else self._take_line()):
                break
        self._flush()
        self._hold_back()

    def _hold_back(self) -> None:
        if self._transport is None or self._is_closing:
            return
        waits = self._awaits_store or self._is_choked
        if waits and not self._is_held_back and len(self._buffer) > BUFFER_HELD:
            self._transport.pause_reading()
            self._is_held_back = True
        elif not waits and self._is_held_back:
            self._transport.resume_reading()
            self._is_held_back = False

    def _send(self, reply: bytes) -> None:
        self._replies.append(reply)

    def _flush(self) -> None:
        if self._transport is None:
            return
        if self._replies:
            self._replies.append(b"")
            self._transport.write(b"\r\n".join(self._replies))
            self._replies.clear()
        if self._is_closing:
            self._transport.close()

    def _take_line(self) -> bool:
        """Handle one command. False when none is complete."""
        buffer = self._buffer
        end = buffer.find(b"\r\n", self._searched)
        if end < 0:
            if len(buffer) > MAX_LINE:
                self._overlong = True
                del buffer[:-1]  # it may be the CR of the line ending
            self._searched = max(0, len(buffer) - 1)
            return False
        line = bytes(buffer[:end])
        del buffer[: end + 2]
        self._searched = 0
        if self._overlong or end > MAX_LINE:
            self._overlong = False
            self._refuse(b"500 5.5.2 Line too long")
        elif _CONTROL.search(line):
            self._refuse(b"500 5.5.2 Control characters in a command; a line ends with CR LF")
        else:
            self._command(line)
        return True

    def _command(self, line: bytes) -> None:
        verb, _, rest = line.partition(b" ")
        handler = self._COMMANDS.get(verb.upper())
        if handler is None:
            self._refuse(b"500 5.5.2 Command not recognised")
            return
        try:
            handler(self, rest.decode("utf-8").strip())
        except UnicodeDecodeError:
            self._refuse(b"501 5.5.4 Not UTF-8")

    def _refuse(self, reply: bytes) -> None:
        """Reply with an error; close the session after too many errors."""
        self._errors += 1
        self._send(reply)
        if self._errors >= MAX_ERRORS:
            self._send(b"421 4.7.0 Too many errors")
            self._is_closing = True

    def _helo(self, name: str) -> None:
        if self.is_lmtp:
            self._not_here(name)
        elif self._greet(name, b"HELO"):
            self._send(b"250 localhost")

    def _ehlo(self, name: str) -> None:
        if self.is_lmtp:
            self._not_here(name)
        elif self._greet(name, b"EHLO"):
            self._send(self._extensions())

    def _lhlo(self, name: str) -> None:
        if not self.is_lmtp:
            self._not_here(name)
        elif self._greet(name, b"LHLO"):
            self._send(self._extensions())

    def _greet(self, name: str, verb: bytes) -> bool:
        """Start over. Refuses a client without a name."""
        if not name:
            self._refuse(b"501 5.5.4 Say who you are: %s name" % verb)
            return False
        self._greeted, self._envelope = True, None
        return True

    def _extensions(self) -> bytes:
        return (
            b"250-localhost\r\n250-PIPELINING\r\n250-SIZE %d\r\n250-8BITMIME\r\n"
            b"250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8" % self._hub.max_message_bytes
        )

    def _mail(self, rest: str) -> None:
        if not self._greeted or self._envelope is not None:
            self._refuse(b"503 5.5.1 Bad sequence: EHLO first, then one MAIL per message")
            return
        parsed = _parse_path(rest, "FROM:")
        if parsed is None:
            self._refuse(b"501 5.1.7 Syntax: MAIL FROM:<address>")
            return
        address, parameters = parsed
        is_utf8 = False
        for parameter in parameters:
            size = _SIZE.fullmatch(parameter)
            if size and int(size[1]) > self._hub.max_message_bytes:
                self._refuse(b"552 5.3.4 Message too large")
                return
            if parameter.upper() == "SMTPUTF8":
                is_utf8 = True
            elif not size and parameter.upper() not in {"BODY=7BIT", "BODY=8BITMIME"}:
                self._refuse(b"555 5.5.4 Parameter of MAIL not known")
                return
        if not (address.isascii() or is_utf8):
            self._refuse(b"550 5.6.7 This address needs SMTPUTF8")
            return
        self._envelope = _Envelope(address, [], is_utf8)
        self._send(b"250 2.1.0 Ok")

    def _rcpt(self, rest: str) -> None:
        if self._envelope is None:
            self._refuse(b"503 5.5.1 Bad sequence: MAIL first")
            return
        parsed = _parse_path(rest, "TO:")
        if parsed is None or not parsed[0]:
            self._refuse(b"501 5.1.3 Syntax: RCPT TO:<address>")
        elif parsed[1]:
            self._refuse(b"555 5.5.4 Parameter of RCPT not known")
        elif not (parsed[0].isascii() or self._envelope.is_utf8):
            self._refuse(b"550 5.6.7 This address needs SMTPUTF8")
        elif len(self._envelope.rcpt_to) >= MAX_RECIPIENTS:
            self._send(b"452 4.5.3 Too many recipients")
        else:
            self._envelope.rcpt_to.append(parsed[0])
            self._send(b"250 2.1.5 Ok")

    def _data(self, rest: str) -> None:
        if rest:
            self._refuse(b"501 5.5.4 Syntax: DATA")
        elif self._envelope is None:
            self._refuse(b"503 5.5.1 Bad sequence: MAIL and RCPT first")
        elif not self._envelope.rcpt_to:
            self._refuse(b"503 5.5.1 Bad sequence: no valid recipient")
        else:
            self._in_data = True
            self._buffer[:0] = b"\r\n"  # so that a dot in the first line is handled like any other
            self._send(b"354 End data with <CR><LF>.<CR><LF>")

    def _take_message(self) -> bool:
        """Handle a message. False when its end has not arrived."""
        buffer = self._buffer
        end = buffer.find(_END, self._searched)
        if end < 0:
            if len(buffer) > self._hub.max_message_bytes + len(_END):
                self._overlong = True
                del buffer[: -len(_END) + 1]
            self._searched = max(0, len(buffer) - len(_END) + 1)
            return False
        raw = bytes(buffer[: end + 2])
        del buffer[: end + len(_END)]
        self._searched = 0
        self._in_data = False
        envelope, self._envelope = self._envelope, None
        self._replies_due = self._replies_to(len(envelope.rcpt_to) if envelope else 1)
        is_overlong, self._overlong = self._overlong, False
        if is_overlong or len(raw) - 2 > self._hub.max_message_bytes:
            self._answer(b"552 5.3.4 Message too large")
        elif envelope is not None:
            if b"\r\n." in raw:
                raw = raw.replace(b"\r\n.", b"\r\n")
            self._awaits_store = True
            captured = Captured(utcnow(), envelope.mail_from, tuple(envelope.rcpt_to), raw[2:])
            self._hub.accept(captured, self._stored)
        self._part_if_draining()
        return True

    def _replies_to(self, recipients: int) -> int:
        """Return the number of replies to a message for this number of recipients."""
        return 1

    def _answer(self, reply: bytes) -> None:
        """Reply to a message."""
        for _ in range(self._replies_due):
            self._send(reply)

    def _stored(self, reply: bytes) -> None:
        self._awaits_store = False
        self._answer(reply)
        self._part_if_draining()
        self._process()

    def _part_if_draining(self) -> None:
        if self._hub.is_draining and not self._awaits_store:
            self._send(b"421 4.3.2 The mailbox is closing")
            self._is_closing = True

    def _rset(self, rest: str) -> None:
        self._envelope = None
        self._send(b"250 2.0.0 Ok")

    def _noop(self, rest: str) -> None:
        self._send(b"250 2.0.0 Ok")

    def _vrfy(self, rest: str) -> None:
        self._send(b"252 2.1.5 Send it and look into the mailbox")

    def _not_here(self, rest: str) -> None:
        self._refuse(b"502 5.5.1 Not implemented")

    def _quit(self, rest: str) -> None:
        self._send(b"221 2.0.0 Bye")
        self._is_closing = True

    def _wrong_protocol(self, rest: str) -> None:
        self._send(b"421 4.7.0 This is SMTP")
        self._is_closing = True

    _COMMANDS: ClassVar[dict[bytes, Callable[["MailboxSession", str], None]]] = {
        b"HELO": _helo,
        b"EHLO": _ehlo,
        b"LHLO": _lhlo,
        b"MAIL": _mail,
        b"RCPT": _rcpt,
        b"DATA": _data,
        b"RSET": _rset,
        b"NOOP": _noop,
        b"VRFY": _vrfy,
        b"QUIT": _quit,
        b"EXPN": _not_here,
        b"HELP": _not_here,
        b"AUTH": _not_here,
        b"STARTTLS": _not_here,
        b"BDAT": _not_here,
        # A website can make a browser post to this port: it gets no second line.
        b"GET": _wrong_protocol,
        b"POST": _wrong_protocol,
    }


class LmtpSession(MailboxSession):
    """The same over LMTP (RFC 2033): a greeting of its own, and a reply for each recipient."""

    greeting = b"220 localhost LMTP Campaigns"
    is_lmtp = True

    def _replies_to(self, recipients: int) -> int:
        return recipients


def _parse_path(text: str, keyword: str) -> tuple[str, list[str]] | None:
    """Parse `FROM:<address> A B=C` into address and parameters; None if malformed."""
    if text[: len(keyword)].upper() != keyword:
        return None
    match = _PATH.fullmatch(text[len(keyword) :].strip())
    if match is None:
        return None
    address = match[1]
    if address.startswith("@"):  # a source route: obsolete, ignored
        address = address.partition(":")[2]
    return address, match[2].split()
