"""Messages in tables, which are translated later."""

from dataclasses import dataclass


def N_(message: str) -> str:  # noqa: N802 (the name by which gettext knows it)
    """Mark a message in a table for extraction; it is translated later."""
    return message


@dataclass(frozen=True, slots=True)
class Plural:
    """A message with singular and plural forms, chosen by the parameter `by`."""

    one: str
    many: str
    by: str = "count"


Message = str | Plural
