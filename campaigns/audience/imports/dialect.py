"""How a file is written: its encoding and its delimiter."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written: its encoding (a key of ENCODINGS) and delimiter."""

    encoding: str
    delimiter: str


def mark_length(head: bytes, encoding: str) -> int:
    """Return the length of the byte order mark at the beginning of a file."""
    marks = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
    mark = marks.get(encoding)
    length = 0
    while mark and head.startswith(mark, length):  # some programs put one before another
        length += len(mark)
    return length
