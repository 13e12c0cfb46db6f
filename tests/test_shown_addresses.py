"""Domains are shown as people write them."""

import pytest

from campaigns.addresses import shown_address, shown_sender


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("ann@xn--bcher-kva.example", "ann@bücher.example"),
        ("ann@news.xn--bcher-kva.example", "ann@news.bücher.example"),
        ("ann@shop.example", "ann@shop.example"),
        ("ann@xn--.example", "ann@xn--.example"),
        ("ann@xn--a-ecp.example", "ann@xn--a-ecp.example"),
        ("no address", "no address"),
    ],
)
def test_domains_are_shown_in_unicode(stored: str, shown: str) -> None:
    assert shown_address(stored) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Ann", "Ann <ann@bücher.example>"), ("", "ann@bücher.example")],
)
def test_a_sender_has_its_address_in_brackets_after_its_name(name: str, shown: str) -> None:
    assert shown_sender(name, "ann@xn--bcher-kva.example") == shown
