"""The encoding and delimiter of a file."""

from dataclasses import dataclass

ENCODINGS = {
    "utf-8": "UTF-8",
    "cp1252": "Windows-1252",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16BE",
    "cp1250": "Windows-1250",
    "cp1251": "Windows-1251",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "iso8859-15": "ISO-8859-15",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
    "cp1257": "Windows-1257",
    "cp1258": "Windows-1258",
    "koi8-r": "KOI8-R",
    "mac_roman": "Mac-Roman",
    "cp850": "CP850",
    "cp437": "CP437",
    "cp932": "Shift_JIS",
    "cp949": "CP949",
    "gb18030": "GB18030",
    "big5": "Big5",
}
"""Python's name of each encoding that can be chosen, and the name that people know it by."""

DELIMITERS = (",", ";", "\t", "|", "~", "^", ":")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The encoding (a key of ENCODINGS) and delimiter of a file."""

    encoding: str
    delimiter: str


def mark_length(head: bytes, encoding: str) -> int:
    """Return the length of the byte order mark at the beginning of a file."""
    marks = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
    mark = marks.get(encoding)
    length = 0
    while mark and head.startswith(mark, length):  # some programs write two
        length += len(mark)
    return length
