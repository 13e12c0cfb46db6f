"""Replace the marks in compiled HTML: the author's code, and the beginnings of blocks.

Marks have the form of comments of the template language, which are dropped from what authors write.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MARK = re.compile(r"\{#(?:code-(\d+)|block-([a-z0-9]*))#\}")


@dataclass(frozen=True, slots=True)
class Marked:
    """HTML without marks. `blocks`: for each line, the id of its block."""

    html: str
    blocks: tuple[str, ...]


def replaced(html: str, codes: Sequence[str]) -> Marked:
    """Return the HTML with code in place of its marks; each block begins a line."""
    pieces, blocks, block, position = list[str](), [""], "", 0
    for mark in _MARK.finditer(html):
        before = html[position : mark.start()]
        if mark[1]:
            before += codes[int(mark[1])]
        blocks += [block] * before.count("\n")
        pieces.append(before)
        if not mark[1]:
            block = mark[2]
            pieces.append("\n")
            blocks.append(block)
        position = mark.end()
    rest = html[position:]
    pieces.append(rest)
    blocks += [block] * rest.count("\n")
    return Marked("".join(pieces), tuple(blocks))
