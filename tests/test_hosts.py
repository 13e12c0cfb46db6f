"""Which hosts are on the public internet, in any notation."""

import pytest

from campaigns import hosts


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1",
        "127.255.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8",
        "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::10.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1",
        "::ffff:10.1.2.3", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1",
        "64:ff9b::8.8.8.8", "64:ff9b:1::1", "64:ff9b:1:fffe::10.0.0.1", "100::1", "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1",
        "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "3fff::1", "5f00::1",
        "fc00::1", "fd00::1", "fe80::1", "fe80::1%2", "febf::1", "fec0::1", "feff::1", "ff02::1",
        "ff0e::1",
    ],
)  # fmt: skip
def test_internal_addresses_are_not_public(address: str) -> None:
    assert not hosts.is_public(address)


@pytest.mark.parametrize(
    "address",
    ["142.250.1.1", "9.255.255.255", "100.128.0.1", "172.32.0.1", "::ffff:142.250.1.1",
     "2a00:1450:4001:800::1", "2606:4700::1111"],
)  # fmt: skip
def test_other_addresses_are_public(address: str) -> None:
    assert hosts.is_public(address)


@pytest.mark.parametrize(
    ("host", "fault"),
    [
        ("", "empty"), (".", "empty"), ("intranet-wiki", "bare"), ("shop", "bare"),
        ("https", "bare"), ("[64:ff9b::7f00:1]", "internal"), ("[::1]", "internal"),
        ("[::ffff:10.0.0.1]", "internal"), ("[2002:7f00:1::]", "internal"),
        ("[fe80::1%25eth0]", "malformed"), ("[::1", "malformed"), ("[shop.com]", "malformed"),
        ("0x7f.1", "internal"), ("2130706433", "internal"), ("0177.0.0.1", "internal"),
        ("127.1", "internal"), ("0x7f000001", "internal"), ("10.0.258", "internal"),
        ("%31%32%37.0.0.1", "internal"), ("127.0.0.1.", "internal"), ("127。0。0。1", "internal"),
        ("１２７.0.0.1", "internal"), ("1.2.3.4.5", "malformed"), ("256.1.1.1", "malformed"),
        ("09.0.0.1", "malformed"), ("shop.123", "malformed"), ("9" * 400, "malformed"),
        ("printer.local", "internal"), ("LOCALHOST.", "internal"), ("a.test", "internal"),
        ("x.invalid", "internal"), ("wiki.internal", "internal"), ("abc.onion", "internal"),
        ("router.lan", "internal"), ("nas.home.arpa", "internal"), ("db.corp", "internal"),
        ("foo..com", "malformed"), (".shop.com", "malformed"), ("-shop.com", "malformed"),
        ("shop-.com", "malformed"), ("sh op.com", "malformed"), ("sh%20op.com", "malformed"),
        ("shop,com", "malformed"), ("shop.c", "malformed"), ("shop.c0m", "malformed"),
        ("shop.con", "malformed"), ("index.html", "malformed"), ("a" * 64 + ".com", "malformed"),
        ("a." * 130 + "com", "malformed"), ("büch er.de", "malformed"), ("bücher!.de", "malformed"),
    ],
)  # fmt: skip
def test_unreachable_hosts_are_recognized(host: str, fault: str) -> None:
    assert hosts.fault_of(host) == fault


@pytest.mark.parametrize(
    "host",
    ["shop.com", "SHOP.COM.", "a_b.shop.com", "xn--bcher-kva.de", "bücher.de", "i❤.ws",
     "пример.рф", "例え.jp", "shop.xn--p1ai", "8.8.8.8", "134744072", "[2606:4700::1111]",
     "r3---sn.shop.com", "1.shop.com", "127.0.0.1.shop.com", "t.co", "shop.museum"],
)  # fmt: skip
def test_reachable_hosts_are_accepted(host: str) -> None:
    assert hosts.fault_of(host) == ""


def test_numeric_hosts_are_read_as_system_libraries_do() -> None:
    assert all(map(hosts.is_numeric, ["1", "0x7f.1", "a.0x", "127.0.0.1."]))
    assert not any(map(hosts.is_numeric, ["1.com", "0xg", "shop.1a", ""]))
