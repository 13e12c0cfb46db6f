"""A merge tag shows whenever it has a value: outside of conditions, or inside its own."""

import pytest

from campaigns.content.html import scanner, tokens
from campaigns.content.html.plain_text import to_text


def always(html: str) -> frozenset[str]:
    guarded = tokens.guard(html)
    parts, _ = scanner.read_whole(guarded.text)
    tags = [part for part in parts if isinstance(part, scanner.HtmlTag)]
    targets = {attribute.start: "x" for tag in tags for attribute in tag.attributes}
    return to_text(guarded, parts, targets).always


@pytest.mark.parametrize(
    "html",
    [
        '<a href="{{ view_url }}">View</a>',
        '{% if view_url %}<a href="{{ view_url }}">View</a>{% endif %}',
        '<p>{%- if view_url -%}<a href="{{ view_url }}">View</a>{% endif %}</p>',
        "{% if view_url %}{{ view_url }}{% else %}none{% endif %}",
    ],
)
def test_a_field_in_its_own_condition_always_shows(html: str) -> None:
    assert "view_url" in always(html)


@pytest.mark.parametrize(
    "html",
    [
        '{% if subscriber.name %}<a href="{{ view_url }}">View</a>{% endif %}',
        "{% if view_url %}{% if list.name %}{{ view_url }}{% endif %}{% endif %}",
        '{% if not view_url %}<a href="{{ view_url }}">View</a>{% endif %}',
        '{% if view_url %}{% else %}<a href="{{ view_url }}">View</a>{% endif %}',
        '{% for view_url in subscriber.links %}<a href="{{ view_url }}">View</a>{% endfor %}',
        '<a href="{{ view_url }}">{% if subscriber.name %}View{% endif %}</a>',
        '{% if view_url %}<a href="{{ view_url }}">{% if a %}View{% endif %}</a>{% endif %}',
    ],
)
def test_a_field_in_another_condition_may_be_missing(html: str) -> None:
    assert "view_url" not in always(html)
