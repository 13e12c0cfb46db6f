"""DNS queries, answered by a name server on loopback."""

import pytest

from campaigns.providers.domains.dns import LookupFailedError, SystemResolver
from tests.english import in_english
from tests.providers.dns_server import name_server

RECORDS = {
    "s1._domainkey.news.example.": ['"v=DKIM1; k=rsa; " "p=AAAA"', '"something else"'],
    "empty.example.": [],
}


def test_the_strings_of_a_record_are_joined() -> None:
    with name_server(RECORDS) as port:
        resolver = SystemResolver(["127.0.0.1"], port=port)
        found = resolver.texts("s1._domainkey.news.example")
        assert sorted(found) == ["something else", "v=DKIM1; k=rsa; p=AAAA"]


def test_a_missing_record_is_not_a_failure() -> None:
    with name_server(RECORDS) as port:
        resolver = SystemResolver(["127.0.0.1"], port=port)
        assert resolver.texts("other.example") == []
        assert resolver.texts("empty.example") == []


def test_every_query_times_out() -> None:
    with name_server(RECORDS) as port:
        resolver = SystemResolver(["127.0.0.1"], port=port, seconds=0.3)
        with pytest.raises(LookupFailedError, match=r"domain\.dns_timeout"):
            resolver.texts("silent.example")


@pytest.mark.parametrize("name", ["broken.example", "a" * 64 + ".example", "a..example"])
def test_a_failed_query_is_explained(name: str) -> None:
    with name_server(RECORDS) as port:
        resolver = SystemResolver(["127.0.0.1"], port=port, seconds=2)
        with pytest.raises(LookupFailedError) as failure:
            resolver.texts(name)
    assert in_english(failure.value)
