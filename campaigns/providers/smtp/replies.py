"""Parse a server's replies from bytes that arrive in pieces, over many lines, or garbled."""

import re

LONGEST_REPLY = 65_536
LONGEST_TEXT = 500
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class MalformedReplyError(Exception):
    """The bytes are not an SMTP reply."""

    def __init__(self) -> None:
        super().__init__("the server's reply made no sense")


class ReplyReader:
    """Takes bytes and returns whole replies: code and text, lines joined."""

    __slots__ = ("_buffer", "_lines", "_size")

    def __init__(self) -> None:
        self._buffer = b""
        self._lines: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        self._buffer += data

    @property
    def is_empty(self) -> bool:
        """Whether no bytes are left."""
        return not self._buffer and not self._lines

    def next(self) -> tuple[int, bytes] | None:
        """Return the next whole reply; None if it is incomplete. Raises MalformedReplyError."""
        while True:
            line, found, rest = self._buffer.partition(b"\n")
            self._size += len(line) if found else 0
            if self._size + (0 if found else len(line)) > LONGEST_REPLY:
                raise MalformedReplyError
            if not found:
                return None
            self._buffer = rest
            line = line.rstrip(b"\r")
            code, mark = line[:3], line[3:4]
            if len(code) < 3 or not code.isdigit() or not b"200" <= code < b"600" or mark.isalnum():
                raise MalformedReplyError
            self._lines.append(line[4:])
            if mark != b"-":
                text = b"\n".join(self._lines)
                self._lines, self._size = [], 0
                return int(code), text


def reply_text(code: int, text: bytes | str) -> str:
    """Return a reply as one line without control characters, at most 500 characters long."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    line = words if words.isprintable() else _CONTROLS.sub(" ", words)
    line = line.strip()
    return f"{code} {line}"[:LONGEST_TEXT].rstrip() if code else line[:LONGEST_TEXT]
