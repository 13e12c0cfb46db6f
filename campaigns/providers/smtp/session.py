"""The protocol of one connection, as bytes in and bytes out: no sockets, no clock, no threads.

Each reply belongs to the oldest open command. If the server announced PIPELINING, one write carries
the body of a message and the envelope of the next, so a message costs one round trip. Otherwise
commands go one at a time, through the same code.

    MAIL, RCPT, DATA  ->  250, 250, 354
    body of 1, MAIL, RCPT, DATA of 2  ->  250 (of 1), 250, 250, 354 (of 2)
    body of 2  ->  250
"""

import re
from dataclasses import dataclass
from typing import Literal, Protocol

from campaigns.addresses import InvalidAddressError, parse
from campaigns.messages import Message, Outcome, Scope, SendResult, Step
from campaigns.providers.session_limits import is_about_session, is_session_full
from campaigns.providers.smtp.replies import MalformedReplyError, ReplyReader, reply_text

Asked = Literal["", "mail", "rcpt", "data", "dot", "lone dot", "rset", "quit"]
"""What a reply may belong to. "dot" ends a body, "lone dot" an unwanted DATA."""

_ENVELOPE: tuple[Asked, ...] = ("mail", "rcpt", "data")
_DOT: tuple[Asked, ...] = ("dot",)
_DOT_AND_RIDER: tuple[Asked, ...] = ("dot", "mail", "rcpt", "data")
_STEPS: dict[Asked, Step] = {"mail": "mail", "rcpt": "rcpt", "data": "data", "dot": "dot"}


@dataclass(frozen=True, slots=True)
class Features:
    """What a server announced. `largest`: its message size limit in bytes; 0: none."""

    pipelining: bool = False
    size: bool = False
    largest: int = 0
    eight_bit: bool = False
    utf8: bool = False
    dsn: bool = False


class MessageFeed(Protocol):
    """Where messages come from and results go to, like a Source. No method raises."""

    def take(self) -> Message | None: ...
    def begin(self, message: Message) -> bool: ...
    def release(self, message: Message) -> None: ...
    def report(self, result: SendResult) -> None: ...

    def hand_back(self, message: Message, result: SendResult, *, is_first: bool) -> None:
        """Take back a message whose connection ended before its body: release it or report this.

        `is_first`: this connection had answered no message before.
        """
        ...


