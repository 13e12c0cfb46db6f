"""Clean what people type into settings: it ends up in headers and on pages."""


class InvalidInputError(ValueError):
    """Something typed cannot be saved. `problems` maps each field to a sentence about it."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


def one_line(text: str) -> str:
    """Return one line without control characters, as names end up in email headers."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def several_lines(text: str) -> str:
    """Lines without control characters, empty ones at either end left out."""
    return "\n".join(one_line(line) for line in text.splitlines()).strip("\n")
