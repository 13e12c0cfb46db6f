"""Reading CSV as people really have it: any encoding and delimiter, quotes gone wrong.

Memory stays flat whatever the size of the file, and every row knows the byte after it, so that
reading can go on from there later. A broken quote costs its own row, never the rest of the file.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, NamedTuple

ENCODINGS = {
    "utf-8": "UTF-8",
    "cp1252": "Windows-1252 (Western European)",
    "utf-16-le": "UTF-16 (Unicode text of Excel)",
    "utf-16-be": "UTF-16, big-endian",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "iso8859-15": "ISO 8859-15 (Western European)",
    "cp932": "Shift JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
}
"""Python's name of each encoding that can be chosen, and its name for people."""

DELIMITERS = {",": "Comma  ,", ";": "Semicolon  ;", "\t": "Tab", "|": "Pipe  |"}

BLOCK_BYTES = 256 * 1024
MAX_LINE_BYTES = 1024 * 1024
MAX_ROW_LINES = 100
"""So many lines a quoted cell may run over."""
MAX_ROW_CHARS = 100_000
SAMPLE_BYTES = 64 * 1024
SHOWN_CHARS = 500

NUL_PROBLEM = "The row holds NUL bytes, which no text has: the file may be damaged here."
OPEN_PROBLEM = "A quotation mark is opened in this row and not closed."
BROKEN_PROBLEM = (
    "A quotation mark stands where none may stand: write quotation marks inside a cell twice."
)
LONG_PROBLEM = "The row is longer than a megabyte."


class NotCsvError(ValueError):
    """The file cannot be read as CSV. The message says what it is and what to do."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written: its encoding (a key of ENCODINGS) and delimiter."""

    encoding: str
    delimiter: str


class Row(NamedTuple):
    """One row. `number` counts as a spreadsheet does: from 1, headers and blank rows included.

    `problem` says why it could not be split into cells; `raw` is its text as it stands there.
    """

    number: int
    cells: list[str]
    raw: str
    problem: str


class _Line(NamedTuple):
    text: str
    size: int
    problem: str


# --- what kind of file this is --------------------------------------------------------------

_SAVE = "In the spreadsheet program choose “Save as”, then “CSV UTF-8”, and upload that file."
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"This is an Excel file. {_SAVE}"),
    (b"\x89PNG\r\n", "This is an image, not a CSV file."),
    (b"\xff\xd8\xff", "This is an image, not a CSV file."),
    (b"GIF8", "This is an image, not a CSV file."),
    (b"%PDF-", "This is a PDF. Export the addresses as CSV and upload that file."),
    (b"\x1f\x8b", "This file is compressed. Unpack it and upload the CSV file inside."),
    (b"7z\xbc\xaf\x27\x1c", "This is an archive. Unpack it and upload the CSV file inside."),
    (b"Rar!", "This is an archive. Unpack it and upload the CSV file inside."),
    (b"BZh", "This file is compressed. Unpack it and upload the CSV file inside."),
    (b"SQLite format 3\0", "This is a database, not a CSV file."),
    (b"\xff\xfe\0\0", f"This file is written in UTF-32. {_SAVE}"),
    (b"\0\0\xfe\xff", f"This file is written in UTF-32. {_SAVE}"),
)
_CONTROL = bytes(set(range(32)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1A, 0x1B})


class Probe:
    """Looks at a file as it streams by and finds out how it is written."""

    def __init__(self) -> None:
        self._head = b""
        self._size = 0
        self._valid = 0
        self._invalid = 0
        self._carry = b""

    def feed(self, block: bytes) -> None:
        """The next bytes of the file."""
        self._size += len(block)
        if len(self._head) < SAMPLE_BYTES:
            self._head += block[: SAMPLE_BYTES - len(self._head)]
        if not self._carry and block.isascii():
            return
        # Only in a whole file can one be sure: the first accent may stand in its last row.
        block = self._carry + block
        cut = _incomplete_tail(block)
        block, self._carry = block[: len(block) - cut], block[len(block) - cut :]
        text = block.decode("utf-8", errors="surrogateescape")
        broken = len(_ESCAPED.findall(text))
        self._invalid += broken
        self._valid += len(_NOT_ASCII.findall(text)) - broken

    def encoding(self) -> str:
        """The most likely encoding. Raises NotCsvError for what is no text at all."""
        head = self._head
        if not head.strip(b"\xef\xbb\xbf\xff\xfe\0\r\n\t ,;"):
            raise NotCsvError("The file is empty.")
        if head.startswith(b"PK\x03\x04"):
            raise NotCsvError(_zipped(head))
        for signature, sentence in _SIGNATURES:
            if head.startswith(signature):
                raise NotCsvError(sentence)
        if head.lstrip(b"\xef\xbb\xbf \r\n\t")[:15].lower().startswith((b"<!doctype", b"<html")):
            raise NotCsvError("This is a web page, not a CSV file. Export the addresses as CSV.")
        if head.startswith(b"\xff\xfe"):
            return "utf-16-le"
        if head.startswith(b"\xfe\xff"):
            return "utf-16-be"
        wide = _wide(head)
        if wide:
            return wide
        if len(head) - len(head.translate(None, _CONTROL)) > len(head) / 20:
            raise NotCsvError("This is not a text file. Export the addresses as CSV.")
        if head.startswith(b"\xef\xbb\xbf"):
            return "utf-8"
        # A few damaged rows do not make a UTF-8 file a Windows one.
        return "cp1252" if self._invalid + len(self._carry) > self._valid else "utf-8"

    def dialect(self) -> Dialect:
        """The most likely way the file is written. Raises NotCsvError."""
        encoding = self.encoding()
        return Dialect(encoding, guess_delimiter(_decoded(self._head, encoding)))


