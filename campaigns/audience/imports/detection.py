"""Detect a file's type, encoding and delimiter while it is uploaded."""

import io
import itertools
import re
from collections.abc import Sequence

from campaigns.audience.imports.dialect import DELIMITERS, Dialect, mark_length
from campaigns.audience.imports.reader import (
    LOOKS_LIKE_ADDRESS,
    SEPARATOR_LINE,
    Reader,
    unwrap,
)
from campaigns.reason import ReasonError

_IN_TEXT = ":"
"""Delimiters that times and links in other files contain too. Guessed last."""

SAMPLE_BYTES = 64 * 1024


class NotCsvError(ReasonError):
    """The file cannot be read as CSV."""


_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "import_file.excel"),
    (b"\x89PNG\r\n", "import_file.image"),
    (b"\xff\xd8\xff", "import_file.image"),
    (b"GIF8", "import_file.image"),
    (b"%PDF-", "import_file.pdf"),
    (b"\x1f\x8b", "import_file.compressed"),
    (b"7z\xbc\xaf\x27\x1c", "import_file.archive"),
    (b"Rar!", "import_file.archive"),
    (b"BZh", "import_file.compressed"),
    (b"SQLite format 3\0", "import_file.database"),
    (b"\xff\xfe\0\0", "import_file.utf_32"),
    (b"\0\0\xfe\xff", "import_file.utf_32"),
)
_CONTROL = bytes(set(range(32)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1A, 0x1B})


class Probe:
    """Detects the format of a file from its stream."""

    def __init__(self) -> None:
        self._head = b""
        self._size = 0
        self._valid = 0
        self._invalid = 0
        self._carry = b""

    def feed(self, block: bytes) -> None:
        """Take the next bytes of the file."""
        self._size += len(block)
        if len(self._head) < SAMPLE_BYTES:
            self._head += block[: SAMPLE_BYTES - len(self._head)]
        if not self._carry and block.isascii():
            return
        # Read the whole file: the first accent may be in its last row.
        block = self._carry + block
        cut = _incomplete_tail(block)
        block, self._carry = block[: len(block) - cut], block[len(block) - cut :]
        text = block.decode("utf-8", errors="surrogateescape")
        broken = len(_ESCAPED.findall(text))
        self._invalid += broken
        self._valid += len(_NOT_ASCII.findall(text)) - broken

    def encoding(self) -> str:
        """Return the most likely encoding. Raises NotCsvError if it is not text."""
        head = self._head
        if not head.strip(b"\xef\xbb\xbf\xff\xfe\0\r\n\t ,;"):
            raise NotCsvError("import_file.empty")
        if head.startswith(b"PK\x03\x04"):
            raise NotCsvError(_zipped(head))
        for signature, code in _SIGNATURES:
            if head.startswith(signature):
                raise NotCsvError(code)
        if head.lstrip(b"\xef\xbb\xbf \r\n\t")[:15].lower().startswith((b"<!doctype", b"<html")):
            raise NotCsvError("import_file.web_page")
        if head.startswith(b"\xff\xfe"):
            return "utf-16-le"
        if head.startswith(b"\xfe\xff"):
            return "utf-16-be"
        wide = _wide(head)
        if wide:
            return wide
        if len(head) - len(head.translate(None, _CONTROL)) > len(head) / 20:
            raise NotCsvError("import_file.not_text")
        if head.startswith(b"\xef\xbb\xbf"):
            return "utf-8"
        # A few damaged rows do not make a UTF-8 file a Windows one.
        return _eight_bit(head) if self._invalid + len(self._carry) > self._valid else "utf-8"

    def dialect(self) -> Dialect:
        """Return the most likely dialect. Raises NotCsvError."""
        encoding = self.encoding()
        return Dialect(encoding, guess_delimiter(_decoded(self._head, encoding)))