class Session:
    """The state of one logged-in connection."""

    __slots__ = (
        "_asked",
        "_body",
        "_features",
        "_feeder",
        "_held",
        "_is_between",
        "_is_dead",
        "_is_rcpt_open",
        "_is_stopped",
        "_next",
        "_parting",
        "_reader",
        "_stray_envelope",
        "_taken",
        "answered",
        "is_unwritten",
        "is_writing",
        "left_unknown",
        "most",
        "over",
        "replies",
        "session_limit",
        "was_broken",
    )

    def __init__(self, feeder: MessageFeed, features: Features, *, most_messages: int = 0) -> None:
        self._feeder, self._features = feeder, features
        self.most = most_messages
        """Messages after which the connection is replaced; 0: never."""
        self.session_limit = 0
        """Messages answered before the server called the session full; 0: it did not."""
        self._reader = ReplyReader()
        self._is_between = True  # no reply has arrived in part
        self._asked: tuple[Asked, ...] = ()
        self._held: list[bytes] = []  # commands that wait for the reply to the previous one
        self._body: Message | None = None  # written; its reply is pending
        self._next: Message | None = None  # its envelope is written
        self._taken = 0
        self._is_rcpt_open = False  # the server accepted a recipient after refusing the sender
        self._stray_envelope = False  # written for a message that was released since
        self._is_stopped = self._is_dead = False
        self._parting = ""  # the server's words when it asked for a new connection
        self.over = ""
        """Why the connection must be dropped; empty while it works."""
        self.answered = 0
        """Number of messages that were answered."""
        self.replies = 0
        """Number of replies parsed one by one."""
        self.was_broken = self.left_unknown = False
        """Whether it broke during a message; during one whose body was sent."""
        self.is_unwritten = False
        """Nothing of the last body has been written. Cleared by the connection."""
        self.is_writing = False
        """Some bytes still wait to be written. Maintained by the connection."""

    @property
    def waits_for(self) -> Asked:
        """What the next reply belongs to; empty: no command is open."""
        return self._asked[0] if self._asked else ""

    @property
    def is_stopped(self) -> bool:
        return self._is_stopped

    @property
    def is_busy(self) -> bool:
        return self._body is not None or self._next is not None

    # --- events -------------------------------------------------------------------------------

    def start(self) -> bytes:
        """Begin with the next message, if the session is idle and there is one."""
        if self._asked or self.over:
            return b""
        return self._offer()

    def feed(self, data: bytes) -> bytes:
        """Process these received bytes; returns the bytes to write."""
        if self._asked is _DOT_AND_RIDER and self._is_between and not self.is_writing:
            # The usual replies, at a tenth of the cost of parsing them.
            lines = data.split(b"\r\n")
            if (
                len(lines) == 5
                and not lines[4]
                and lines[0][:4] == lines[1][:4] == lines[2][:4] == b"250 "
                and lines[3][:4] == b"354 "
                and self._body is not None
            ):
                body, self._body = self._body, None
                self.answered += 1
                text = reply_text(250, lines[0][4:])
                self._feeder.report(
                    SendResult(body.delivery_id, "sent", text, 250, "recipient", "dot")
                )
                return self._send_body()
        return self._feed(data)

    def _feed(self, data: bytes) -> bytes:
        gives = []
        self._reader.feed(data)
        self._is_between = False
        try:
            while not self.over and (reply := self._reader.next()) is not None:
                self.replies += 1
                gives.append(self._reply(*reply))
            self._is_between = self._reader.is_empty
        except MalformedReplyError as error:
            self._end(str(error))
        return b"" if self.over else b"".join(gives)

    def last_words(self, data: bytes, reason: str) -> None:
        """Process the bytes received before the connection was lost; nothing is written."""
        self._is_dead = True
        if data:
            self._feed(data)
        self.lost(reason)

    def lost(self, reason: str) -> None:
        """Handle a lost connection."""
        self._end(reason)

    def stop(self) -> bytes:
        """Take nothing more and release what has not begun; a pending reply still counts."""
        self._is_stopped = True
        if self._next is not None:
            message, self._next = self._next, None
            self._held.clear()
            self._stray_envelope = True
            self._asked = _DOT if self._body is not None else ()
            self._feeder.release(message)
        if self._body is not None or self.over or self._asked == ("quit",):
            return b""
        return self._quit()

    # --- offering -----------------------------------------------------------------------------

    def _offer(self) -> bytes:
        """Return the envelope of the next message, or QUIT after the last one."""
        found = self._take()
        if found is None:
            return self._quit() if self._is_stopped or self._is_full else b""
        self._next, envelope = found
        if self._features.pipelining:
            self._asked += _ENVELOPE
            return envelope
        self._held = envelope.splitlines(keepends=True)
        self._asked += ("mail",)
        return self._held.pop(0)

    @property
    def _is_full(self) -> bool:
        return 0 < self.most <= self._taken

    def _take(self) -> tuple[Message, bytes] | None:
        """Take the next message that this server can accept, and its envelope."""
        if self._is_stopped or self._is_dead or 0 < self.most <= self._taken:
            return None
        while (message := self._feeder.take()) is not None:
            envelope = _envelope(message, self._features)
            if isinstance(envelope, bytes):
                self._taken += 1
                return message, envelope
            self._feeder.report(envelope)
        return None

    def _send_body(self) -> bytes:
        """Write the body. The next message is taken first, to keep the time after `begin` short."""
        message = self._next
        if message is None or self._is_dead:
            return b""
        rider = self._take() if self._features.pipelining else None
        if not self._feeder.begin(message):
            self._next = None
            self._feeder.release(message)
            if rider is not None:
                self._feeder.release(rider[0])
            self._end("a message was held back")  # DATA is open, so drop the connection
            return b""
        self._body, self.is_unwritten = message, True
        data = message.data if message.is_tidy else wire_form(message.data)
        if rider is None:
            self._next, self._asked = None, _DOT
            return data + b".\r\n"
        self._next, self._asked = rider[0], _DOT_AND_RIDER
        return b"".join((data, b".\r\n", rider[1]))

    def _quit(self) -> bytes:
        """Return QUIT, unless the server is waiting for a body."""
        if self._asked or self._stray_envelope or self._is_dead:
            self._end("closed")
            return b""
        self._asked = ("quit",)
        return b"QUIT\r\n"

    # --- replies ------------------------------------------------------------------------------

    def _reply(self, code: int, text: bytes) -> bytes:
        if not self._asked:
            said = reply_text(code, text)
            self._end(said if code == 421 else f"the server spoke unasked: {said}", code)
            return b""
        asked = self._asked[0]
        if code == 421 and asked not in ("dot", "quit"):
            self._end(reply_text(code, text), code)
            return b""
        self._asked = self._asked[1:]
        if asked == "dot":
            return self._dot(code, text)
        if asked in ("mail", "rcpt", "data"):
            return self._envelope_reply(asked, code, text)
        if asked == "rset" and code != 250:
            self._end("the server takes no RSET", code)
        elif asked == "rset" and self._next is None:
            return self._offer()
        elif asked == "quit":
            self._end("closed")
        return b""

    def _envelope_reply(
        self, asked: Literal["mail", "rcpt", "data"], code: int, text: bytes
    ) -> bytes:
        if self._next is None:
            return self._after_refusal(asked, code)
        if code == 354 if asked == "data" else code < 300:
            if asked == "data":
                return self._send_body()
            if not self._held:
                return b""
            self._asked += (_ENVELOPE[3 - len(self._held)],)
            return self._held.pop(0)
        if code < 400:
            self._end(str(MalformedReplyError()))
            return b""
        message, self._next = self._next, None
        if is_about_session(said := reply_text(code, text)):
            self._leave(message, said, code, asked)
        else:
            self.answered += 1
            self._feeder.report(_refused(message, code, text, asked))
        if asked != "data" and not self._held:
            return b""  # wait for the replies to the rest of the envelope
        self._held.clear()
        return self._reset()

    def _after_refusal(self, asked: Asked, code: int) -> bytes:
        """Handle a reply to the rest of a partly refused envelope."""
        if asked == "rcpt":
            self._is_rcpt_open = code < 300
            return b""
        if code != 354:
            return self._reset()
        if self._is_rcpt_open:
            # A lone dot would send an empty email to the recipient.
            self._end("the server granted DATA for a sender that it had refused")
            return b""
        self._asked += ("lone dot",)
        return b".\r\n" + self._reset()

    def _leave(self, message: Message, said: str, code: int, step: Step) -> None:
        """Close for a server that wants a new connection: no message fails."""
        self._is_stopped, self._parting = True, said
        self._give_back(message, said, code, step)

    def _give_back(self, message: Message, reason: str, code: int, step: Step) -> None:
        """Return a message of which nothing was accepted, for another connection.

        After a useful session this is not limited. A session that ended at its first message, or
        without a reason, is counted.
        """
        if self.answered and is_about_session(reason):
            self._feeder.release(message)
            return
        self.was_broken = True
        self._hand_back(message, reason, code, step)

    def _reset(self) -> bytes:
        self._is_rcpt_open = False
        if self._is_stopped:
            return self._quit()
        self._asked += ("rset",)
        # Without pipelining, the next envelope waits for the reply.
        return b"RSET\r\n" + (self._offer_along() if self._features.pipelining else b"")

    def _offer_along(self) -> bytes:
        """Return the next envelope, to follow a command whose reply is pending."""
        found = self._take()
        if found is None:
            return b""
        self._next, envelope = found
        self._asked += _ENVELOPE
        return envelope

    def _dot(self, code: int, text: bytes) -> bytes:
        message, self._body = self._body, None
        if message is None:
            return b""
        if self.is_unwritten:
            self._body = message
            self._end("the server answered before it was asked")
            return b""
        reply = reply_text(code, text)
        if code < 300 and not self.is_writing:
            self.answered += 1
            self._feeder.report(
                SendResult(message.delivery_id, "sent", reply, code, "recipient", "dot")
            )
        elif code < 400:
            self._body = message
            self._end(str(MalformedReplyError()))
        elif is_about_session(reply):
            self._leave(message, reply, code, "dot")
            if self.is_writing:
                self._end(reply)
            return self.stop()
        elif code == 421:
            # It closes the connection without accepting the message, which may be offered again.
            self._feeder.report(
                SendResult(message.delivery_id, "deferred", reply, code, "connection", "dot")
            )
            self.was_broken = True
            self._end(reply, code)
        else:
            self.answered += 1
            self._feeder.report(_refused(message, code, text, "dot"))
            if self.is_writing:
                self._end("the server refused the message before it had all of it")
        return b"" if self._asked or self.over else self._offer()

    def _end(self, reason: str, code: int = 0) -> None:
        """End the session, and report or hand back its open messages."""
        if self.over:
            return
        self.over = self._parting or reason or "closed"
        if self.answered and is_session_full(self.over):
            self.session_limit = self.answered
        step = _STEPS.get(self.waits_for, "")
        self._asked = ()
        self._held.clear()
        body, self._body = self._body, None
        message, self._next = self._next, None
        if body is not None:
            self.was_broken = True
            if self.is_unwritten:
                self._hand_back(body, reason, code, "data")
            else:
                self._unanswered(body, reason)
        if message is not None:
            self.was_broken = True
            self._give_back(message, reason, code, step if body is None else "")

    def _hand_back(self, message: Message, reason: str, code: int, step: Step) -> None:
        unsent = SendResult(message.delivery_id, "unsent", reason, code, "connection", step)
        self._feeder.hand_back(message, unsent, is_first=not self.answered and step != "")

    def _unanswered(self, body: Message, reason: str) -> None:
        self.left_unknown = True
        reply = f"no answer after the message: {reason}"
        self._feeder.report(SendResult(body.delivery_id, "unknown", reply, 0, "connection", "dot"))


