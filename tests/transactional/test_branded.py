"""System emails look like the brand, and show values as they are."""

import re

import pytest

from campaigns.content.brand_style import LIGHT, BrandStyle
from campaigns.content.sources.blocks.build import SystemFooter
from campaigns.content.sources.source import SourceContext
from campaigns.transactional.branded import Dress, EmailWording, dressed

ACCENT = "#aa0055"
BRAND = BrandStyle(
    light=LIGHT.model_copy(update={"accent": ACCENT}), logo="https://harbour.example/logo.png"
)
LINK = "https://news.harbour.example/confirm/abc"
WORDING = EmailWording(
    "Confirm {{ list.name }}", "Hello,\n\nplease confirm:\n\n{{ confirm_url }}\n\nBye", "Confirm"
)


def look(brand: BrandStyle = BRAND, why: str = "", url: str = "") -> Dress:
    footer = SystemFooter("Harbour", "Pier 7\nHamburg", why, url)
    return Dress(SourceContext(brand=brand), footer)


def test_the_email_has_the_logo_the_colours_and_a_button() -> None:
    said = dressed(WORDING, {"list.name": "News", "confirm_url": LINK}, look())
    assert said.subject == "Confirm News"
    assert 'src="https://harbour.example/logo.png"' in said.html
    assert re.search(rf'href="{LINK}"[^>]*background:{ACCENT}', said.html)
    assert said.html.count(LINK) == 2
    assert "<title>Confirm News</title>" in said.html
    assert said.text.startswith(
        f"Hello,\n\nplease confirm:\n\n{LINK}\n\nBye\n\n-- \nHarbour\nPier 7"
    )


def test_without_a_logo_the_sender_is_named_and_nothing_is_left_to_fill_in() -> None:
    html = dressed(WORDING, {"list.name": "News", "confirm_url": LINK}, look(BrandStyle())).html
    assert html.count("Harbour") == 2
    assert "Pier 7" in html
    for sign in ("{{", "{%", "Unsubscribe", "View in browser"):
        assert sign not in html


@pytest.mark.parametrize("name", ["<b>Bold</b>", "{{ 7 * 7 }}", "{% raw %}", 'a"b', "{#", "x{"])
def test_names_are_shown_as_they_are(name: str) -> None:
    wording = EmailWording("About {{ list.name }}", "This is {{ list.name }}.")
    said = dressed(wording, {"list.name": name}, look(BrandStyle()))
    assert (said.subject, said.text.splitlines()[0]) == (f"About {name}", f"This is {name}.")
    assert "<b>Bold" not in said.html
    assert "This is " in said.html.replace("\u2060", "")
    assert "49" not in re.findall(r"This is ([^<]*)", said.html)[0]


def test_an_email_to_subscribers_says_why_and_how_to_leave() -> None:
    leaving = look(why="You are subscribed to News.", url="https://n.example/u/x")
    said = dressed(EmailWording("Hi", "Hello"), {}, leaving)
    assert 'href="https://n.example/u/x"' in said.html
    assert "You are subscribed to News." in said.html
    assert said.text.endswith("https://n.example/u/x\n")
