"""SPF and DMARC records, read from DNS."""

import pytest

from campaigns.providers.domains import dmarc, policies
from tests.english import in_english
from tests.providers.dns_server import FakeDns

NAME = "news.shop.example"


@pytest.mark.parametrize(
    ("records", "level", "words"),
    [
        ([], "warning", "no SPF record at news.shop.example"),
        (["v=spf10 -all", "other"], "warning", "no SPF record"),
        (["v=spf1 include:mail.example ~all", "other"], "ok", "include:mail.example"),
        (["V=SPF1"], "ok", "Found"),
        (["v=spf1 -all", "v=spf1 ~all"], "warning", "2 SPF records"),
        (["v=spf1 +all"], "warning", "every server"),
        (["v=spf1 ALL"], "warning", "every server"),
        ("No name server answered.", "unknown", "No name server answered."),
    ],
)
def test_spf_is_explained(records: list[str] | str, level: str, words: str) -> None:
    found = policies.spf(NAME, FakeDns({NAME: records}))
    assert (found.name, found.level) == ("SPF", level)
    assert words in in_english(*found.reasons)


@pytest.mark.parametrize(
    ("record", "level", "words"),
    [
        ("v=DMARC1; p=none; rua=mailto:a@shop.example", "ok", "only report"),
        ("v=DMARC1", "ok", "only report"),
        ("v=DMARC1; pct=50; p=reject", "ok", "refused"),
        ("v=DMARC1;p=Quarantine", "ok", "spam folder"),
        ("v=DMARC1; p=nonsense", "ok", "only report"),
        ("v=DMARC12; p=none", "warning", "no DMARC record"),
    ],
)
def test_d1_dmarc_is_explained(record: str, level: str, words: str) -> None:
    found = dmarc.dmarc(NAME, FakeDns({f"_dmarc.{NAME}": [record, "v=spf1 -all"]}))
    assert found.level == level
    assert words in in_english(*found.reasons)
    assert ("rua=" in in_english(*found.reasons)) == (level == "ok" and "rua" not in record)


def test_d1_the_subdomain_policy_of_a_parent_domain_applies() -> None:
    resolver = FakeDns({"_dmarc.shop.example": ["v=DMARC1; p=reject; sp=quarantine"]})
    found = dmarc.dmarc(NAME, resolver)
    assert "_dmarc.shop.example" in in_english(*found.reasons)
    assert "spam folder" in in_english(*found.reasons)
    assert resolver.asked == [f"_dmarc.{NAME}", "_dmarc.shop.example"]
    assert "refused" in in_english(*dmarc.dmarc("shop.example", resolver).reasons)


def test_d1_the_tree_walk_makes_at_most_eight_queries() -> None:
    resolver = FakeDns()
    found = dmarc.dmarc("a.b.c.d.e.f.g.h.i.j.shop.example", resolver)
    assert (found.level, found.record) == ("warning", "v=DMARC1; p=none")
    assert found.host == "_dmarc.a.b.c.d.e.f.g.h.i.j.shop.example"
    assert len(resolver.asked) <= dmarc.MAX_STEPS
    assert resolver.asked[-1] == "_dmarc.shop.example", "never the top-level domain"


def test_two_records_count_as_none() -> None:
    resolver = FakeDns({f"_dmarc.{NAME}": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]})
    assert "2 DMARC records" in in_english(*dmarc.dmarc(NAME, resolver).reasons)
    resolver = FakeDns({f"_dmarc.{NAME}": "The name servers fail."})
    assert dmarc.dmarc(NAME, resolver).level == "unknown"


def test_g2_a_signature_counts_for_dmarc() -> None:
    assert policies.alignment(NAME, is_signed=True).level == "ok"
    assert policies.alignment(NAME, is_signed=False).level == "warning"
