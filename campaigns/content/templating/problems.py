"""Problems of a template, as reasons with a position."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from campaigns import formatting
from campaigns.reason import Parameter, Reason

Field = Literal["subject", "preheader", "html"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to fix. `line` counts from 1 in the field's text; 0 without a position.

    `blocks`: it prevents sending; otherwise it is a warning. `block`: id of the block at fault, in
    a document of blocks. `language`: of the variant it was found in; "" for the content itself.
    """

    field: Field
    line: int
    reason: Reason
    blocks: bool = True
    block: str = ""
    language: str = ""

    @property
    def located(self) -> Reason:
        """The reason with its language, and its line if the field has several lines."""
        reason = self.reason
        if self.field == "html" and self.line:
            reason = Reason("template.in_line", {"line": self.line, "problem": reason})
        if not self.language:
            return reason
        name = formatting.language(self.language, self.language)
        return Reason("template.in_language", {"name": name, "problem": reason})


class TemplateProblemError(ValueError):
    """The content cannot be used. `problems` holds at least one Problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(", ".join(problem.reason.code for problem in self.problems))


class RenderError(ValueError):
    """The content cannot be rendered for this person."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason.code)
        self.problem = problem


def found(
    field: Field, line: int | None, code: str, *, blocks: bool = True, **params: Parameter
) -> Problem:
    """Return a Problem with this code. Some parsed nodes have no line: None."""
    return Problem(field, line or 0, Reason(code, params), blocks)