_ESCAPED = re.compile("[\udc80-\udcff]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def _incomplete_tail(block: bytes) -> int:
    """How many bytes at the end begin a UTF-8 character that is not whole."""
    for back in range(1, min(4, len(block) + 1)):
        byte = block[-back]
        if byte < 0x80:
            return 0
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if needed > back else 0
    return 0


def _zipped(head: bytes) -> str:
    if b"xl/" in head or b"[Content_Types].xml" in head:
        return f"This is an Excel file. {_SAVE}"
    if b"opendocument" in head[:200]:
        return f"This is a LibreOffice file. {_SAVE}"
    return "This is a ZIP archive. Unpack it and upload the CSV file inside."


def _wide(head: bytes) -> str:
    """UTF-16 without its mark: Latin text has a NUL in every other byte."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    if odd > half * 0.4 and even < odd / 20:
        return "utf-16-le"
    if even > half * 0.4 and odd < even / 20:
        return "utf-16-be"
    return ""


def _decoded(head: bytes, encoding: str) -> str:
    return head[_mark_length(head, encoding) :].decode(encoding, errors="replace")


def _mark_length(head: bytes, encoding: str) -> int:
    marks = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
    mark = marks.get(encoding)
    return len(mark) if mark and head.startswith(mark) else 0


_SEPARATOR_LINE = re.compile(r"sep=([,;|\t])", re.IGNORECASE)
_QUOTED_CELL = re.compile(r'"(?:[^"]|"")*"')


def guess_delimiter(text: str) -> str:
    """The delimiter that splits most rows of this sample into the same number of cells."""
    found = _SEPARATOR_LINE.match(text)
    if found:
        return found[1]
    lines = [line for line in _QUOTED_CELL.sub("", text).splitlines()[:100] if line.strip()]
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        counts = [line.count(delimiter) for line in lines]
        usual = max(set(counts), key=counts.count, default=0)
        if not usual:
            continue
        score = (round(counts.count(usual) / len(counts), 1), usual)
        if score > best_score:
            best, best_score = delimiter, score
    return best


# --- lines ----------------------------------------------------------------------------------


class _AsUtf8:
    """A UTF-16 file, read as UTF-8 bytes. A lone surrogate stays one and is found later."""

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
    """How many bytes this UTF-8 takes in UTF-16."""
    return len(raw.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass"))


def _byte_lines(
    file: "BinaryIO | _AsUtf8", measure: Callable[[bytes], int]
) -> Iterator[tuple[bytes, int]]:
    """Each line with its end, and its size; of one that is too long only the beginning."""
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
        carry = lines.pop()  # perhaps not whole, or a CR whose LF comes with the next block
        for line in lines:
            yield line, measure(line)
        if len(carry) > MAX_LINE_BYTES:
            head, skipped, carry = carry[: SHOWN_CHARS * 4], measure(carry), b""
    if skipped:
        yield head, skipped
    if carry:
        yield carry, measure(carry)


def _lines(file: BinaryIO, encoding: str, start: int) -> Iterator[_Line]:
    """The lines of a file from byte `start` on; `size` is in bytes of the file."""
    mark = 0
    if start == 0:
        mark = _mark_length(file.read(4), encoding)
    file.seek(start or mark)
    is_wide = encoding.startswith("utf-16")
    inner = "utf-8" if is_wide else encoding
    found = _byte_lines(_AsUtf8(file, encoding), _wide_size) if is_wide else _byte_lines(file, len)
    for raw, size in found:
        problem = LONG_PROBLEM if size > 2 * MAX_LINE_BYTES or len(raw) < size // 2 else ""
        try:
            text = raw.decode(inner)
        except UnicodeDecodeError:
            text = raw.decode(inner, errors="replace")
            problem = problem or (
                f"The row holds characters that are not {ENCODINGS[encoding].partition(' ')[0]}: "
                "check the encoding of the file."
            )
        yield _Line(text, size + mark, problem)
        mark = 0


# --- rows -----------------------------------------------------------------------------------

_LOOKS_LIKE_ADDRESS = re.compile(r'\s*"?[^\s@"]+@[^\s@".]+\.[^\s@"]+"?\s*')


@lru_cache(maxsize=16)
def _patterns(delimiter: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """A quoted cell (its text, its closing quote), what must follow it, an unquoted cell."""
    mark = re.escape(delimiter)
    return (
        re.compile(r'[ ]*+"([^"]*+(?:""[^"]*+)*+)("?)'),
        re.compile(rf"[ ]*+({mark}|\Z)"),
        re.compile(rf"([^{mark}]*+)({mark}|\Z)"),
    )


class _UnclosedQuoteError(ValueError):
    pass


class _BrokenQuoteError(ValueError):
    pass


def _split(text: str, delimiter: str) -> list[str]:
    """The cells of a row that holds quotation marks. Strict, so that what is broken shows."""
    quoted, after, plain = _patterns(delimiter)
    cells: list[str] = []
    at = 0
    while True:
        found = quoted.match(text, at)
        if found:
            if not found[2]:
                raise _UnclosedQuoteError
            cells.append(found[1].replace('""', '"'))
            found = after.match(text, found.end())
            if not found:
                raise _BrokenQuoteError
            end = found[1]
        else:
            found = plain.match(text, at)
            if not found:
                raise _BrokenQuoteError
            cells.append(found[1])
            end = found[2]
        if not end:
            return cells
        at = found.end()


class Reader:
    """Iterates over the rows of a file, from `start` on; blank rows are passed over.

    After each row `position` is the byte that follows it and `row_number` its number.
    `columns` and `address_column` (where known) help to tell a cell that runs over several
    lines from a forgotten quotation mark.
    """

    def __init__(
        self,
        file: BinaryIO,
        dialect: Dialect,
        *,
        start: int = 0,
        row_number: int = 0,
        columns: int = 0,
        address_column: int = -1,
    ) -> None:
        self.position = start
        self.row_number = row_number
        self._delimiter = dialect.delimiter
        self._lines = _lines(file, dialect.encoding, start)
        self._ahead: deque[_Line] = deque()
        self._columns = columns
        self._address_column = address_column

    def __iter__(self) -> "Reader":
        return self

    def __next__(self) -> Row:
        while True:
            line = self._ahead.popleft() if self._ahead else next(self._lines)
            self.position += line.size
            self.row_number += 1
            row = self._row(line)
            if row is not None:
                return row

    def _row(self, line: _Line) -> Row | None:
        text = line.text.rstrip("\r\n")
        if line.problem:
            return self._bad(text, line.problem)
        if "\0" in text:
            return self._bad(text, NUL_PROBLEM)
        if '"' not in text:
            cells = text.split(self._delimiter)
            if not text or text.isspace() or not any(cells):
                return None
            if self.row_number == 1 and _SEPARATOR_LINE.fullmatch(text):
                return None  # Excel's own hint at the delimiter
            return Row(self.row_number, cells, text, "")
        try:
            cells = _split(text, self._delimiter)
        except _BrokenQuoteError:
            return self._bad(text, BROKEN_PROBLEM)
        except _UnclosedQuoteError:
            return self._over_lines(line, text)
        return Row(self.row_number, cells, text, "") if any(cells) else None

    def _over_lines(self, line: _Line, first: str) -> Row:
        """A row whose quoted cell runs over the next lines, or whose quote is broken."""
        joined = line.text
        size = 0
        for index in range(MAX_ROW_LINES):
            following = self._peek(index)
            if following is None or following.problem or "\0" in following.text:
                break
            joined += following.text
            size += following.size
            if len(joined) > MAX_ROW_CHARS or self._looks_like_row(following.text):
                break
            if '"' not in following.text:
                continue
            text = joined.rstrip("\r\n")
            try:
                cells = _split(text, self._delimiter)
            except _BrokenQuoteError:
                break
            except _UnclosedQuoteError:
                continue
            for _ in range(index + 1):
                self._ahead.popleft()
            self.position += size
            return Row(self.row_number, cells, text, "")
        return self._bad(first, OPEN_PROBLEM)

    def _peek(self, index: int) -> _Line | None:
        while len(self._ahead) <= index:
            line = next(self._lines, None)
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[index]

    def _looks_like_row(self, text: str) -> bool:
        """Whether a line would do as a row: then the quote before it was forgotten."""
        cells = text.split(self._delimiter)
        if self._columns and len(cells) != self._columns:
            return False
        if 0 <= self._address_column < len(cells):
            cells = [cells[self._address_column]]
        return any(_LOOKS_LIKE_ADDRESS.fullmatch(cell) for cell in cells)

    def _bad(self, text: str, problem: str) -> Row:
        return Row(self.row_number, [], text[:SHOWN_CHARS], problem)
