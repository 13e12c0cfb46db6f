"""Domains are shown as people write them."""

import pytest

from campaigns.web.shown_addresses import shown_address


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
