"""Reading CSV as people really have it: any encoding and delimiter, quotes gone wrong.

Memory stays flat whatever the size of the file, and every row knows the byte after it, so that
reading can go on from there later. A broken quote costs its own row, never the rest of the file.
"""

import io
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from campaigns.reason import Reason, ReasonError

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
    "cp1255": "Windows-1255 (Hebrew)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp1257": "Windows-1257 (Baltic)",
    "cp1258": "Windows-1258 (Vietnamese)",
    "koi8-r": "KOI8-R (Cyrillic)",
    "mac_roman": "Mac Roman (Excel for Mac)",
    "cp850": "CP850 (MS-DOS, Western European)",
    "cp437": "CP437 (MS-DOS)",
    "cp932": "Shift JIS (Japanese)",
    "cp949": "CP949 (Korean)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Traditional Chinese)",
}
"""Python's name of each encoding that can be chosen, and its name for people."""

DELIMITERS = {
    ",": "Comma  ,",
    ";": "Semicolon  ;",
    "\t": "Tab",
    "|": "Pipe  |",
    "~": "Tilde  ~",
    "^": "Caret  ^",
    ":": "Colon  :",
}
_IN_TEXT = ":"
"""Delimiters that every row of another file may hold, in a time or a link: guessed last."""

BLOCK_BYTES = 256 * 1024
MAX_LINE_BYTES = 1024 * 1024
MAX_ROW_CHARS = 1_000_000
"""Length of the longest row, over all its lines: what a quote never closed can cost."""
MAX_CELLS = 200
MAX_BROKEN_LINES = 20
"""Lines searched for the end of a cell whose quotes are broken."""
SAMPLE_BYTES = 64 * 1024
SHOWN_CHARS = 500

NUL_PROBLEM = Reason("import_row.nul_bytes")
OPEN_PROBLEM = Reason("import_row.open_quote")
BROKEN_PROBLEM = Reason("import_row.broken_quote")
LONG_PROBLEM = Reason("import_row.too_long")


class NotCsvError(ReasonError):
    """The file cannot be read as CSV."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written: its encoding (a key of ENCODINGS) and delimiter."""

    encoding: str
    delimiter: str


class Row(NamedTuple):
    """One row. `number` counts as a spreadsheet does: from 1, headers and blank rows included.

    `problem` is why it could not be split into cells; `raw` is its text as written.
    """

    number: int
    cells: list[str]
    raw: str
    problem: Reason | None = None


class _Line(NamedTuple):
    text: str
    size: int
    problem: Reason | None


# --- what kind of file this is --------------------------------------------------------------

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


_SCRIPTS = {
    "cp1251": re.compile("(?<![А-яЁё])[А-ЯЁ]{2,}(?![А-яЁё])|(?<![а-яё])[А-ЯЁ]|[а-яё]"),
    "koi8-r": re.compile("(?<![а-яё])[А-ЯЁ]|[а-яё]"),
    "cp1253": re.compile("(?<![α-ώ])[Α-ΫΆΈ-Ώ]|[ά-ία-ώ]"),
    "cp932": re.compile("[ぁ-ヿ々一-鿿]"),
    "euc_kr": re.compile("[가-힣]"),
}
"""Letters that text of this encoding consists of; capitals stand at the beginning of a word."""
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")


def _eight_bit(head: bytes) -> str:
    """The most likely of the encodings older than Unicode."""
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
    """How much of what is not ASCII are letters as they stand in text of this encoding."""
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
    length = 0
    while mark and head.startswith(mark, length):  # some programs put one before another
        length += len(mark)
    return length


_SEPARATOR_LINE = re.compile(r'"?sep=([,;|\t~^:])"?[,;|\t~^:]*', re.IGNORECASE)
_GUESS_ROWS = 100


def guess_delimiter(text: str) -> str:
    """The delimiter that splits most rows of this sample into the same number of cells."""
    rows = {delimiter: _sample_rows(text, delimiter) for delimiter in DELIMITERS}
    found = _SEPARATOR_LINE.match(text)
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
    """The cells of the first rows; none for a row that cannot be split like this."""
    file = io.BytesIO(text.encode("utf-8", "replace"))
    reader = Reader(file, Dialect("utf-8", delimiter))
    return [row.cells for row in itertools.islice(reader, _GUESS_ROWS)]


_NO_SCORE = (0.0, 0.0, 0)


def _score(rows: Sequence[Sequence[str]]) -> tuple[float, float, int]:
    """The share of rows of the usual width, the share with an address in a cell, the width."""
    widths = [len(cells) for cells in rows]
    usual = max(set(widths), key=widths.count, default=0)
    if usual < 2:
        return _NO_SCORE
    with_address = sum(
        any("@" in cell and LOOKS_LIKE_ADDRESS.fullmatch(cell) for cell in cells) for cells in rows
    )
    share = round(widths.count(usual) / len(rows), 1)
    return share, round(with_address / len(rows), 1), usual


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
        # Programs of DOS end a file with Ctrl-Z, some fill a block with it.
        yield carry.rstrip(b"\x1a"), measure(carry)


