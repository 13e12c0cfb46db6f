"""Our HTTP requests reach public addresses only."""

import socket
from typing import Any

import pytest

from campaigns.providers import outgoing


@pytest.mark.parametrize(
    "url",
    [
        "", "http://login.example.org/", "ftp://login.example.org/", "//login.example.org/",
        "https://", "https:///token", "https://user@login.example.org/",
        "https://login.example.org@127.0.0.1/", "https://login.example.org:0/",
        "https://login.example.org:99999/", "https://login.example.org/#x",
        "https://login.example.org\\@127.0.0.1/", "https://login.example.org/a b",
        "https://login.example.org/\r\nHost: x", "https://lögin.example.org/",
        "https://127.1/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://2130706433/",
        "https://0177.0.0.1/", "https://017700000001/", "https://127.0.0.1./", "https://127.1./",
        "https://%31%32%37.0.0.1/", "https://[fe80::1%25eth0]/", "https://[::1", "https://a..b/x",
    ],
)  # fmt: skip
def test_odd_hosts_are_refused_without_a_look_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("it was looked up"))
    assert outgoing.why_not_usable(url)
    with pytest.raises(outgoing.OutgoingError) as refused:
        outgoing.post_form(url, {})
    assert refused.value.is_lasting


@pytest.mark.parametrize(
    "url",
    ["https://login.example.org/token?v=2", "https://login.example.org.:8443/",
     "https://142.250.1.1/", "https://[2a00:1450:4001:800::1]:8443/t", "https://a_b.example.org"],
)  # fmt: skip
def test_usual_urls_are_accepted(url: str) -> None:
    assert outgoing.why_not_usable(url) is None


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Answer name look-ups in this order; return the addresses that were connected to."""
    left = list(answers)
    connected: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(0, 0, 0, "", (address, port)) for address in left.pop(0)]

    def connect(where: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(where[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", connect)
    return connected


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["142.250.1.1", "10.0.0.1"], ["64:ff9b::1"]])
def test_a_name_with_an_internal_address_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    connected = resolving(monkeypatch, addresses)
    with pytest.raises(outgoing.InternalAddressError):
        outgoing.post_form("https://login.example.org/", {})
    assert connected == []
    resolving(monkeypatch, addresses)
    with pytest.raises(outgoing.OutgoingError, match="connection refused"):
        outgoing.post_form("https://known.example/", {}, known_hosts={"known.example"})


def test_the_connection_goes_to_the_checked_address(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = resolving(monkeypatch, ["142.250.1.1"], ["127.0.0.1"])
    with pytest.raises(outgoing.OutgoingError, match="connection refused"):
        outgoing.post_form("https://login.example.org/", {})
    assert connected == ["142.250.1.1"], "no second look-up, which could have another answer"
