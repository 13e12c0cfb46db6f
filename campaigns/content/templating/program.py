"""Compiled templates, rendered once per recipient, within the limits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType, TracebackType
from typing import Any, Generic

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer

from campaigns import formatting
from campaigns.content.templating import limits
from campaigns.content.templating.checker import member, syntax_problem
from campaigns.content.templating.environment import PLAIN, Form, Output
from campaigns.content.templating.limits import LimitError
from campaigns.content.templating.problems import Field, Problem, RenderError, found
from campaigns.reason import Reason

Track = Callable[[int, str], str]
"""Returns the tracked URL of a link by its number and target."""
Constants = Mapping[str, str]
"""Merge tags with the same value for everyone, such as `sender.name`."""

_BATCH_SIZE = 64
"""Number of pieces of output between two checks of their size."""
_MISFITS = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
    MemoryError,
)


class _Bounder(NodeTransformer):
    """Replaces Jinja's functions by limited ones, and merge tags by `constants`.

    Templates cannot set the name of a constant: `checker.check` refuses it.
    """

    def __init__(self, constants: Constants) -> None:
        self.constants = constants

    def visit_Name(self, node: nodes.Name, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802
        return self._constant(node, node.name) if node.ctx == "load" else node

    def visit_Getattr(self, node: nodes.Getattr, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802
        return self._field(node)

    def visit_Getitem(self, node: nodes.Getitem, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802
        return self._field(node)

    def _field(self, node: nodes.Getattr | nodes.Getitem) -> nodes.Node:
        name = member(node)
        if name is not None and isinstance(node.node, nodes.Name):
            found = self._constant(node, f"{node.node.name}.{name}")
            if found is not node:
                return found
        self.generic_visit(node)
        return node

    def _constant(self, node: nodes.Expr, name: str) -> nodes.Expr:
        if name not in self.constants:
            return node
        return nodes.Const(self.constants[name], lineno=node.lineno, environment=node.environment)

    def visit_Concat(self, node: nodes.Concat, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _call_filter(node, "_concat", node.nodes[0], *node.nodes[1:])

    def visit_For(self, node: nodes.For, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.iter = _call_filter(node, "_loop", node.iter)
        return node

    def visit_Compare(self, node: nodes.Compare, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        operand = node.ops[0]
        operator = nodes.Const(operand.op, lineno=node.lineno)
        return _call_filter(node, "_compare", node.expr, operator, operand.expr)


def _call_filter(at: nodes.Node, name: str, value: Any, *args: Any) -> nodes.Filter:
    return nodes.Filter(
        value, name, list(args), [], None, None, lineno=at.lineno, environment=at.environment
    )


class Run(limits.bounded):
    """One rendering: values and limits, shared by all programs of a message.

    `track` returns tracked URLs of links; None: links are not tracked. `locale` is the language
    that dates and numbers are written in.
    """

    def __init__(
        self,
        values: dict[str, Any],
        track: Track | None = None,
        locale: str = formatting.DEFAULT_LOCALE,
    ) -> None:
        super().__init__(track=track, locale=locale)
        self.values = values
        self._names = Context(PLAIN, values, None, {})

    def names(self, program: "TemplateProgram[Any]") -> Context:
        """Return the context of a program. A program that sets names gets its own."""
        return Context(PLAIN, self.values, None, {}) if program.assigns else self._names


@dataclass(frozen=True, slots=True)
class TemplateProgram(Generic[Output]):
    """A compiled template. `constant` is its output if that is always the same.

    `lines`: for each line of the template, the line of the author's source, if they differ.
    """

    field: Field
    template: Template
    form: "Form[Output]"
    limit: int
    assigns: bool
    constant: Output | None = None
    lines: Sequence[int] = ()

    def run(self, run: Run) -> Output:
        """Render within the limits. Raises RenderError."""
        if self.constant is not None:
            return self.constant
        run.iterations = 0
        try:
            return self._output(run)
        except LimitError as error:
            raise self._failed(error, error.reason) from None
        except _MISFITS as error:
            raise self._failed(error, Reason("template.value_does_not_fit")) from error

    def _output(self, run: Run) -> Output:
        form = self.form
        most = self.limit * form.longest
        stream = self.template.root_render_func(run.names(self))
        pieces: list[Any] = []
        size = 0
        while batch := list(islice(stream, _BATCH_SIZE)):
            size += sum(map(len, batch))
            if size > most:
                raise self._too_long()
            pieces += batch
        output = form.join(pieces)
        # An encoded body is longer than its text, so only a long one must be measured.
        if size > self.limit and form.length_of(output) > self.limit:
            raise self._too_long()
        return output

    def _too_long(self) -> LimitError:
        return LimitError("template.result_too_long", kilobytes=self.limit // 1024)

    def _failed(self, error: BaseException, reason: Reason) -> RenderError:
        line = _line_of(self.template, error.__traceback__)
        return RenderError(_in_source(Problem(self.field, line, reason), self.lines))


def _in_source(problem: Problem, lines: Sequence[int]) -> Problem:
    if not 0 < problem.line <= len(lines):
        return problem
    return replace(problem, line=lines[problem.line - 1])


def _line_of(template: Template, traceback: TracebackType | None) -> int:
    """Return the template line that was running; 0 if unknown."""
    line = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return line


def compile_template(
    field: Field,
    source: str,
    form: Form[Output],
    limit: int,
    constants: Constants = MappingProxyType({}),
    lines: Sequence[int] = (),
) -> TemplateProgram[Output]:
    """Compile checked source (with our own additions). Raises RenderError."""
    environment = form.environment
    try:
        with limits.bounded():
            tree = environment.parse(source)
            _Bounder(constants).visit(tree)
            template = environment.from_string(tree)
    except TemplateSyntaxError as error:
        raise RenderError(_in_source(syntax_problem(field, error), lines)) from error
    except (SyntaxError, RecursionError, MemoryError, ValueError, OverflowError) as error:
        raise RenderError(found(field, 0, "template.too_complex")) from error
    assigns = tree.find(nodes.Assign) is not None
    constant = _constant_output(tree)
    output = None if constant is None else form.join([form.environment.literal(constant)])
    return TemplateProgram(field, template, form, limit, assigns, output, lines)


def _constant_output(tree: nodes.Template) -> str | None:
    """Return the output of a template that is only text; None for others."""
    data: list[str] = []
    for part in tree.body:
        if not isinstance(part, nodes.Output):
            return None
        for node in part.nodes:
            if not isinstance(node, nodes.TemplateData):
                return None
            data.append(node.data)
    return "".join(data)