def _lines(file: BinaryIO, encoding: str, start: int) -> Iterator[_Line]:
    """The lines of a file from byte `start` on; `size` is in bytes of the file."""
    mark = 0
    if start == 0:
        mark = _mark_length(file.read(16), encoding)
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
                "import_row.wrong_encoding", {"encoding": ENCODINGS[encoding].partition(" ")[0]}
            )
        if "\0" in text:
            problem = problem or NUL_PROBLEM
        yield _Line(text, size + mark, problem)
        mark = 0


# --- rows -----------------------------------------------------------------------------------

LOOKS_LIKE_ADDRESS = re.compile(r'\s*"?[^\s@",;|]+@[^\s@".]+\.[^\s@",;|]+"?\s*')


class _Patterns(NamedTuple):
    quoted: re.Pattern[str]
    """A quoted cell: its text, and its closing quote or nothing where the line ends first."""
    inside: re.Pattern[str]
    """The rest of a quoted cell that was opened on an earlier line."""
    after: re.Pattern[str]
    """What must follow a closing quote."""
    plain: re.Pattern[str]
    closing: re.Pattern[str]
    """A line whose first cell has only a closing quote."""


@lru_cache(maxsize=32)
def _patterns(delimiter: str, has_escapes: bool = False) -> _Patterns:
    mark = re.escape(delimiter)
    text = r'([^"]*+(?:""[^"]*+)*+)("?)'
    if has_escapes:
        text = r'([^"\\]*+(?:(?:""|\\(?:.|\Z))[^"\\]*+)*+)("?)'
    return _Patterns(
        quoted=re.compile(rf'[ ]*+"{text}'),
        inside=re.compile(text),
        after=re.compile(rf"[ ]*+({mark}|\Z)"),
        plain=re.compile(rf"([^{mark}]*+)({mark}|\Z)"),
        closing=re.compile(rf'[^"{mark}]+"[ ]*+({mark}|\Z)'),
    )


_ESCAPES = re.compile(r'\\(["\\])|"(")')


class _BrokenQuoteError(ValueError):
    pass


class _Record:
    """The cells of a row that holds quotation marks, line by line and in one pass.

    Strict, so that what is broken shows. With `has_escapes` a quotation mark inside a cell may
    stand behind a backslash, too.
    """

    __slots__ = ("_has_escapes", "_open", "_patterns", "cells")

    def __init__(self, delimiter: str, *, has_escapes: bool = False) -> None:
        self.cells: list[str] = []
        self._open: list[str] = []
        self._patterns = _patterns(delimiter, has_escapes)
        self._has_escapes = has_escapes

    def take(self, line: str) -> bool:
        """Take the next line, with its end; whether the row is complete now."""
        body = line.rstrip("\r\n")
        end = line[len(body) :]
        quoted, inside, after, plain, _ = self._patterns
        cells, opened = self.cells, self._open
        at = 0
        while True:
            found = (inside if opened else quoted).match(body, at)
            if found:
                text, quote = found.groups()
                if not quote:
                    opened += (text, end)
                    return False
                if opened:
                    text = "".join((*opened, text))
                    opened.clear()
                cells.append(self._unescaped(text))
                found = after.match(body, found.end())
                if not found:
                    raise _BrokenQuoteError
                delimiter = found[1]
            else:
                found = plain.match(body, at)
                if not found:
                    raise _BrokenQuoteError
                text, delimiter = found.groups()
                cells.append(text)
            if not delimiter:
                return True
            at = found.end()

    def _unescaped(self, text: str) -> str:
        if self._has_escapes and "\\" in text:
            return _ESCAPES.sub(lambda found: found[1] or found[2], text)
        return text.replace('""', '"')