# --- envelopes --------------------------------------------------------------------------------


def _envelope(message: Message, features: Features) -> bytes | SendResult:
    """Return MAIL, RCPT and DATA for a message; a result if this server cannot accept it."""
    sender, address = message.mail_from, message.address
    mail = rcpt = ""
    both = f"{sender}{address}"
    if not both.isascii():
        sender, address = _ascii_domain(sender), _ascii_domain(address)
        both = f"{sender}{address}"
        if not both.isascii():
            if not features.utf8:
                return _impossible(
                    message,
                    "This server takes no addresses with letters beyond ASCII (SMTPUTF8).",
                )
            mail = " SMTPUTF8"
    # An address must not be able to end the brackets or the line.
    if not address or not both.isprintable() or ">" in both or "<" in both:
        return _impossible(message, "5.1.3 Email cannot be sent to this address.")
    if features.size:
        size = len(message.data)
        if size > features.largest > 0:
            return _impossible(
                message,
                f"5.3.4 The message is too large for this server: {size:,} bytes, and it takes"
                f" {features.largest:,}.",
                552,
            )
        mail = f"{mail} SIZE={size}"
    if not message.is_tidy and not message.data.isascii():
        if not features.eight_bit:
            return _impossible(
                message, "5.6.3 This server takes no text beyond ASCII as it is (8BITMIME)."
            )
        mail += " BODY=8BITMIME"
    if features.dsn:
        mark = sender.partition("@")[0]
        if mark and mark.isascii():
            mail = f"{mail} RET=HDRS ENVID={_xtext(mark)}"
        original = f" ORCPT=rfc822;{_xtext(address)}" if address.isascii() else ""
        rcpt = f" NOTIFY=FAILURE{original}"
    return f"MAIL FROM:<{sender}>{mail}\r\nRCPT TO:<{address}>{rcpt}\r\nDATA\r\n".encode()


