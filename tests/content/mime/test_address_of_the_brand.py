"""A brand's own postal address is shown instead of that of the workspace."""

from dataclasses import replace

import pytest

from campaigns.content.brand_style import BrandStyle
from campaigns.content.sources.source import SourceContext
from tests.content.samples import a_content, a_recipient, compiled


@pytest.mark.parametrize("html", ["<p>Hello</p>", "<p>{{ sender.postal_address }}</p>"])
def test_the_address_of_the_brand_comes_first(html: str) -> None:
    context = SourceContext(brand=BrandStyle(postal_address="2 Brand Square\nExample City"))
    shown = compiled(html, context=context).preview(a_recipient())
    assert "2 Brand Square" in shown.html
    assert "2 Brand Square\nExample City" in shown.text
    assert "1 Example Road" not in shown.html + shown.text


def test_without_one_it_is_that_of_the_workspace() -> None:
    context = SourceContext(brand=BrandStyle(postal_address=" "))
    assert replace(a_content(), context=context).shown_address.startswith("1 Example Road")
