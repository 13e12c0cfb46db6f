"""Reply rules: which replies lead to which action, and when it ends."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from campaigns.campaign.models import Campaign
from campaigns.db import db, transaction
from campaigns.delivery import rule_pauses
from campaigns.inputs import InvalidInputError
from campaigns.reason import Reason
from campaigns.throttling import editing, rules
from campaigns.throttling.builtin import RULES
from campaigns.throttling.editing import RuleInput, save_rule, turn_rule
from campaigns.throttling.loading import load_plan
from campaigns.throttling.models import ReplyRule
from campaigns.throttling.plan import Plan
from campaigns.throttling.rule import Rule, describe
from tests.english import in_english, legacy_reason
from tests.factories import a_campaign, a_list, a_provider, a_sender

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def matching(text: str, *, group: str = "other", preset: str = "", count: int = 10) -> list[str]:
    """The rules that match a reply."""
    code, _, words = text.partition(" ")
    book = rules.RuleBook(RULES, preset=preset)
    decision = rules.decide(book, [(int(code), words, count)], group=group, hits={})
    return [action.rule.key for action in decision.actions]


@pytest.mark.parametrize(
    ("text", "group", "key"),
    [
        ("421 4.7.28 Unusual rate of mail, held back", "google", "gmail-unusual-rate"),
        ("421 4.7.0 Please try again later, mail looked odd", "google", "gmail-later"),
        ("550 5.7.26 This sender is not authenticated", "google", "authentication"),
        ("550 5.7.515 Access denied, domain lacks the level wanted", "outlook", "authentication"),
        ("550 5.4.5 Daily user sending limit exceeded", "other", "google-day"),
        ("454 4.7.0 Too many login attempts, wait", "other", "google-logins"),
        ("421 4.4.5 Server busy, try again later", "google", ""),
        ("452 4.4.5 Maximum number of messages per session exceeded.", "other", ""),
        ("450 4.3.2 Too many messages per connection", "other", ""),
        ("421 RP-001 Our limit for your address is reached", "outlook", "outlook-rate"),
        ("421 RP-003 Connection limit", "outlook", "outlook-rate"),
        ("451 4.7.500 Server busy (S77719)", "outlook", "outlook-busy"),
        ("550 5.7.1 Part of their network is on our list (S3140)", "outlook", "outlook-block"),
        ("550 SC-001 Mail rejected for policy reasons", "outlook", "outlook-block"),
        ("421 4.7.0 [TSS04] Messages from 192.0.2.1 put off", "yahoo", "yahoo-complaints"),
        ("421 4.7.0 [TS04] Messages put off", "yahoo", "yahoo-complaints"),
        ("451 4.7.1 [TSS09] All messages put off", "yahoo", "yahoo-later"),
        ("454 Throttling failure: Maximum sending rate exceeded.", "other", "ses-rate"),
        ("454 Throttling failure: Daily message quota exceeded.", "other", "ses-quota"),
        ("554 Message rejected: Sending paused for this account", "other", "ses-paused"),
        ("554 Message rejected: Email address is not verified", "other", "ses-identity"),
        ("421 Too many concurrent SMTP connections", "other", "too-many-connections"),
        ("432 4.3.2 Concurrent connections limit exceeded", "other", "m365-connections"),
        ("550 5.7.233 Tenant exceeded its limit", "other", ""),
        ("450 4.2.1 Later: hourly sending limit exceeded", "other", "plan-quota"),
        ("421 RL000003 Throttled", "comcast", "comcast-rate"),
        ("421 OFR_004 Too much", "orange", "orange-connections"),
        ("550 5.7.1 Refused, see Spamhaus", "other", "blocklist"),
        ("451 4.7.1 Put off: low reputation of your address", "other", "reputation"),
        ("550 5.1.8 Sender address unknown to us", "other", "sender-refused"),
        ("450 4.7.1 Rate limit reached, slow down", "other", "slow-down"),
        ("450 4.7.1 Greylisted, come back in five minutes", "other", ""),
        ("452 4.2.2 The mailbox is over its quota", "google", ""),
        ("552 5.2.2 Mailbox quota exceeded", "other", ""),
        ("550 5.1.1 No such user", "yahoo", ""),
    ],
)  # fmt: skip
def test_replies_match_their_rule(text: str, group: str, key: str) -> None:
    assert matching(text, group=group) == ([key] if key else [])


def test_some_rules_are_for_one_provider_only() -> None:
    assert matching("550 5.7.233 Tenant exceeded its limit", preset="microsoft-365") == [
        "m365-quota"
    ]


def test_built_in_rules_are_valid() -> None:
    assert len({rule.key for rule in RULES}) == len(RULES) >= 25
    for rule in RULES:
        assert editing._why_not_pattern(rule.pattern) is None, rule.key
        assert in_english(rule.note).endswith(".")
        assert rule.minutes or rule.act not in {"slow", "suspend"}
        assert rule.amount or rule.act not in {"slow", "at_once"}
        assert in_english(describe(rule))
        assert not rule.is_quota or (rule.act == "suspend" and rule.whole_account)


def test_the_meaning_of_a_rule_precedes_the_servers_reply() -> None:
    quote = {"quote": "421 4.7.28 Unusual rate"}
    ours = next(rule for rule in RULES if rule.key == "gmail-unusual-rate")
    told = Reason("throttle.said", {"note": ours.note, **quote})
    assert Reason.unpack(told.pack()) == told
    assert in_english(told).endswith(
        "then gradually more. The server said: “421 4.7.28 Unusual rate”"
    )
    before = Reason("throttle.said", {"note": "Gmail gets none", **quote})
    assert in_english(before).startswith("Gmail gets none. The server said:")


def test_which_replies_mean_a_used_up_quota() -> None:
    assert {rule.key for rule in RULES if rule.is_quota} == {
        "ses-quota",
        "google-day",
        "m365-quota",
        "plan-quota",
    }


def test_a_rule_may_wait_for_several_replies_within_the_hour() -> None:
    rule = Rule("some", legacy_reason("Note."), "wait", "suspend", minutes=5, per_hour=3)
    book = rules.RuleBook([rule], preset="")
    first = rules.decide(book, [(450, "wait", 2)], group="other", hits={})
    assert (first.actions, first.hits) == ([], {"some": 2})
    second = rules.decide(book, [(450, "wait", 1)], group="other", hits=first.hits)
    assert [action.rule.key for action in second.actions] == ["some"]
    assert second.hits == {"some": 0}, "the count starts again"


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    with transaction():
        provider = a_provider()
        return a_campaign(
            a_list(), sender=a_sender(provider=provider), provider_id=provider.id,
            status="sending", started_at=NOW,
        )  # fmt: skip


def say(campaign: Campaign, text: str, *, group: str = "google", at: datetime = NOW) -> None:
    code, _, words = text.partition(" ")
    with transaction():
        provider_id = campaign.provider_id or 0
        actions = rules.apply(provider_id, group, [(int(code), words, 5)], now=at)
        rule_pauses.pause(actions, provider_id, campaign.id, now=at)


def plan(campaign: Campaign, after: timedelta = timedelta()) -> Plan:
    return load_plan(campaign.provider_id or 0, now=NOW + after)


def test_g14_a_ten_minute_wait_then_one_connection_and_one_more(campaign: Campaign) -> None:
    say(campaign, "421 4.7.28 Unusual rate")
    google = plan(campaign).groups["google"]
    assert google.suspended_until == NOW + timedelta(minutes=10)
    assert "421 4.7.28" in in_english(google.why)
    at_once = [
        plan(campaign, timedelta(minutes=minute)).groups["google"].at_once
        for minute in (10, 19, 20, 30, 40)
    ]
    assert at_once == [1, 1, 2, 3, 4]
    assert plan(campaign, timedelta(minutes=10)).groups["google"].suspended_until is None
    later = plan(campaign, timedelta(hours=6)).groups["google"]
    assert (later.at_once, later.suspended_until, later.why) == (0, None, None)


def test_another_matching_reply_restarts_the_wait(campaign: Campaign) -> None:
    say(campaign, "421 4.7.28 Unusual rate")
    say(campaign, "421 4.7.28 Unusual rate", at=NOW + timedelta(minutes=35))
    google = plan(campaign, timedelta(minutes=36)).groups["google"]
    assert google.suspended_until == NOW + timedelta(minutes=45)
    assert plan(campaign, timedelta(minutes=46)).groups["google"].at_once == 1


def test_a_later_time_named_by_the_server_is_used(campaign: Campaign) -> None:
    say(campaign, "421 4.7.28 Unusual rate, try again in 2 hours")
    assert plan(campaign).groups["google"].suspended_until == NOW + timedelta(hours=2)


def test_slowing_down_ends_automatically(campaign: Campaign) -> None:
    say(campaign, "451 4.7.1 [TSS09] later", group="yahoo")
    assert plan(campaign).groups["yahoo"].per_second == 1
    assert plan(campaign, timedelta(minutes=121)).groups["yahoo"].per_second == 0


def test_a_used_up_quota_suspends_the_whole_account(campaign: Campaign) -> None:
    say(campaign, "454 Throttling failure: Daily message quota exceeded.", group="yahoo")
    now = plan(campaign)
    assert now.suspended_until == NOW + timedelta(minutes=60)
    assert now.groups == {}
    assert "24-hour quota is used up" in in_english(now.why)
    assert plan(campaign, timedelta(minutes=61)).suspended_until is None


def test_too_many_connections_reduces_them_to_one(campaign: Campaign) -> None:
    say(campaign, "421 Too many connections")
    assert plan(campaign).connections == 1
    assert plan(campaign, timedelta(minutes=25)).connections == 3


def test_missing_authentication_pauses_the_campaign_and_quotes_the_server(
    campaign: Campaign,
) -> None:
    say(campaign, "550 5.7.515 Access denied", group="outlook")
    found = db.session.get_one(Campaign, campaign.id)
    assert found.status == "paused"
    assert "SPF, DKIM and DMARC" in in_english(found.status_reason)
    assert "550 5.7.515 Access denied" in found.status_reason


def test_a_blocked_account_pauses_all_its_campaigns(campaign: Campaign) -> None:
    with transaction():
        other = a_campaign(
            sender=None, provider_id=campaign.provider_id, status="sending", started_at=NOW
        )
    say(campaign, "554 Sending paused for this account")
    for number in (campaign.id, other.id):
        assert db.session.get_one(Campaign, number).status == "paused"


def test_rules_can_be_edited_switched_off_and_added(campaign: Campaign) -> None:
    with transaction():
        db.session.add(
            ReplyRule(
                key="gmail-unusual-rate", note="Ours, longer.", pattern=r"4\.7\.28",
                action="suspend", minutes=30,
            )
        )  # fmt: skip
        db.session.add(
            ReplyRule(
                key="slow-down", note="Off.", pattern="rate limit", action="halve", is_on=False
            )
        )
        db.session.add(
            ReplyRule(note="Own.", pattern="come back", action="slow", amount=5, minutes=10)
        )
    say(campaign, "421 4.7.28 Unusual rate")
    assert plan(campaign).groups["google"].suspended_until == NOW + timedelta(minutes=30)
    with transaction():
        nothing = rules.apply(campaign.provider_id or 0, "other", [(450, "Rate limit", 9)], now=NOW)
    assert nothing == []
    say(campaign, "450 come back", group="yahoo")
    assert plan(campaign).groups["yahoo"].per_second == pytest.approx(5 / 60)


def test_replies_of_an_hour_ago_do_not_count(campaign: Campaign) -> None:
    reputation = "451 4.7.1 Put off: low reputation"
    with transaction():
        for minutes, count in ((0, 2), (70, 2)):
            acted = rules.apply(
                campaign.provider_id or 0, "other",
                [(451, reputation, count)], now=NOW + timedelta(minutes=minutes),
            )  # fmt: skip
            assert acted == []
        acted = rules.apply(
            campaign.provider_id or 0, "other",
            [(451, reputation, 1)], now=NOW + timedelta(minutes=80),
        )  # fmt: skip
    assert [action.rule.key for action in acted] == ["reputation"]


# --- expressions that users write --------------------------------------------------------------

SLOW = "(a+)+!"
"""Takes a backtracking engine longer than the universe exists."""


def custom_rule(pattern: str, **fields: object) -> ReplyRule:
    return ReplyRule(note="Ours.", pattern=pattern, action="suspend", minutes=5, **fields)


def test_a_slow_expression_cannot_freeze_the_installation(campaign: Campaign) -> None:
    with transaction():
        db.session.add(custom_rule(SLOW))
    say(campaign, "450 " + "a" * 100_000)
    say(campaign, "450 " + "a" * 500 + "!")
    assert plan(campaign).groups["google"].suspended_until


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(?<=4\.7)\.0", "look-behind"),
        ("later(?! today)", "Look-ahead"),
        (r"(\d)\1", "earlier group"),
        ("(?P<a>x)(?P=a)", "earlier group"),
        ("a++b", "possessive"),
        ("(?>a)b", "Atomic"),
        (r"gone\Z", r"Use $"),
        (r"\u20ac", r"\x{20ac}"),
        ("((a{100}){100}){10}", "too much memory"),
        ("a{1001}", "too much memory"),
        (r"(\pL{1,60}\pN){9}" * 5, "too much memory"),
        ("x" * 301, "300 characters"),
        ("[", "This regular expression cannot be used"),
        ("\ud800", "not a character"),
    ],
)
def test_invalid_expressions_are_refused_with_a_sentence(
    app: Flask, pattern: str, why: str
) -> None:
    with pytest.raises(InvalidInputError) as refused, transaction():
        save_rule("", RuleInput(note="Ours.", pattern=pattern), now=NOW)
    assert why in in_english(refused.value.problems["pattern"])


def test_a_stored_rule_with_an_invalid_expression_is_off_but_kept(campaign: Campaign) -> None:
    with transaction():
        db.session.add(custom_rule(r"(a)\1"))
        db.session.add(custom_rule("put off"))
    refused, works = rules.all_rules()[:2]
    assert (refused.is_on, refused.pattern) == (False, r"(a)\1")
    assert "References to an earlier group" in in_english(refused.refused)
    assert (works.is_on, works.refused) == (True, None)
    say(campaign, "450 aa put off")
    assert plan(campaign).groups["google"].suspended_until, "the other rules still apply"
    with pytest.raises(InvalidInputError), transaction():
        turn_rule(refused.key, is_on=True, now=NOW)
    with transaction():
        save_rule(refused.key, RuleInput(note="Ours.", pattern="aa"), now=NOW)
    assert rules.all_rules()[0].is_on, "once corrected, the rule is on again"


def test_replies_with_any_characters_can_be_matched() -> None:
    book = rules.RuleBook(
        [Rule("own", legacy_reason("Note."), "später.$", "suspend", minutes=5)], preset=""
    )
    assert book.met_by("other", "450 SPÄTER\ud800") is not None
    assert book.met_by("other", "450 \x00 später\n") is None
