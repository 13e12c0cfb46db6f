"""The pages of limits, warm-up and reply rules."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.engine.limiter import limiter
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from campaigns.throttling import editing, rules, slowed_domains
from campaigns.throttling.builtin import RULES
from campaigns.throttling.loading import load_plan
from campaigns.throttling.models import GroupLimit, GroupState, ReplyRule, WarmUp
from campaigns.throttling.plan import GrantRequest, Plan
from tests.conftest import settings_for_tests
from tests.english import in_english
from tests.factories import a_provider


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings_for_tests(
        settings.data_dir, database_url=settings.database_url, redis_url=redis_url
    )


@pytest.fixture
def account(app: Flask) -> ProviderAccount:
    with transaction():
        return a_provider("SES <1>", per_hour=500, connections=4)


def path(account: ProviderAccount, more: str = "") -> str:
    return f"/settings/providers/{account.public_id}/limits{more}"


def plan(account: ProviderAccount) -> Plan:
    db.session.rollback()
    return load_plan(account.id, now=utcnow())


def test_the_page_shows_what_was_sent_in_each_window(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    limiter().acquire(GrantRequest(account.id, 1, {"other": 123}), plan(account))
    page = owner_client.get(path(account)).text
    assert "123 sent" in page
    assert "SES &lt;1&gt;" in page
    assert "Gmail" in page


@pytest.mark.runs_on("sqlite", "postgresql")
def test_limits_of_groups_are_added_and_removed(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    assert "Proton" in owner_client.get(path(account) + "?add=proton").text
    form = {"google.per_minute": "120", "google.at_once": "3", "proton.per_minute": "60"}
    assert owner_client.post(path(account), data=form).status_code == 302
    groups = plan(account).groups
    assert (groups["google"].per_second, groups["google"].at_once) == (2, 3)
    assert groups["proton"].per_second == 1
    owner_client.post(path(account), data={"google.per_minute": "0", "google.at_once": ""})
    assert set(plan(account).groups) == {"proton"}
    refused = owner_client.post(path(account), data={"google.per_minute": "many"})
    assert refused.status_code == 422
    assert "Enter a whole number" in refused.text
    assert 'value="many"' in refused.text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_a_hold_is_shown_with_its_reply_and_can_be_ended(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    with transaction():
        said = [(421, "4.7.28 Unusual rate <b>", 3)]
        rules.apply(account.id, "google", said, now=utcnow())
    page = owner_client.get(path(account)).text
    assert "Waits until" in page
    assert "4.7.28 Unusual rate &lt;b&gt;" in page
    assert owner_client.post(path(account, "/end"), data={"group": "google"}).status_code == 302
    assert plan(account).groups == {}
    assert "Waits until" not in owner_client.get(path(account)).text


def test_a_learned_rate_is_shown_and_can_be_ended(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    limiter().feedback(account.id, "yahoo", 600, 5)
    assert "Slowed to 30 per second after it was throttled" in owner_client.get(path(account)).text
    owner_client.post(path(account, "/end"), data={"group": "yahoo"})
    assert "after it was throttled" not in owner_client.get(path(account)).text


def test_a_hold_of_the_account_can_be_ended(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    with transaction():
        db.session.add(
            GroupState(
                provider_id=account.id, mailbox_group="", why="The quota is used up",
                suspended_until=utcnow() + timedelta(hours=1), changed_at=utcnow(),
            )
        )  # fmt: skip
    assert "The quota is used up" in owner_client.get(path(account)).text
    owner_client.post(path(account, "/end"), data={"group": ""})
    assert plan(account).suspended_until is None


@pytest.mark.runs_on("sqlite", "postgresql")
def test_a_warm_up_is_started_changed_and_ended(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    form = {"group": "", "first": "100", "last": "10000", "days": "20", "steps": ""}
    assert owner_client.post(path(account, "/warm-up"), data=form).status_code == 302
    assert plan(account).warm_up_per_day == 100
    assert "Day 1 of 20: 100 emails in 24 hours" in owner_client.get(path(account)).text
    form |= {"group": "google", "steps": "50, 60 70"}
    owner_client.post(path(account, "/warm-up"), data=form)
    assert plan(account).groups["google"].per_day == 50
    owner_client.post(path(account, "/warm-up"), data={"group": "google", "do": "end"})
    assert plan(account).groups == {}
    for wrong in ({"last": "5"}, {"days": "1"}, {"steps": "10 x"}, {"group": "nobody"}):
        answer = owner_client.post(path(account, "/warm-up"), data={**form, **wrong})
        assert answer.status_code == 422


def test_deleting_an_account_deletes_its_limits(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    owner_client.post(path(account), data={"google.per_minute": "120"})
    owner_client.post(path(account, "/warm-up"), data={"first": "1", "last": "9", "days": "3"})
    deleted = owner_client.post(f"/settings/providers/{account.public_id}/delete")
    assert deleted.status_code == 302
    db.session.rollback()
    assert db.session.query(GroupLimit).count() == db.session.query(WarmUp).count() == 0


@pytest.mark.runs_on("sqlite", "postgresql")
def test_rules_are_listed_edited_switched_off_and_reset(
    owner_client: FlaskClient, app: Flask
) -> None:
    page = owner_client.get("/settings/rules").text
    assert "Gmail sees an unusual rate of email" in page
    edit = "/settings/rules/yahoo-complaints"
    assert "TSS?04" in owner_client.get(edit).text
    form = {"note": "Yahoo <i>waits</i>.", "pattern": "TSS04", "act": "suspend", "minutes": "30"}
    assert owner_client.post(edit, data=form).status_code == 302
    page = owner_client.get("/settings/rules").text
    assert "Yahoo &lt;i&gt;waits&lt;/i&gt;." in page
    assert "Restore default" in page
    owner_client.post(f"{edit}/turn", data={"do": "off"})
    rule = next(rule for rule in rules.all_rules() if rule.key == "yahoo-complaints")
    assert (rule.is_on, rule.minutes) == (False, 30)
    owner_client.post(f"{edit}/turn", data={"do": "delete"})
    db.session.rollback()
    assert db.session.query(ReplyRule).count() == 0
    assert owner_client.get("/settings/rules/nonsense").status_code == 404


def test_a_custom_rule_comes_first_and_can_be_deleted(
    owner_client: FlaskClient, app: Flask
) -> None:
    form = {
        "note": "Slow.", "pattern": "not so fast", "act": "slow", "amount": "5", "minutes": "10",
        "preset": "amazon-ses", "mailbox_group": "yahoo", "whole_account": "1",
    }  # fmt: skip
    assert owner_client.post("/settings/rules/new", data=form).status_code == 302
    rule = rules.all_rules()[0]
    assert (rule.pattern, rule.amount, rule.whole_account) == ("not so fast", 5, True)
    assert "accounts at Amazon SES · replies from Yahoo" in owner_client.get("/settings/rules").text
    owner_client.post(f"/settings/rules/{rule.key}/turn", data={"do": "delete"})
    db.session.rollback()
    assert rules.all_rules()[0].key != rule.key


@pytest.mark.parametrize(
    "wrong",
    [
        {"note": ""}, {"pattern": "("}, {"pattern": ".*"}, {"pattern": ""},
        {"pattern": "."}, {"pattern": r"\b"}, {"pattern": "[45][0-9]+"}, {"pattern": "^4|^5"},
        {"act": "explode"},
        {"act": "slow", "amount": "0"}, {"minutes": "0"}, {"minutes": "99999"},
        {"preset": "nobody"}, {"mailbox_group": "nobody"}, {"per_hour": "-1"},
    ],
)  # fmt: skip
def test_an_invalid_rule_is_refused(owner_client: FlaskClient, wrong: dict[str, str]) -> None:
    form = {"note": "Wait.", "pattern": "later", "act": "suspend", "minutes": "10"}
    answer = owner_client.post("/settings/rules/new", data={**form, **wrong})
    assert answer.status_code == 422
    assert "Not saved yet" in answer.text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_number_of_custom_rules_is_limited(owner_client: FlaskClient, app: Flask) -> None:
    with transaction():
        db.session.add_all(
            ReplyRule(note="Late.", pattern=f"late{n}", action="suspend", minutes=5)
            for n in range(editing.MAX_RULES)
        )
    form = {"note": "Wait.", "pattern": "later", "act": "suspend", "minutes": "10"}
    answer = owner_client.post("/settings/rules/new", data=form)
    assert answer.status_code == 422
    assert "Delete one first" in answer.text
    own = rules.all_rules()[0]
    assert owner_client.post(f"/settings/rules/{own.key}", data=form).status_code == 302
    assert owner_client.post("/settings/rules/yahoo-complaints", data=form).status_code == 302


@pytest.mark.runs_on("sqlite", "postgresql")
def test_a_built_in_rule_keeps_its_note_until_it_is_changed(
    owner_client: FlaskClient, app: Flask
) -> None:
    def saved(note: str) -> Reason:
        form = {"note": note, "pattern": "TSS04", "act": "suspend", "minutes": "30"}
        edit = "/settings/rules/yahoo-complaints"
        assert owner_client.post(edit, data=form).status_code == 302
        db.session.rollback()
        return next(rule.note for rule in rules.all_rules() if rule.key == "yahoo-complaints")

    ours = next(rule.note for rule in RULES if rule.key == "yahoo-complaints")
    assert saved("Yahoo waits.") == Reason("throttle.own_note", {"text": "Yahoo waits."})
    assert saved(in_english(ours)) == ours
    assert saved("") == ours
    assert saved('["preflight.nothing", {}]') != ours
    assert owner_client.get("/settings/rules").status_code == 200


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_account_form_keeps_all_limits(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    form = {
        "name": "SES", "host": "127.0.0.1", "port": "2525", "security": "none",
        "per_second": "14", "per_minute": "500", "per_hour": "9000", "per_day": "50000",
        "connections": "10", "messages_per_connection": "100",
    }  # fmt: skip
    answer = owner_client.post(f"/settings/providers/{account.public_id}", data=form)
    assert answer.status_code == 302
    db.session.rollback()
    found = db.session.get_one(ProviderAccount, account.id)
    for name in ("per_second", "per_minute", "per_hour", "per_day", "connections"):
        assert getattr(found, name) == int(form[name])
    assert found.messages_per_connection == 100
    assert "14 per second, 500 per minute" in owner_client.get("/settings").text


def test_an_invalid_stored_expression_is_shown_with_the_reason(
    owner_client: FlaskClient, app: Flask
) -> None:
    with transaction():
        rule = ReplyRule(note="Late.", pattern="later(?!x)", action="suspend", minutes=5)
        db.session.add(rule)
        db.session.flush()
        key = rule.public_id
    for page in ("/settings/rules", f"/settings/rules/{key}"):
        text = owner_client.get(page).text
        assert "later(?!x)" in text
        assert "Look-ahead and look-behind are not supported." in text
    answer = owner_client.post(
        f"/settings/rules/{key}/turn", data={"do": "on"}, follow_redirects=True
    )
    assert "The rule stays off." in answer.text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_a_thousand_slowed_domains_are_counted_and_reset_at_once(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    complaints = {f"d{number}.example": "450 slow down" for number in range(1000)}
    with transaction():
        slowed_domains.slow(account.id, complaints, now=utcnow())
    page = owner_client.get(path(account)).text
    assert "1,000 are slowed; the 100 that wait longest are shown." in page
    assert page.count("Waits until") == 100
    owner_client.post(path(account, "/end"), data={"every_domain": "yes"})
    db.session.rollback()
    assert slowed_domains.slowed(account.id) == []
    assert "Slowed domains" not in owner_client.get(path(account)).text
