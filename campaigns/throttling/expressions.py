"""Regular expressions that people write.

They run on RE2, whose time grows with the length of the text and nothing else: no expression
that somebody types can hold up a worker. What cannot be searched for in that way (look-around,
back-references) is refused.
"""

from functools import lru_cache

import re2

LONGEST = 300
"""Length of an expression, in characters."""
MOST_MEMORY = 1 << 20
"""Memory for a compiled expression and for its search, in bytes each."""
LONGEST_TEXT = 1000
"""Part of a text that is searched, in characters."""

_INSTEAD = "Write down the words themselves, separated by |, or use several rules."
_UNSUPPORTED = {
    f"Look-ahead and look-behind are not supported. {_INSTEAD}": ("(?=", "(?!", "(?<=", "(?<!"),
    f"References to an earlier group are not supported. {_INSTEAD}": (
        "(?P=",
        *(f"\\{digit}" for digit in "123456789"),
    ),
    f"Conditions on a group are not supported. {_INSTEAD}": ("(?(",),
    (
        "Atomic groups and possessive repeats are not supported. Remove the ?> or the extra +; the"
        " search is fast without them."
    ): ("(?>", "++", "*+", "?+", "}+"),
    "\\Z is not supported. Use $ for the end of the reply.": ("\\Z",),
    (
        "\\u, \\U and \\N are not supported. Type the character itself, or write it as \\x{20ac}."
    ): ("\\u", "\\U", "\\N"),
    "Comments and the flags a, L, u and x are not supported. Leave them out.": (
        "(?#", "(?x", "(?a", "(?u", "(?L",
    ),
}  # fmt: skip
"""What RE2 leaves out: the sentence, and how what it complains about begins."""


class RefusedError(ValueError):
    """This cannot be searched for. The message says why and what to do."""


def find(pattern: str, text: str) -> bool:
    """Whether `pattern` occurs in the first LONGEST_TEXT characters; case does not matter.

    Raises RefusedError.
    """
    # Bytes: a reply may hold what is no character, and offsets are not wanted.
    return compiled(pattern).search(text[:LONGEST_TEXT].encode(errors="replace")) is not None


def why_refused(pattern: str) -> str:
    """Why this cannot be searched for and what to do, in sentences; empty when it can."""
    try:
        compiled(pattern)
    except RefusedError as error:
        return str(error)
    return ""


@lru_cache(maxsize=512)
def compiled(pattern: str) -> "re2._Regexp":
    """The compiled expression. Raises RefusedError."""
    if len(pattern) > LONGEST:
        raise RefusedError(f"The expression is longer than {LONGEST} characters. Shorten it.")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MOST_MEMORY
    try:
        return re2.compile(pattern, options)
    except UnicodeError:
        raise RefusedError("The expression holds something that is no character.") from None
    except re2.error as error:
        raise RefusedError(_reason(pattern, error)) from None


def _reason(pattern: str, error: "re2.error") -> str:
    told = error.args[0] if error.args else b""
    words = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
    what, _, where = words.partition(": ")
    if "too large" in what or "repetition size" in what:
        return f"The expression takes too much memory ({words}). Use smaller repeat counts."
    if where == "(?P" and "(?P=" in pattern:
        where = "(?P="
    for sentence, marks in _UNSUPPORTED.items():
        if where.startswith(marks):
            return sentence
    return f"This is not a regular expression that can be used ({words}). Correct it."
