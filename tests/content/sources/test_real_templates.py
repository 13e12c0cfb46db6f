"""Designs in use are compiled with and without inlining, and keep everything but styles."""

import os
import re
import time
from pathlib import Path

import pytest

from campaigns.content.html.tokens import guard, normalise
from campaigns.content.sources.compile import compile_source
from campaigns.content.sources.source import ContentSource, SourceContext

_STYLE = re.compile(r"""\s*style=("[^"]*"|'[^']*')""")


@pytest.mark.corpus
@pytest.mark.skipif("CORPUS_DIR" not in os.environ, reason="CORPUS_DIR is not set")
def test_real_templates_are_compiled() -> None:
    paths = sorted(Path(os.environ["CORPUS_DIR"], "html-templates").glob("*/*.html.txt"))
    assert paths
    for path in paths:
        written = path.read_text("utf-8")
        assert compile_source(ContentSource("html", written), SourceContext()).html == normalise(
            written
        )
        begun = time.process_time()
        page = compile_source(ContentSource("html", written, inline_css=True), SourceContext())
        assert time.process_time() - begun < 0.5, path
        assert page.problems == (), path
        tokens = [token.source for token in guard(normalise(written)).tokens]
        assert [token.source for token in guard(page.html).tokens] == tokens, path
        assert _STYLE.sub("", page.html) == _STYLE.sub("", normalise(written)), path
