"""Regular expressions written by users.

They run on RE2, whose time grows linearly with the text, so no expression can stall a worker.
Features that RE2 lacks (look-around, back-references) are refused.
"""

from functools import lru_cache

import re2

from campaigns.reason import Reason, ReasonError

LONGEST = 300
"""Length of an expression, in characters."""
MAX_MEMORY = 1 << 20
"""Memory for a compiled expression and for its search, in bytes each."""
LONGEST_TEXT = 1000
"""Number of characters of a text that are searched."""

_UNSUPPORTED = {
    "expression.look_around": ("(?=", "(?!", "(?<=", "(?<!"),
    "expression.back_reference": ("(?P=", *(f"\\{digit}" for digit in "123456789")),
    "expression.condition": ("(?(",),
    "expression.possessive": ("(?>", "++", "*+", "?+", "}+"),
    "expression.end_of_text": ("\\Z",),
    "expression.character_name": ("\\u", "\\U", "\\N"),
    "expression.flags": ("(?#", "(?x", "(?a", "(?u", "(?L"),
}
"""Features that RE2 lacks: code of the error, and how the rejected part begins."""


class ExpressionError(ReasonError):
    """The expression cannot be used."""


def find(pattern: str, text: str) -> bool:
    """Return whether `pattern` occurs in the first LONGEST_TEXT characters, ignoring case.

    Raises ExpressionError.
    """
    # Bytes: a reply may contain invalid characters, and offsets are not needed.
    return compiled(pattern).search(text[:LONGEST_TEXT].encode(errors="replace")) is not None


def why_refused(pattern: str) -> Reason | None:
    """Return why this expression cannot be used; None if it can."""
    try:
        compiled(pattern)
    except ExpressionError as error:
        return error.reason
    return None


@lru_cache(maxsize=512)
def compiled(pattern: str) -> "re2._Regexp":
    """Compile the expression. Raises ExpressionError."""
    if len(pattern) > LONGEST:
        raise ExpressionError("expression.too_long", most=LONGEST)
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return re2.compile(pattern, options)
    except UnicodeError:
        raise ExpressionError("expression.no_character") from None
    except re2.error as error:
        raise _refused(pattern, error) from None


def _refused(pattern: str, error: "re2.error") -> ExpressionError:
    told = error.args[0] if error.args else b""
    words = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
    what, _, where = words.partition(": ")
    if "too large" in what or "repetition size" in what:
        return ExpressionError("expression.too_large", error=words)
    if where == "(?P" and "(?P=" in pattern:
        where = "(?P="
    for code, marks in _UNSUPPORTED.items():
        if where.startswith(marks):
            return ExpressionError(code)
    return ExpressionError("expression.unusable", error=words)
