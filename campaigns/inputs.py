"""Clean what people type into forms: it ends up in headers and on pages."""

from collections.abc import Mapping

from campaigns.reason import Reason


class InvalidInputError(ValueError):
    """Something typed cannot be saved. `problems` maps each field to what is wrong with it."""

    def __init__(self, problems: Mapping[str, Reason | str]) -> None:
        packed = (one if isinstance(one, str) else one.pack() for one in problems.values())
        super().__init__(" ".join(packed))
        self.problems = problems


def one_line(text: str) -> str:
    """Return one line without control characters, as names end up in email headers."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def several_lines(text: str) -> str:
    """Return the lines without control characters, and without empty ones at either end."""
    return "\n".join(one_line(line) for line in text.splitlines()).strip("\n")