class Reader:
    """Iterates over the rows of a file, from `start` on; blank rows are passed over.

    After each row `position` is the byte that follows it and `row_number` its number, and
    reading from there with the same `columns` gives the same rows. `columns` is the usual
    number of cells, 0 where it is not known yet. A quoted cell that closes as it should in a
    row of that many cells is believed, whatever its lines look like; a row with another number
    of cells only while none of its lines could be a row itself.
    """

    def __init__(
        self,
        file: BinaryIO,
        dialect: Dialect,
        *,
        start: int = 0,
        row_number: int = 0,
        columns: int = 0,
    ) -> None:
        self.position = start
        self.row_number = row_number
        self._delimiter = dialect.delimiter
        self._lines = _lines(file, dialect.encoding, start)
        self._ahead: deque[_Line] = deque()
        self._columns = columns

    def __iter__(self) -> "Reader":
        return self

    def __next__(self) -> Row:
        while True:
            line = self._ahead.popleft() if self._ahead else next(self._lines)
            self.position += line.size
            self.row_number += 1
            if self.row_number == 1 and _SEPARATOR_LINE.fullmatch(line.text.rstrip("\r\n")):
                continue  # Excel's own hint at the delimiter
            row = self._quoted_row(line) if '"' in line.text else self._plain_row(line)
            if row is not None:
                return row

    def _plain_row(self, line: _Line) -> Row | None:
        text = line.text.rstrip("\r\n")
        if line.problem:
            return self._bad(text, line.problem)
        return self._row(text.split(self._delimiter), text)

    def _quoted_row(self, line: _Line) -> Row | None:
        """A row with quotation marks; its cells may run over the lines that follow."""
        record = _Record(self._delimiter)
        more: list[_Line] = []
        length = len(line.text)
        could_be_rows = False
        try:
            is_whole = record.take(line.text)
            while not is_whole:
                following = self._peek(len(more))
                if following is None or following.problem == LONG_PROBLEM:
                    return self._escaped(line) or self._broken(line, OPEN_PROBLEM)
                length += len(following.text)
                if length > MAX_ROW_CHARS or len(record.cells) > (self._columns or MAX_CELLS) + 50:
                    return self._escaped(line) or self._broken(line, OPEN_PROBLEM)
                could_be_rows = could_be_rows or self._looks_like_row(following.text)
                more.append(following)
                is_whole = record.take(following.text)
        except _BrokenQuoteError:
            problem = OPEN_PROBLEM if more else BROKEN_PROBLEM
            return self._escaped(line) or self._broken(line, problem)
        if self._columns and len(record.cells) != self._columns:
            escaped = self._escaped(line)
            if escaped is not None:
                return escaped
            if could_be_rows:
                return self._broken(line, OPEN_PROBLEM)
        return self._whole_row(line, more, self._unwrapped(record.cells))

    def _escaped(self, line: _Line) -> Row | None:
        """The row read with backslashes before its quotation marks; None where that is no use.

        Tried only where the usual reading fails or has another number of cells than the file.
        """
        record = _Record(self._delimiter, has_escapes=True)
        more: list[_Line] = []
        has_escape = '\\"' in line.text
        try:
            is_whole = record.take(line.text)
            while not is_whole:
                following = self._peek(len(more))
                if following is None or following.problem or len(more) == MAX_BROKEN_LINES:
                    return None
                has_escape = has_escape or '\\"' in following.text
                more.append(following)
                is_whole = record.take(following.text)
        except _BrokenQuoteError:
            return None
        if not has_escape or len(record.cells) != (self._columns or len(record.cells)):
            return None
        return self._whole_row(line, more, record.cells)

    def _whole_row(self, line: _Line, more: Sequence[_Line], cells: list[str]) -> Row | None:
        text, problem = line.text, line.problem
        if more:
            self._pass_over(len(more))
            text += "".join(one.text for one in more)
            problem = problem or next((one.problem for one in more if one.problem), None)
        text = text.rstrip("\r\n")
        if problem:
            return self._bad(text, problem)
        return self._row(cells, text)

    def _row(self, cells: list[str], text: str) -> Row | None:
        if not cells[0].strip() and not any(map(str.strip, cells)):
            return None
        return Row(self.row_number, cells, text)

    def _unwrapped(self, cells: list[str]) -> list[str]:
        """The cells of a row that stands as a whole in one quoted cell."""
        if len(cells) != 1 or self._columns < 2 or "\n" in cells[0]:
            return cells
        inner = unwrap(cells[0], self._delimiter)
        return inner if len(inner) == self._columns else cells

    def _broken(self, line: _Line, problem: Reason) -> Row:
        """A row with a broken quote. It costs this line and what is surely left of its cell."""
        rest = self._rest_of_broken() if line.text.count('"') % 2 else 0
        text = line.text + "".join(self._ahead[index].text for index in range(rest))
        self._pass_over(rest)
        return self._bad(text.rstrip("\r\n"), line.problem or problem)

    def _rest_of_broken(self) -> int:
        """How many of the next lines belong to an open cell: up to the one that closes it."""
        closing = _patterns(self._delimiter).closing
        for index in range(MAX_BROKEN_LINES):
            following = self._peek(index)
            if following is None:
                return 0
            if closing.match(following.text.rstrip("\r\n")):
                return index + 1
            if '"' in following.text or self._looks_like_row(following.text):
                return 0
        return 0

    def _peek(self, index: int) -> _Line | None:
        while len(self._ahead) <= index:
            line = next(self._lines, None)
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[index]

    def _pass_over(self, count: int) -> None:
        for _ in range(count):
            self.position += self._ahead.popleft().size

    def _looks_like_row(self, text: str) -> bool:
        """Whether a line would do as a row: then the quote before it may be a forgotten one."""
        if "@" not in text:
            return False
        cells = text.split(self._delimiter)
        if self._columns and len(cells) != self._columns:
            return False
        return any(LOOKS_LIKE_ADDRESS.fullmatch(cell) for cell in cells)

    def _bad(self, text: str, problem: Reason) -> Row:
        return Row(self.row_number, [], text[:SHOWN_CHARS], problem)


def unwrap(cell: str, delimiter: str) -> list[str]:
    """The cells of a row that was put into one cell; the cell itself where it is none."""
    record = _Record(delimiter)
    try:
        return record.cells if record.take(cell) else [cell]
    except _BrokenQuoteError:
        return [cell]
