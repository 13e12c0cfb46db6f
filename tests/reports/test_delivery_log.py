"""The delivery log: paged by key, under every filter."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from campaigns.campaign.models import Campaign, Reply
from campaigns.db import db, transaction
from campaigns.reports.delivery_log import DeliveryLine, Filter, export, log_page
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    """Ten deliveries with alternating statuses, so that their keys are interleaved."""
    with transaction():
        news = a_list()
        campaign: Campaign = a_campaign(news, status="sending", audience=10)
        other = a_campaign(news, status="sending", audience=10)
        gone = Reply(digest="1", code=550, text="550 5.1.1 no such user (id {ref})")
        db.session.add(gone)
        db.session.flush()
        rows: list[dict[str, object]] = [
            {"status": "sent", "sent_at": NOW, "first_opened_at": NOW},
            {"status": "queued"},
            {"status": "failed", "reason": "refused", "reply_id": gone.id, "reply_ref": "4F1"},
            {"status": "sending"},
            {"status": "sent", "first_opened_at": NOW, "first_clicked_at": NOW},
            {"status": "skipped", "reason": "suppressed"},
            {"status": "failed", "reason": "gave_up", "reply_id": gone.id, "reply_ref": "4F2"},
            {"status": "unknown", "reason": "no_answer"},
            {"status": "sent", "unsubscribed_at": NOW},
            {"status": "held"},
        ]
        for number, values in enumerate(rows):
            subscriber = a_subscriber(f"Person{number}@{number % 2}.example", news)
            a_delivery(campaign, subscriber, **values)
            a_delivery(other, subscriber, **values)
    return campaign


def numbers(lines: list[DeliveryLine]) -> str:
    """The positions of these lines among the ten, as digits."""
    return "".join(line.address.partition("@")[0].removeprefix("Person") for line in lines)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (Filter(), "0123456789"),
        (Filter("sent"), "048"),
        (Filter("waiting"), "13"),
        (Filter("failed"), "26"),
        (Filter("skipped"), "5"),
        (Filter("held"), "9"),
        (Filter("unknown"), "7"),
        (Filter("cancelled"), ""),
        (Filter("opened"), "04"),
        (Filter("clicked"), "4"),
        (Filter("unsubscribed"), "8"),
        (Filter("bounced"), ""),
        (Filter(reason="refused"), "2"),
        (Filter("failed", reason="gave_up"), "6"),
        (Filter("sent", reason="gave_up"), ""),
        (Filter("failed", reply_id=1), "26"),
        (Filter(search="person3"), "3"),
        (Filter(search="PERSON"), "0123456789"),
        (Filter(search="@1.example"), "13579"),
        (Filter("sent", search="person4"), "4"),
        (Filter("opened", search="person4"), "4"),
        (Filter(search="erson"), ""),
        (Filter(search="%"), ""),
        (Filter(search="person_"), ""),
    ],
)
def test_a_filter_shows_its_recipients(campaign: Campaign, chosen: Filter, expected: str) -> None:
    assert numbers(log_page(campaign.id, chosen).lines) == expected
    assert numbers([line for chunk in export(campaign.id, chosen) for line in chunk]) == expected


@pytest.mark.parametrize("chosen", [Filter(), Filter(search="person")])
def test_paging_forward_and_back_by_key(campaign: Campaign, chosen: Filter) -> None:
    first = log_page(campaign.id, chosen, size=4)
    assert (numbers(first.lines), first.previous) == ("0123", None)
    second = log_page(campaign.id, chosen, after=first.next, size=4)
    assert numbers(second.lines) == "4567"
    third = log_page(campaign.id, chosen, after=second.next, size=4)
    assert (numbers(third.lines), third.next) == ("89", None)
    back = log_page(campaign.id, chosen, before=third.previous, size=4)
    assert back.lines == second.lines
    start = log_page(campaign.id, chosen, before=back.previous, size=4)
    assert (start.lines, start.previous, start.next) == (first.lines, None, first.next)


def test_filters_by_event_are_paged_by_key(campaign: Campaign) -> None:
    first = log_page(campaign.id, Filter("opened"), size=1)
    second = log_page(campaign.id, Filter("opened"), after=first.next, size=1)
    assert numbers(first.lines) + numbers(second.lines) == "04"
    assert second.next is None
    back = log_page(campaign.id, Filter("opened"), before=second.previous, size=1)
    assert back.lines == first.lines


def test_the_servers_queue_id_is_restored_in_its_reply(campaign: Campaign) -> None:
    first, second = log_page(campaign.id, Filter("failed")).lines
    assert first.reply == "550 5.1.1 no such user (id 4F1)"
    assert second.reply == "550 5.1.1 no such user (id 4F2)"
    assert first.reply_code == 550


def test_an_erased_person_keeps_a_line(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(status="sent", audience=1)
        delivery = a_delivery(campaign, a_subscriber(), status="sent")
        delivery.subscriber_id, delivery.address = None, ""
    (line,) = log_page(campaign.id, Filter()).lines
    assert (line.subscriber_id, line.address, line.status) == (None, "", "sent")