def _xtext(text: str) -> str:
    """Encode printable ASCII as a parameter value (RFC 3461, section 4)."""
    return text.replace("+", "+2B").replace("=", "+3D").replace(" ", "+20")


def _ascii_domain(address: str) -> str:
    """Return the address with its domain as A-labels; unchanged if that is impossible."""
    local, at, domain = address.rpartition("@")
    if not at or domain.isascii():
        return address
    try:
        return f"{local}@{parse(f'x@{domain}').domain}"
    except InvalidAddressError:
        return address


def _impossible(message: Message, why: str, code: int = 0) -> SendResult:
    return SendResult(message.delivery_id, "failed", why, code, "recipient")


_LINE_ENDS = re.compile(rb"\r\n|\r|\n")


def wire_form(data: bytes) -> bytes:
    """Return a message for DATA: CRLF only, so that nothing in it ends it; leading dots doubled."""
    lines = data.count(b"\r\n")
    if data.count(b"\n") != lines or data.count(b"\r") != lines:
        data = _LINE_ENDS.sub(b"\r\n", data)
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    if data.startswith(b"."):
        data = b"." + data
    return data.replace(b"\r\n.", b"\r\n..")


# --- scope ------------------------------------------------------------------------------------

_SENDER_CODES = (500, 502, 503, 530, 534, 535, 538)
"""Replies about our login or our commands, at any step."""
_SENDER_STATUS = re.compile(rb"[45]\.(?:1\.[78]|7\.8|7\.30)(?!\d)")
_MESSAGE_STATUS = re.compile(rb"5\.(?:3\.4|6\.\d+)(?!\d)")


def _refused(
    message: Message, code: int, text: bytes, step: Literal["mail", "rcpt", "data", "dot"]
) -> SendResult:
    outcome: Outcome = "failed" if code >= 500 else "deferred"
    scope = _scope(code, text, step)
    return SendResult(message.delivery_id, outcome, reply_text(code, text), code, scope, step)


def _scope(code: int, text: bytes, step: Step) -> Scope:
    """Return what a refusal concerns. At MAIL it is the sender, except for size and format."""
    if code in _SENDER_CODES or _SENDER_STATUS.match(text):
        return "sender"
    if step == "mail" and code != 552 and not _MESSAGE_STATUS.match(text):
        return "sender"
    return "recipient"