_ESCAPED = re.compile("[\udc80-\udcff]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def _incomplete_tail(block: bytes) -> int:
    """Return how many bytes at the end belong to an incomplete UTF-8 character."""
    for back in range(1, min(4, len(block) + 1)):
        byte = block[-back]
        if byte < 0x80:
            return 0
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if needed > back else 0
    return 0


_SCRIPTS = {
    "cp1251": re.compile("(?<![А-яЁё])[А-ЯЁ]{2,}(?![А-яЁё])|(?<![а-яё])[А-ЯЁ]|[а-яё]"),
    "koi8-r": re.compile("(?<![а-яё])[А-ЯЁ]|[а-яё]"),
    "cp1253": re.compile("(?<![α-ώ])[Α-ΫΆΈ-Ώ]|[ά-ία-ώ]"),
    "cp932": re.compile("[ぁ-ヿ々一-鿿]"),
    "euc_kr": re.compile("[가-힣]"),
}
"""Typical letters of text in this encoding; capitals only begin words."""
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")


def _eight_bit(head: bytes) -> str:
    """Return the most likely of the encodings older than Unicode."""
    if b"\r" in head and b"\n" not in head:
        return "mac_roman"  # "CSV (Macintosh)" of Excel
    runs = [len(run) for run in _HIGH_RUN.findall(head)]
    if sum(run for run in runs if run > 2) < sum(runs) / 2:
        return "cp1252"  # accents among plain letters
    best, share = max(
        ((encoding, _share(head, encoding)) for encoding in _SCRIPTS), key=lambda one: one[1]
    )
    best = "cp949" if best == "euc_kr" else best  # its superset
    return best if share > 0.85 else "cp1252"


def _share(head: bytes, encoding: str) -> float:
    """Return the share of non-ASCII characters that are typical of this encoding."""
    text = "".join(
        char if char.isalpha() or char < "\x80" else "\ufffd"
        for char in head.decode(encoding, errors="replace")
    )
    found = sum(map(len, _SCRIPTS[encoding].findall(text)))
    return found / max(1, len(_NOT_ASCII.findall(text)))


def _zipped(head: bytes) -> str:
    if b"xl/" in head or b"[Content_Types].xml" in head:
        return "import_file.excel"
    if b"opendocument" in head[:200]:
        return "import_file.libreoffice"
    return "import_file.archive"


def _wide(head: bytes) -> str:
    """Detect UTF-16 without a byte order mark: Latin text has a NUL in every other byte."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    if odd > half * 0.4 and even < odd / 20:
        return "utf-16-le"
    if even > half * 0.4 and odd < even / 20:
        return "utf-16-be"
    return ""


def _decoded(head: bytes, encoding: str) -> str:
    return head[mark_length(head, encoding) :].decode(encoding, errors="replace")


_GUESS_ROWS = 100


def guess_delimiter(text: str) -> str:
    """Return the delimiter that splits most rows of this sample into the same number of cells."""
    rows = {delimiter: _sample_rows(text, delimiter) for delimiter in DELIMITERS}
    found = SEPARATOR_LINE.match(text)
    if found and _score(rows[found[1]]) > _NO_SCORE:
        return found[1]
    likely = [delimiter for delimiter in DELIMITERS if delimiter not in _IN_TEXT]
    best = max(likely, key=lambda delimiter: _score(rows[delimiter]))
    if _score(rows[best]) > _NO_SCORE:
        return best
    for delimiter in _IN_TEXT:
        share, with_address, width = _score(rows[delimiter])
        if share == 1 and with_address >= 0.5 and len(rows[delimiter][0]) == width:
            return delimiter
    # Perhaps each line is one quoted cell, with the delimiter inside.
    inner = {
        delimiter: [unwrap(cells[0], delimiter) for cells in rows[delimiter] if len(cells) == 1]
        for delimiter in likely
    }
    best = max(likely, key=lambda delimiter: _score(inner[delimiter]))
    return found[1] if found and _score(inner[best]) == _NO_SCORE else best


def _sample_rows(text: str, delimiter: str) -> list[list[str]]:
    """Return the cells of the first rows; none for rows that cannot be split by this delimiter."""
    file = io.BytesIO(text.encode("utf-8", "replace"))
    reader = Reader(file, Dialect("utf-8", delimiter))
    return [row.cells for row in itertools.islice(reader, _GUESS_ROWS)]


_NO_SCORE = (0.0, 0.0, 0)


def _score(rows: Sequence[Sequence[str]]) -> tuple[float, float, int]:
    """Return the share of rows of the usual width, the share with an address, and the width."""
    widths = [len(cells) for cells in rows]
    usual = max(set(widths), key=widths.count, default=0)
    if usual < 2:
        return _NO_SCORE
    with_address = sum(
        any("@" in cell and LOOKS_LIKE_ADDRESS.fullmatch(cell) for cell in cells) for cells in rows
    )
    share = round(widths.count(usual) / len(rows), 1)
    return share, round(with_address / len(rows), 1), usual
