"""Conditions and loops on lines of their own in Markdown: around paragraphs, list items and rows.

Before Markdown is parsed, such a line becomes a comment, which is a block of its own. Afterwards,
lists that it divided become one again. Between the rows of a table a comment would end the table,
so these lines are taken out, and put back before the row that follows.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token

_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_LISTS = frozenset({"bullet_list_open", "ordered_list_open"})
Block = list[Token]
"""A block: one token, or those from its beginning to its end."""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A line with nothing but conditions and loops. `words`: their keywords, in order."""

    comment: str
    words: tuple[str, ...]

    @property
    def opens(self) -> int:
        """Number of statements that it opens, less those that it ends."""
        ends = sum(word in {"endif", "endfor"} for word in self.words)
        return sum(word in {"if", "for"} for word in self.words) - ends


@dataclass(slots=True)
class Prepared:
    """Markdown to parse. `origins`: the number of each line before; `rows`: what is before rows."""

    lines: list[str] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    rows: dict[int, str] = field(default_factory=dict)


def prepare(lines: Sequence[str], read: Callable[[str], StatementLine | None]) -> Prepared:
    """Return the Markdown with comments in place of the lines that `read` recognizes."""
    prepared, in_code, is_row, opened = Prepared(), False, False, 0
    for number, line in enumerate(lines):
        in_code ^= bool(_FENCE.match(line))
        found = None if in_code else read(line)
        if found is None:
            is_row = line.lstrip().startswith("|")
            opened = opened if is_row else 0
        elif is_row and (opened > 0 or _row_follows(lines, number, read)):
            at = len(prepared.lines)
            prepared.rows[at] = prepared.rows.get(at, "") + found.comment
            opened += found.opens
            continue
        indent = line[: len(line) - len(line.lstrip())]
        prepared.lines.append(line if found is None else indent + found.comment)
        prepared.origins.append(number)
    return prepared


def _row_follows(
    lines: Sequence[str], number: int, read: Callable[[str], StatementLine | None]
) -> bool:
    following = (line for line in lines[number + 1 :] if read(line) is None)
    return next(following, "").lstrip().startswith("|")


def arrange(
    tokens: Sequence[Token], rows: dict[int, str], words_of: Callable[[str], tuple[str, ...]]
) -> list[Token]:
    """Return the tokens with divided lists as one, and with what was taken out of tables.

    `words_of` returns the keywords in a comment of `prepare`, and nothing for other HTML.
    """
    blocks = [_arranged(block, rows, words_of) for block in _blocks(tokens)]
    return [token for block in _joined(blocks, words_of) for token in block]


def _blocks(tokens: Iterable[Token]) -> Iterator[Block]:
    block, depth = Block(), 0
    for token in tokens:
        block.append(token)
        depth += token.nesting
        if depth == 0:
            yield block
            block = []


def _arranged(
    block: Block, rows: dict[int, str], words_of: Callable[[str], tuple[str, ...]]
) -> Block:
    if len(block) == 1:
        return block
    first, *inner, last = block
    inside = arrange(inner, rows, words_of)
    if first.type == "tbody_open":
        inside = list(_with_statements(inside, rows))
    return [first, *inside, last]


def _with_statements(tokens: Iterable[Token], rows: dict[int, str]) -> Iterator[Token]:
    end = -1
    for token in tokens:
        if token.type == "tr_open" and token.map:
            if token.map[0] in rows:
                yield _comment(rows[token.map[0]])
            end = token.map[1]
        yield token
        if token.type == "tr_close" and end in rows and end not in _starts(tokens):
            yield _comment(rows[end])


def _starts(tokens: Iterable[Token]) -> set[int]:
    return {token.map[0] for token in tokens if token.type == "tr_open" and token.map}


def _comment(text: str) -> Token:
    return Token("html_block", "", 0, content=text, block=True)


# --- lists -----------------------------------------------------------------------------------


def _joined(blocks: Sequence[Block], words_of: Callable[[str], tuple[str, ...]]) -> Iterator[Block]:
    """Yield the blocks with each list that statements divided as one."""
    position = 0
    while position < len(blocks):
        run = list(_run(blocks[position:], words_of))
        while run and not _is_one_list(run, words_of):
            run.pop()
        if run:
            yield _one_list(run)
            position += len(run)
        else:
            yield blocks[position]
            position += 1


def _run(blocks: Iterable[Block], words_of: Callable[[str], tuple[str, ...]]) -> Iterator[Block]:
    """Yield the blocks from the beginning that may belong to one list."""
    kind = None
    for block in blocks:
        if block[0].type in _LISTS:
            own = (block[0].type, block[0].markup)
            kind = kind or own
            if kind != own:
                return
        elif not _words(block, words_of):
            return
        yield block


def _words(block: Block, words_of: Callable[[str], tuple[str, ...]]) -> tuple[str, ...]:
    return words_of(block[0].content) if block[0].type == "html_block" else ()


def _is_one_list(run: Sequence[Block], words_of: Callable[[str], tuple[str, ...]]) -> bool:
    """Return whether the run is a list that statements divide or repeat, all of them whole."""
    lists = sum(block[0].type in _LISTS for block in run)
    words = [word for block in run for word in _words(block, words_of)]
    if not lists or not words or (lists == 1 and words[0] != "for"):
        return False
    depth = 0
    for word in words:
        depth += word in {"if", "for"}
        if depth == 0:
            return False
        depth -= word in {"endif", "endfor"}
    return depth == 0


def _one_list(run: Sequence[Block]) -> Block:
    first = next(block for block in run if block[0].type in _LISTS)
    inside = [
        token for block in run for token in (block[1:-1] if block[0].type in _LISTS else block)
    ]
    return [first[0], *inside, first[-1]]
