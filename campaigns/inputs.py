"""Clean what people type into settings: it ends up in headers and on pages."""

from collections.abc import Mapping

from campaigns.reason import Reason


class InvalidInputError(ValueError):
    """Something typed cannot be saved. `problems` maps each field to its packed reason."""

    def __init__(self, problems: Mapping[str, Reason | str]) -> None:
        self.problems = {
            name: problem.pack() if isinstance(problem, Reason) else problem
            for name, problem in problems.items()
        }
        super().__init__(" ".join(self.problems.values()))


def one_line(text: str) -> str:
    """Return one line without control characters, as names end up in email headers."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def several_lines(text: str) -> str:
    """Lines without control characters, empty ones at either end left out."""
    return "\n".join(one_line(line) for line in text.splitlines()).strip("\n")
