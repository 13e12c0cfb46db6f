"""What is wrong with a template, in sentences that say what to do instead."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Field = Literal["subject", "preheader", "html"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend. `line` counts from 1 in the field's text; 0 when it has no place.

    `blocks`: the campaign cannot be sent like this; otherwise it is a warning.
    """

    field: Field
    line: int
    message: str
    blocks: bool = True

    def __str__(self) -> str:
        return self.message


class TemplateProblemError(ValueError):
    """The content cannot be used. `problems` holds at least one Problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(problem.message for problem in self.problems))


def sentence(field: Field, line: int | None, text: str, *, blocks: bool = True) -> Problem:
    """A Problem whose message names the line, where the field has more than one."""
    line = line or 0  # some parsed nodes bear no line
    prefix = f"Line {line}: " if field == "html" and line else ""
    return Problem(field, line, prefix + text, blocks)
