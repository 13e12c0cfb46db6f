"""Tables in Markdown: as large as an email can show, and larger ones are refused at once."""

import time

from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import CompiledPage, ContentSource, SourceContext


def page(text: str) -> CompiledPage:
    return compile_source(ContentSource("markdown", text), SourceContext())


def table(columns: int, rows: int, cell: str = "a") -> str:
    def row(text: str) -> str:
        return "|" + f" {text} |" * columns + "\n"

    return row(cell) + row(":-") + row(cell) * rows


def codes(text: str) -> list[tuple[str, int]]:
    return [(one.reason.code, one.line) for one in page(text).problems]


def test_a_table_of_ten_columns_and_a_hundred_rows_is_shown() -> None:
    found = page(table(10, 100, "wxyz"))
    assert not found.problems
    assert found.html.count("wxyz") == 1_010


def test_a_table_of_thousands_of_columns_is_refused_before_it_is_converted() -> None:
    started = time.process_time()
    assert codes("Hello\n\n" + table(3_000, 1)) == [("template.too_many_columns", 4)]
    assert codes("a|" * 51 + "\n" + "-|" * 51) == [("template.too_many_columns", 2)]
    assert time.process_time() - started < 0.5


def test_short_rows_count_with_the_cells_that_are_filled_up() -> None:
    """Four kilobytes became two megabytes of HTML, in nine seconds."""
    started = time.process_time()
    short = table(50, 0) + "|a|\n" * 1_000
    assert codes(short) == [("template.too_many_cells", 62)]
    assert codes("> " + table(50, 0).replace("\n", "\n> ") + "a\n> " * 1_000) == [
        ("template.too_many_cells", 62)
    ]
    assert time.process_time() - started < 0.5


def test_lines_with_dashes_are_no_tables() -> None:
    text = "One\n---\n\n" + "- item | more\n" * 1_000 + "\n" + "-" * 3_000 + "\n"
    assert codes(text) == []
