"""What a worker remembers of the recent results of its campaigns."""

from collections import Counter
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.campaign.models import Campaign
from campaigns.db import db, transaction
from campaigns.delivery.outcomes import Recorded
from campaigns.engine import feedback
from campaigns.engine.feedback import Judge
from campaigns.messages import SendResult
from campaigns.providers.models import ProviderAccount
from campaigns.throttling import rules
from campaigns.throttling.models import ReplyRule
from tests.english import in_english
from tests.factories import a_campaign, a_provider

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
SENT = Recorded(sent=Counter({"google": 3, "other": 2}))


def apply(one: Judge, campaign: Campaign) -> None:
    with transaction():
        provider = campaign.provider_id or 0
        one.apply(provider, campaign.id, SENT, now=NOW)


def remembered(one: Judge) -> set[int]:
    """The campaigns that anything is remembered of."""
    of_groups = {campaign_id for campaign_id, _ in one._recent}
    assert one._last.keys() == one._count.keys()
    assert {campaign_id for campaign_id, _ in one._last} == of_groups
    return of_groups


def test_results_of_a_finished_campaign_are_forgotten_and_no_others(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction():
        account = a_provider()
        named = {
            status: a_campaign(status=status, provider_id=account.id)
            for status in ("sending", "paused", "sent", "cancelled")
        }
    one = Judge()
    for campaign in named.values():
        apply(one, campaign)
    assert remembered(one) == {campaign.id for campaign in named.values()}, "not at every result"
    monkeypatch.setattr(feedback, "CLEANUP_INTERVAL_SECONDS", 0.0)
    apply(one, named["sending"])
    assert remembered(one) == {named["sending"].id, named["paused"].id}


def test_a_deleted_campaign_is_forgotten(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction():
        account = a_provider()
        first, second = (a_campaign(status="sending", provider_id=account.id) for _ in "12")
    one = Judge()
    apply(one, first)
    with transaction():
        db.session.execute(sa.delete(Campaign).where(Campaign.id == first.id))
    monkeypatch.setattr(feedback, "CLEANUP_INTERVAL_SECONDS", 0.0)
    apply(one, second)
    assert remembered(one) == {second.id}


def test_replies_to_one_account_do_not_count_for_the_next(app: Flask) -> None:
    """After a switch of accounts, late replies to the first do not stop the campaign."""
    with transaction():
        first, second = a_provider("First"), a_provider("Second")
        campaign = a_campaign(status="sending", provider_id=second.id)
    refused = Recorded(
        refused=Counter({("other", "sender"): 1}), words={"sender": "550 Not your address"}
    )
    one = Judge()
    with transaction():
        one.apply(first.id, campaign.id, refused, now=NOW)
    assert (status(campaign), in_english(trouble(first))) == (
        "sending",
        "The server refuses this sender. It said: 550 Not your address",
    )
    with transaction():
        one.apply(second.id, campaign.id, SENT, now=NOW)
        one.apply(
            second.id, campaign.id, Recorded(refused=Counter({("other", "hard"): 1})), now=NOW
        )
    assert (status(campaign), trouble(second)) == ("sending", "")
    with transaction():
        one.apply(second.id, campaign.id, refused, now=NOW)
    assert status(campaign) == "paused"
    assert remembered_of(one, campaign) == set()


def status(campaign: Campaign) -> str:
    db.session.rollback()
    return db.session.get_one(Campaign, campaign.id, populate_existing=True).status


def trouble(account: ProviderAccount) -> str:
    return in_english(
        db.session.get_one(ProviderAccount, account.id, populate_existing=True).trouble
    )


def remembered_of(one: Judge, campaign: Campaign) -> set[tuple[int, int]]:
    return {key for key in one._last if key[0] == campaign.id}


def test_replies_are_searched_before_the_transaction_that_acts_on_them(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction():
        account = a_provider()
        campaign = a_campaign(status="sending", provider_id=account.id)
        db.session.add(ReplyRule(note="Ours.", pattern="put off", action="suspend", minutes=5))
    refusal = SendResult(1, "deferred", code=450, reply="450 put off, Ex123", scope="recipient")
    book = feedback.rule_book(account.id, [({1: "google"}, [refusal])])
    assert book is not None
    recorded = Recorded(
        refused=Counter({("google", "transient"): 1}),
        replies={"google": Counter({(450, refusal.reply): 1})},
        words={"transient": refusal.reply},
    )

    def searched(*_: object) -> bool:
        raise AssertionError("an owner's expression was searched for in a transaction")

    monkeypatch.setattr(rules, "_first", searched)
    with transaction():
        reported = Judge().apply(account.id, campaign.id, recorded, now=NOW, book=book)
    assert [in_english(action.rule.note) for action in reported.actions["google"]] == ["Ours."]
