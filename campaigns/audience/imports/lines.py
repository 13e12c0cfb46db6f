"""Read the lines of a file in any encoding, with their sizes in bytes.

Memory is constant, whatever the size of the file and its lines.
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from campaigns.audience.imports.dialect import ENCODINGS, mark_length
from campaigns.reason import Reason

BLOCK_BYTES = 256 * 1024
MAX_LINE_BYTES = 1024 * 1024
SHOWN_CHARS = 500
"""Length to which the text of a bad row is cut, in characters."""

NUL_PROBLEM = Reason("import_row.nul_bytes")
LONG_PROBLEM = Reason("import_row.too_long")


class Line(NamedTuple):
    """A line with its line ending. `size`: its bytes in the file."""

    text: str
    size: int
    problem: Reason | None


class _AsUtf8:
    """Reads a UTF-16 file as UTF-8 bytes. Lone surrogates are kept and found later."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file, self._encoding, self._carry = file, encoding, b""

    def read(self, size: int) -> bytes:
        block = self._carry + self._file.read(size)
        cut = len(block) % 2
        if len(block) >= 2 and block[len(block) - cut - 2 + self._high_byte()] & 0xFC == 0xD8:
            cut += 2  # the first half of a pair
        if cut >= len(block):  # what is left at the end is half a character
            self._carry = b""
            return b"" if len(block) < 2 else "\ufffd".encode()
        block, self._carry = block[: len(block) - cut], block[len(block) - cut :]
        text = block.decode(self._encoding, errors="surrogatepass")
        return text.encode("utf-8", errors="surrogatepass")

    def _high_byte(self) -> int:
        return 1 if self._encoding == "utf-16-le" else 0


def _wide_size(raw: bytes) -> int:
    """Return how many bytes this UTF-8 takes in UTF-16."""
    return len(raw.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass"))


def _byte_lines(
    file: "BinaryIO | _AsUtf8", measure: Callable[[bytes], int]
) -> Iterator[tuple[bytes, int]]:
    """Yield each line with its line ending, and its size; overlong lines are cut."""
    carry, head, skipped = b"", b"", 0
    while block := file.read(BLOCK_BYTES):
        lines = (carry + block).splitlines(keepends=True)
        carry = b""
        if skipped:
            skipped += measure(lines[0])
            if not lines[0].endswith((b"\n", b"\r")):
                continue
            yield head, skipped
            skipped = 0
            del lines[0]
        if not lines:
            continue
        carry = lines.pop()  # incomplete, or a CR whose LF comes with the next block
        for line in lines:
            yield line, measure(line)
        if len(carry) > MAX_LINE_BYTES:
            head, skipped, carry = carry[: SHOWN_CHARS * 4], measure(carry), b""
    if skipped:
        yield head, skipped
    if carry:
        # DOS programs end a file with Ctrl-Z; some fill a block with it.
        yield carry.rstrip(b"\x1a"), measure(carry)


def lines(file: BinaryIO, encoding: str, start: int) -> Iterator[Line]:
    """Yield the lines of a file from byte `start` on."""
    mark = 0
    if start == 0:
        mark = mark_length(file.read(16), encoding)
    file.seek(start or mark)
    is_wide = encoding.startswith("utf-16")
    inner = "utf-8" if is_wide else encoding
    found = _byte_lines(_AsUtf8(file, encoding), _wide_size) if is_wide else _byte_lines(file, len)
    for raw, size in found:
        is_cut = size > MAX_LINE_BYTES // 2 and len(raw) < size // 2
        problem = LONG_PROBLEM if is_cut or size > 2 * MAX_LINE_BYTES else None
        try:
            text = raw.decode(inner)
        except UnicodeDecodeError:
            text = raw.decode(inner, errors="replace")
            problem = problem or Reason(
                "import_row.wrong_encoding", {"encoding": ENCODINGS[encoding]}
            )
        if "\0" in text:
            problem = problem or NUL_PROBLEM
        yield Line(text, size + mark, problem)
        mark = 0
