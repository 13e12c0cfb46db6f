"""The balance: every recipient is in exactly one term."""

from typing import Any

import pytest
from flask import Flask

from campaigns.campaign.models import DELIVERY_STATES, Campaign
from campaigns.db import transaction
from campaigns.reports.balance import Balance, campaign_balances
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber
from tests.readback import campaign_balance


def a_campaign_in_every_state(**values: Any) -> Campaign:
    """One delivery in each status, and a second sent one."""
    states = (*DELIVERY_STATES, "sent")
    news = a_list()
    campaign = a_campaign(news, status="sending", audience=len(states), **values)
    for number, state in enumerate(states):
        a_delivery(campaign, a_subscriber(f"p{number}@example.org", news), status=state)
    return campaign


def test_every_delivery_is_counted_in_the_term_of_its_status(app: Flask) -> None:
    with transaction():
        campaign = a_campaign_in_every_state()
    assert campaign_balance(campaign.id) == Balance(
        audience=9, sent=2, failed=1, skipped=1, held=1, cancelled=1, unknown=1, queued=1, sending=1
    )


def test_the_balance_adds_up_with_waiting_as_queued_and_sending(app: Flask) -> None:
    with transaction():
        campaign = a_campaign_in_every_state()
    balance = campaign_balance(campaign.id)
    assert balance.waiting == 2
    assert balance.done == 7
    assert balance.adds_up
    assert sum(count for _, count in balance.terms()) == balance.audience


def test_a_missing_row_is_shown_as_a_balance_that_does_not_add_up(app: Flask) -> None:
    with transaction():
        campaign = a_campaign_in_every_state()
        campaign.audience = 10
    assert not campaign_balance(campaign.id).adds_up


def test_terms_of_zero_are_omitted_and_the_sum_stays_correct() -> None:
    balance = Balance(audience=3, sent=2, queued=1)
    assert balance.terms() == [("sent", 2), ("waiting", 1)]
    assert balance.adds_up


def test_campaigns_are_counted_separately(app: Flask) -> None:
    with transaction():
        news = a_list()
        alice = a_subscriber("alice@example.org", news)
        one = a_campaign(news, status="sent", audience=1)
        two = a_campaign(news, status="sent", audience=1)
        empty = a_campaign(news)
        a_delivery(one, alice, status="sent")
        a_delivery(two, alice, status="failed")
    assert campaign_balances([one.id, two.id, empty.id]) == {
        one.id: Balance(audience=1, sent=1),
        two.id: Balance(audience=1, failed=1),
        empty.id: Balance(),
    }


@pytest.mark.parametrize("ids", [[], [404]])
def test_unknown_campaigns_have_no_balance(app: Flask, ids: list[int]) -> None:
    assert campaign_balances(ids) == {}
    assert campaign_balance(404) == Balance()
