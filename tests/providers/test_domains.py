"""Sender domains: keys are created, wait for DNS, sign, are rotated and retired."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.db import db, transaction
from campaigns.engine.signing import sign_message, signing_for
from campaigns.inputs import InvalidInputError
from campaigns.providers.domains import keys, records, standing
from campaigns.providers.domains.records import Answer
from campaigns.providers.domains.standing import DomainView
from campaigns.providers.models import DkimKey, SenderDomain
from campaigns.reason import Reason
from campaigns.secrets import SecretUnreadableError, Vault
from tests.english import in_english
from tests.factories import a_provider, a_sender
from tests.providers.dns_server import FakeDns

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
VAULT = Vault(["a-key-for-tests-only-that-is-long-enough"])
FOUND = Reason("domain.record_found")
NAME = "news.example"


def _set_up(name: str = NAME) -> SenderDomain:
    with transaction():
        return keys.set_up(name, VAULT, now=NOW)


def _key(domain: SenderDomain, position: int) -> DkimKey:
    shown = _view(domain).keys[position]
    return db.session.scalars(sa.select(DkimKey).filter_by(public_id=shown.public_id)).one()


def _view(domain: SenderDomain) -> DomainView:
    db.session.expire_all()
    return standing.view(domain)


def _published(domain: SenderDomain) -> FakeDns:
    """A DNS with every record of the domain."""
    return FakeDns({key.host: [key.record] for key in _view(domain).keys})


def _check(domain: SenderDomain, resolver: FakeDns, now: datetime = NOW) -> list[str]:
    answers = [records.ask(question, resolver) for question in records.questions(domain)]
    with transaction():
        return records.note(domain, answers, now=now)


def _make(domain: SenderDomain, algorithm: str = "rsa", selector: str = "") -> DkimKey:
    with transaction():
        return keys.make_key(domain, algorithm, selector, VAULT, now=NOW)


def _states(domain: SenderDomain) -> dict[str, str]:
    return {key.selector: key.state for key in _view(domain).keys}


def test_a_new_domain_waits_for_its_record(app: Flask) -> None:
    domain = _set_up("NEWS.example. ")
    view = _view(domain)
    assert (view.name, view.standing) == (NAME, "waiting")
    (key,) = view.keys
    assert (key.selector, key.host) == ("s20300504", "s20300504._domainkey.news.example")
    assert key.record.startswith("v=DKIM1; k=rsa; p=MII")
    assert signing_for(f"a@{NAME}", VAULT) is None


def test_g3_a_2048_bit_key_is_split_into_strings_for_dns(app: Flask) -> None:
    (key,) = _view(_set_up()).keys
    assert len(key.strings) == 2
    assert max(map(len, key.strings)) <= 255
    assert "".join(key.strings) == key.record


def test_private_keys_are_stored_encrypted(app: Flask) -> None:
    domain = _set_up()
    (stored,) = db.session.scalars(sa.select(DkimKey))
    assert "PRIVATE" not in stored.private_key
    assert "BEGIN PRIVATE KEY" in VAULT.decrypt(stored.private_key)
    _check(domain, _published(domain))
    with pytest.raises(SecretUnreadableError, match="news.example"):
        signing_for(f"a@{NAME}", Vault(["another-key-that-is-long-enough-as-well"]))


def test_a_key_signs_once_its_record_is_found(app: Flask) -> None:
    domain = _set_up()
    assert _check(domain, FakeDns()) == []
    (key,) = _view(domain).keys
    assert (key.state, key.finding, key.checked_at) == ("waiting", "missing", NOW)
    assert _check(domain, _published(domain)) == ["s20300504"]
    view = _view(domain)
    assert (view.standing, view.keys[0].finding) == ("signed", "found")
    signing = signing_for(f"News@{NAME.upper()}", VAULT)
    assert signing is not None
    assert (signing.domain, signing.selectors) == (NAME, ("s20300504",))
    signed = sign_message(b"From: news@news.example\r\n\r\nHello\r\n", signing)
    assert b" d=news.example; s=s20300504;" in signed.replace(b"\r\n", b"")
    assert signing == signing_for(f"other@{NAME}", VAULT)
    assert signing_for("a@other.example", VAULT) is None
    assert signing_for("a@sub.news.example", VAULT) is None, "each domain has its own keys"


def test_both_algorithms_sign_together(app: Flask) -> None:
    domain = _set_up()
    _make(domain, "ed25519")
    assert sorted(_check(domain, _published(domain))) == ["e20300504", "s20300504"]
    signing = signing_for(f"a@{NAME}", VAULT)
    assert signing is not None
    assert signing.selectors == ("s20300504", "e20300504")
    data = sign_message(b"From: a@news.example\r\n\r\nHello\r\n", signing)
    assert data.count(b"DKIM-Signature:") == 2


def test_rotation_switches_only_when_the_new_record_exists(app: Flask) -> None:
    domain = _set_up()
    _check(domain, _published(domain))
    first = signing_for(f"a@{NAME}", VAULT)
    old = _published(domain)
    _make(domain)
    assert _states(domain) == {"s20300504": "active", "s20300504b": "waiting"}
    assert _check(domain, old) == []
    assert signing_for(f"a@{NAME}", VAULT) == first, "the new record does not exist yet"
    later = NOW + timedelta(hours=1)
    assert _check(domain, _published(domain), later) == ["s20300504b"]
    assert _states(domain) == {"s20300504b": "active", "s20300504": "retired"}
    assert signing_for(f"a@{NAME}", VAULT) != first
    retired = _view(domain).keys[1]
    assert retired.keep_until == later + timedelta(days=7)


def test_a_key_can_be_activated_without_dns_and_deactivated(app: Flask) -> None:
    domain = _set_up()
    _check(domain, _published(domain))
    new = _make(domain)
    with transaction():
        assert keys.activate(new, now=NOW)
    with transaction():
        assert not keys.activate(new, now=NOW), "it is already signing"
    assert _states(domain)["s20300504"] == "retired"
    with transaction():
        old = _key(domain, 1)
        assert keys.activate(old, now=NOW)
    assert _states(domain) == {"s20300504": "active", "s20300504b": "retired"}


def test_a_retired_key_is_removed_after_a_week_and_not_before(app: Flask) -> None:
    domain = _set_up()
    _check(domain, _published(domain))
    new = _make(domain)
    with transaction():
        keys.activate(new, now=NOW)
    old = _key(domain, 1)
    with transaction():
        assert not keys.discard(old, now=NOW + timedelta(days=6))
    assert keys.past_use(NOW + timedelta(days=6)) == []
    with transaction():
        keys.erase(keys.past_use(NOW + timedelta(days=7)))
    assert not _view(domain).keys[1].can_sign, "its private key is erased"
    assert keys.past_use(NOW + timedelta(days=8)) == []
    with transaction():
        assert not keys.activate(old, now=NOW + timedelta(days=7))
    with transaction():
        assert keys.discard(old, now=NOW + timedelta(days=7))
    assert _states(domain) == {"s20300504b": "active"}


def test_a_key_reactivated_meanwhile_is_not_erased(app: Flask) -> None:
    domain = _set_up()
    _check(domain, _published(domain))
    (number,) = db.session.scalars(sa.select(DkimKey.id))
    with transaction():
        keys.erase([number])
    assert signing_for(f"a@{NAME}", VAULT) is not None


def test_a_signing_key_can_be_retired_but_not_discarded(app: Flask) -> None:
    domain = _set_up()
    _check(domain, _published(domain))
    key = _key(domain, 0)
    with transaction():
        assert not keys.discard(key, now=NOW)
    with transaction():
        assert keys.retire(key, now=NOW)
    assert signing_for(f"a@{NAME}", VAULT) is None
    assert _view(domain).standing == "unsigned"


def test_only_one_key_per_algorithm_waits_at_a_time(app: Flask) -> None:
    domain = _set_up()
    with pytest.raises(InvalidInputError, match=r"domain\.key_already_waits"):
        _make(domain)
    key = _key(domain, 0)
    with transaction():
        assert keys.discard(key, now=NOW)
    assert _make(domain).selector == "s20300504"


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("a b", "letters"),
        ("-a", "letters"),
        ("a.", "letters"),
        ("ü", "letters"),
        ("a" * 63 + "." + "b" * 63 + "." + "c" * 63 + "." + "d" * 55, "too long"),
        ("s20300504", "already used"),
        ("S20300504 ", "already used"),
    ],
)
def test_selectors_are_checked(app: Flask, selector: str, words: str) -> None:
    domain = _set_up()
    with pytest.raises(InvalidInputError) as caught:
        _make(domain, "ed25519", selector)
    assert words in in_english(*caught.value.problems.values())
    assert _make(domain, "ed25519", "Mail.Spring").selector == "mail.spring"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "not a domain name"),
        ("a b", "not a domain name"),
        ("gmail.com", "belongs to Gmail"),
        ("nothing", "not a domain name"),
        (NAME, "already set up"),
    ],
)
def test_names_are_checked(app: Flask, name: str, words: str) -> None:
    _set_up()
    with pytest.raises(InvalidInputError) as caught:
        _set_up(name)
    assert words in in_english(*caught.value.problems.values())


def test_names_in_other_scripts_are_stored_as_a_labels(app: Flask) -> None:
    domain = _set_up("bücher.example")
    assert domain.name == "xn--bcher-kva.example"
    assert _view(domain).keys[0].host.endswith("._domainkey.xn--bcher-kva.example")
    assert standing.look_up("a@Bücher.example").standing == "waiting"


def test_the_overview_lists_domains_in_use_and_domains_set_up(app: Flask) -> None:
    with transaction():
        account = a_provider()
        for address in ("b@Shop.example", "a@shop.example", "me@gmail.com"):
            a_sender(address, account)
    _set_up()
    found = {view.name: (view.standing, view.senders) for view in standing.overview()}
    assert found == {
        "gmail.com": ("freemail", ("me@gmail.com",)),
        NAME: ("waiting", ()),
        "shop.example": ("unsigned", ("a@shop.example", "b@Shop.example")),
    }


def test_a_missing_record_is_noticed(app: Flask) -> None:
    domain = _set_up()
    _check(domain, _published(domain))
    _check(domain, FakeDns({_view(domain).keys[0].host: "No name server answered."}))
    assert _view(domain).standing == "signed", "DNS did not answer"
    _check(domain, FakeDns())
    assert _view(domain).standing == "broken"
    assert signing_for(f"a@{NAME}", VAULT) is not None, "a signature does no harm"


def test_a_deleted_domain_no_longer_signs(app: Flask) -> None:
    domain = _set_up()
    _check(domain, _published(domain))
    with transaction():
        keys.delete(domain)
    assert signing_for(f"a@{NAME}", VAULT) is None
    assert db.session.scalar(sa.select(sa.func.count(DkimKey.id))) == 0


def test_an_answer_about_another_domain_or_a_deleted_key_is_ignored(app: Flask) -> None:
    domain, other = _set_up(), _set_up("other.example")
    number = db.session.scalars(sa.select(DkimKey.id).where(DkimKey.domain_id == other.id)).one()
    with transaction():
        answers = [Answer(number, "found", FOUND), Answer(number + 99, "found", FOUND)]
        assert records.note(domain, answers, now=NOW) == []
    assert _view(other).standing == "waiting"


@pytest.mark.parametrize(
    ("texts", "finding", "words"),
    [
        ([], "missing", "no record with this name"),
        (["v=spf1 -all"], "wrong", "not a DKIM key"),
        (["v=DKIM1; k=rsa; p=KEY"], "found", "Found."),
        (["v=DKIM1;k=rsa;p=K E\tY"], "found", "Found."),
        (["p=KEY"], "found", "Found."),
        (["other", "p=KEY"], "found", "Found."),
        (["v=DKIM1; h=sha1:sha256; s=email; t=s; p=KEY;"], "found", "Found."),
        (["v=DKIM1; p=KEY; t=y:s"], "found", "t=y"),
        (["v=DKIM1; p=KE"], "wrong", "cut off long values"),
        (["v=DKIM1; p=OTHER"], "wrong", "another key"),
        (["v=DKIM1; p="], "wrong", "revoked"),
        (["v=DKIM2; p=KEY"], "wrong", "v=DKIM1"),
        (["k=ed25519; p=KEY"], "wrong", "k=rsa"),
        (["h=sha1; p=KEY"], "wrong", "SHA-256"),
        (["s=tlsrpt; p=KEY"], "wrong", "not for email"),
        (["p=KEY", "p=KEY"], "wrong", "several keys"),
    ],
)
def test_dns_findings_are_explained(texts: list[str], finding: str, words: str) -> None:
    found, reason = records.judge(texts, "rsa", "KEY")
    assert found == finding
    assert words in in_english(reason)
