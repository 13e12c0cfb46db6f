"""Mailbox groups by domain or mail server, looked up weekly in the background."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.accounts.workspace import save_workspace
from campaigns.audience import mx_lookup
from campaigns.audience.mailbox_providers import KNOWN_DOMAINS, NAMES, group_of_servers, name_of
from campaigns.audience.models import MailDomain
from campaigns.db import db, transaction
from campaigns.jobs import domains, runtime
from tests.factories import a_subscriber

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hosts", "group"),
    [
        (["aspmx.l.google.com.", "alt1.aspmx.l.google.com."], "google"),
        (["SMTP.GOOGLE.COM"], "google"),
        (["city-example.mail.protection.outlook.com."], "office365"),
        (["hotmail-com.olc.protection.outlook.com."], "outlook"),
        (["mta5.am0.yahoodns.net."], "yahoo"),
        (["eu-smtp-inbound-1.mimecast.com."], "mimecast"),
        (["mx1.city.example.", "aspmx.l.google.com."], "google"),
        (["mx.notgoogle.com"], "other"),
        (["mx1.city.example."], "other"),
        ([], "other"),
    ],
)
def test_mail_servers_reveal_the_mailbox_provider(hosts: list[str], group: str) -> None:
    assert group_of_servers(hosts) == group


def test_large_providers_are_known_by_name() -> None:
    assert len(KNOWN_DOMAINS) >= 150
    assert {KNOWN_DOMAINS[name] for name in ("gmail.com", "googlemail.com")} == {"google"}
    assert set(KNOWN_DOMAINS.values()) <= set(NAMES)
    assert name_of("google") == "Gmail"


def groups() -> dict[str, str]:
    rows = db.session.execute(sa.select(MailDomain.domain, MailDomain.mailbox_group))
    return dict(iter(rows))


def test_domains_are_looked_up_once_and_again_after_a_week(app: Flask) -> None:
    with transaction():
        mx_lookup.add_known()
        for number, domain in enumerate(["city.example", "city.example", "gmail.com", "b.example"]):
            a_subscriber(f"p{number}@{domain}")
    assert mx_lookup.to_look_up(10, now=NOW) == ["b.example", "city.example"]
    assert mx_lookup.to_look_up(1, now=NOW) == ["b.example"]
    with transaction():
        mx_lookup.note([("city.example", ["aspmx.l.google.com"]), ("b.example", None)], now=NOW)
    assert mx_lookup.to_look_up(10, now=NOW) == []
    assert mx_lookup.to_look_up(10, now=NOW + timedelta(hours=2)) == ["b.example"]
    assert mx_lookup.to_look_up(10, now=NOW + timedelta(days=8)) == ["b.example", "city.example"]
    assert (groups()["city.example"], groups()["b.example"]) == ("google", "other")


def test_without_an_answer_a_known_domain_keeps_its_group(app: Flask) -> None:
    with transaction():
        mx_lookup.note([("city.example", ["aspmx.l.google.com"])], now=NOW)
        later = NOW + timedelta(days=8)
        mx_lookup.note([("city.example", None)], now=later)
        assert groups()["city.example"] == "google"
        mx_lookup.note([("city.example", ["mx.city.example"])], now=later)
    assert groups()["city.example"] == "other"


def test_without_subscribers_nothing_is_looked_up(app: Flask) -> None:
    assert mx_lookup.to_look_up(5, now=NOW) == []


def test_the_job_looks_domains_up(app: Flask) -> None:
    runtime.use(app)
    with transaction():
        for number in range(40):
            a_subscriber(f"p@d{number}.example")
    asked: list[str] = []

    def ask(domain: str) -> list[str]:
        asked.append(domain)
        return ["mta5.am0.yahoodns.net."]

    domains.look_up(ask)
    assert sorted(asked) == sorted(f"d{number}.example" for number in range(40))
    found = groups()
    assert (found["d7.example"], found["gmail.com"]) == ("yahoo", "google")


def test_the_demo_looks_nothing_up(app: Flask) -> None:
    runtime.use(app)
    with transaction():
        save_workspace(demo=True)
        a_subscriber("p@city.example")

    def ask(domain: str) -> list[str]:
        raise AssertionError(domain)

    domains.look_up(ask)
    assert "city.example" not in groups()
