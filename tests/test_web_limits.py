"""What counts as one client in the limits of web requests."""

import pytest

from campaigns.web_limits import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2002:c000:0207::1", "192.0.2.7"),
        ("64:ff9b::c000:207", "192.0.2.7"),
        ("", "unknown"),
        ("not an address", "unknown"),
        ("192.0.2.7:80", "192.0.2.7"),
        ("[2001:db8:1:2::1]:80", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7:80", "unknown"),
        ("[", "unknown"),
    ],
)
def test_ipv6_clients_count_by_their_64_bit_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_wider_networks_can_be_requested() -> None:
    assert network_of("192.0.2.7", ipv4_bits=24, ipv6_bits=48) == "192.0.2.0/24"
    assert network_of("2001:db8:1:2::1", ipv4_bits=24, ipv6_bits=48) == "2001:db8:1::/48"
