"""A document of blocks as code, for authors who continue without blocks. There is no way back."""

import re

from campaigns.content.sources.blocks import marks
from campaigns.content.sources.blocks.build import Build
from campaigns.content.sources.blocks.compile import compile_document, to_mjml
from campaigns.content.sources.blocks.document import Document
from campaigns.content.sources.source import SourceContext

_BEFORE = re.compile(
    r"(?<=>)(?=<(?:/?(?:table|tr|td|div|head|body|html|style)\b|p\b|h[1-3]\b|ul\b|ol\b|li\b|meta\b"
    r"|title\b|blockquote\b|!--\[if))"
)
"""Positions at which a line break has no visible effect."""
_BEFORE_MJML = re.compile(r"(?<=>)(?=</?mj)|(?<=>)(?=<(?:p|h[1-3]|ul|ol|li|table|tr|td)\b)")
_EMPTY = re.compile(r"\n\s*\n+")
_MARK = "<mj-raw>\n</mj-raw>"


def to_html(document: Document, context: SourceContext) -> str:
    """Return HTML with merge tags that looks the same, one element per line."""
    page = compile_document(document, context)
    return _EMPTY.sub("\n", _BEFORE.sub("\n", page.html)).strip() + "\n"


def to_mjml_source(document: Document, context: SourceContext) -> str:
    """Return MJML with merge tags that looks the same, one element per line."""
    build = Build(context)
    source = marks.replaced(to_mjml(document, build), build).html.replace(_MARK, "\n")
    return _EMPTY.sub("\n", _BEFORE_MJML.sub("\n", source)).strip() + "\n"
