"""The buttons of a report that resend and retry."""

import inspect
from contextvars import Context
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience import suppressions
from campaigns.campaign.models import Campaign, Delivery, HeldGroup
from campaigns.clock import utcnow
from campaigns.context import EXTENSION
from campaigns.db import db, transaction
from campaigns.delivery import resend
from campaigns.jobs.queues import JOBS
from campaigns.reports import resend_options
from tests.readback import campaign_status, delivery_statuses
from tests.web.test_reports import started, text_of

SENT = {"status": "sent"}
UNKNOWN = {"status": "unknown", "reason": "no_answer"}
GAVE_UP = {"status": "failed", "reason": "gave_up", "attempts": 14}
NOBODY = {"status": "failed", "reason": "no_mailbox"}
CANCELLED = {"status": "cancelled", "reason": "cancelled"}
BLOCKED = {"status": "held", "reason": "blocked"}
FLOOD = {"status": "held", "reason": "flood", "mailbox_group": "google"}


@pytest.fixture
def queued_jobs(app: Flask) -> list[tuple[str, tuple[int, ...]]]:
    """The jobs queued, in order."""
    heard: list[tuple[str, tuple[int, ...]]] = []

    class Bell:
        def ring(self, job: str, *ids: int) -> bool:
            module, _, name = JOBS[job][1].rpartition(".")
            inspect.signature(getattr(import_module(module), name)).bind(*ids)
            heard.append((job, ids))
            return True

        def answered(self, job: str, *ids: int) -> None:
            raise AssertionError("no page runs a job")

    app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], doorbell=Bell())
    return heard


def a_campaign_with(*outcomes: dict[str, Any], status: str = "sent") -> Campaign:
    with transaction():
        return started(status, *outcomes)


def a_refusal_spike(*outcomes: dict[str, Any]) -> Campaign:
    campaign = a_campaign_with(*outcomes, status="sending")
    with transaction():
        group = HeldGroup(campaign_id=campaign.id, mailbox_group="google", held_at=utcnow())
        group.words = "550 no such user"
        db.session.add(group)
    return campaign


def page(client: FlaskClient, campaign: Campaign, path: str = "") -> str:
    answer = client.get(f"/campaigns/{campaign.public_id}/report{path}")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def press(client: FlaskClient, campaign: Campaign, path: str, **form: Any) -> str:
    """Press a button; return the text of the next page."""
    address = f"/campaigns/{campaign.public_id}/report/{path}"
    answer = client.post(address, data=form, follow_redirects=True)
    assert answer.status_code == 200
    return text_of(answer.get_data(as_text=True))


PATHS = ("again/unknown", "again/failed", "leave", "remaining", "release", "flood")


def test_a_stranger_can_press_nothing(app: Flask, client: FlaskClient) -> None:
    campaign = a_campaign_with(UNKNOWN, GAVE_UP, CANCELLED)
    for path in PATHS:
        answer = client.post(f"/campaigns/{campaign.public_id}/report/{path}")
        assert answer.location.startswith("/login")
    for path in ("again", "again/unknown", "again/failed"):
        assert client.get(f"/campaigns/{campaign.public_id}/report/{path}").status_code == 302
    assert delivery_statuses() == ["unknown", "failed", "cancelled"]


def test_an_unknown_campaign_is_not_found(owner_client: FlaskClient) -> None:
    campaign = a_campaign_with(SENT)
    for path in PATHS:
        assert owner_client.post(f"/campaigns/nothing/report/{path}").status_code == 404
    address = f"/campaigns/{campaign.public_id}/report/again/sent"
    assert owner_client.get(address).status_code == 404
    assert owner_client.post(address).status_code == 404


def test_a_report_without_problems_offers_nothing(owner_client: FlaskClient) -> None:
    assert "Resend and retry" not in page(owner_client, a_campaign_with(SENT, SENT))


def test_the_report_says_what_can_be_done(owner_client: FlaskClient) -> None:
    campaign = a_campaign_with(SENT, UNKNOWN, GAVE_UP, GAVE_UP, NOBODY, CANCELLED, BLOCKED)
    text = text_of(page(owner_client, campaign))
    for words in (
        "1 email may have arrived",
        "2 emails failed",
        "1 more failed because the mailbox does not exist",
        "1 email was cancelled",
        "1 email is on hold",
    ):
        assert words in text


def test_unknown_deliveries_have_a_warning_and_two_buttons_each(
    owner_client: FlaskClient,
) -> None:
    campaign = a_campaign_with(SENT, UNKNOWN, UNKNOWN)
    html = page(owner_client, campaign, "/again/unknown")
    text = text_of(html)
    assert "Emails with unknown results" in text
    assert "Resending can deliver the same email twice" in text
    assert "p0@example.org" not in text
    assert html.count('name="delivery"') == 4
    assert "Resend 2 emails" in text
    assert "Keep all as unknown" in text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_one_unknown_delivery_is_sent_again_and_the_other_dismissed(
    owner_client: FlaskClient,
) -> None:
    campaign = a_campaign_with(SENT, UNKNOWN, UNKNOWN)
    ids = list(db.session.scalars(sa.select(Delivery.id).order_by(Delivery.id)))
    assert "1 email queued" in press(owner_client, campaign, "again/unknown", delivery=ids[1])
    assert campaign_status(campaign) == "sending"
    shown = press(owner_client, campaign, "leave", delivery=ids[2])
    assert "1 email kept as unknown" in shown
    assert "May have arrived; not sent again" in shown
    assert delivery_statuses() == ["sent", "queued", "unknown"]
    assert "Resend and retry" not in text_of(page(owner_client, campaign))


def test_all_unknown_deliveries_at_once(owner_client: FlaskClient) -> None:
    campaign = a_campaign_with(UNKNOWN, UNKNOWN, GAVE_UP)
    assert "2 emails queued" in press(owner_client, campaign, "again/unknown")
    assert delivery_statuses() == ["queued", "queued", "failed"]


def test_failed_deliveries_are_listed_with_their_reason_and_retried(
    owner_client: FlaskClient,
) -> None:
    campaign = a_campaign_with(SENT, GAVE_UP, NOBODY)
    html = page(owner_client, campaign, "/again/failed")
    text = text_of(html)
    assert "Deferred until the retry limit was reached" in text
    assert "The mailbox does not exist" in text
    assert "Without 1 email to a mailbox that does not exist" in text
    assert f"/campaigns/{campaign.public_id}/report/deliveries.csv?view=failed" in html
    assert "1 email queued" in press(owner_client, campaign, "again/failed")
    assert delivery_statuses() == ["sent", "queued", "failed"]
    assert campaign_status(campaign) == "sending"


def test_pressing_again_says_that_nothing_is_left(owner_client: FlaskClient) -> None:
    campaign = a_campaign_with(GAVE_UP)
    press(owner_client, campaign, "again/failed")
    assert "nothing left to send" in press(owner_client, campaign, "again/failed")


@pytest.mark.parametrize("key", ["", "x", "-1", "99999999999999999999", "7\1"])
def test_an_invalid_delivery_does_not_mean_all(owner_client: FlaskClient, key: str) -> None:
    campaign = a_campaign_with(GAVE_UP, UNKNOWN)
    press(owner_client, campaign, "again/failed", delivery=key)
    press(owner_client, campaign, "again/unknown", delivery=key)
    press(owner_client, campaign, "leave", delivery=key)
    assert delivery_statuses() == ["failed", "unknown"]


def test_sending_the_remaining_of_a_cancelled_campaign(owner_client: FlaskClient) -> None:
    campaign = a_campaign_with(SENT, CANCELLED, CANCELLED, status="cancelled")
    assert "Send remaining emails" in text_of(page(owner_client, campaign))
    assert "2 emails queued" in press(owner_client, campaign, "remaining")
    assert delivery_statuses() == ["sent", "queued", "queued"]
    assert campaign_status(campaign) == "sending"


def test_held_deliveries_are_released(owner_client: FlaskClient) -> None:
    campaign = a_campaign_with(BLOCKED, FLOOD)
    press(owner_client, campaign, "release")
    assert delivery_statuses() == ["queued", "held"]


def test_b4_a_refusal_spike_asks_for_a_decision(owner_client: FlaskClient) -> None:
    campaign = a_refusal_spike(FLOOD, FLOOD, {"status": "queued", "mailbox_group": "google"})
    html = page(owner_client, campaign)
    text = text_of(html)
    assert "Gmail refused many addresses at once" in text
    assert "2 addresses have been on hold" in text
    assert "1 more recipient waits" in text
    assert "550 no such user" in text
    assert "Gmail" in text_of(page(owner_client, campaign, "/again")), "and so does its poll"


def test_b4_retrying_the_held_group(owner_client: FlaskClient) -> None:
    campaign = a_refusal_spike(FLOOD, FLOOD)
    shown = press(owner_client, campaign, "flood", group="google", decision="again")
    assert "2 emails queued" in shown
    assert delivery_statuses() == ["queued", "queued"]
    assert "suddenly" not in shown


def test_b4_confirming_the_refusals(owner_client: FlaskClient) -> None:
    campaign = a_refusal_spike(FLOOD, FLOOD)
    shown = press(owner_client, campaign, "flood", group="google", decision="gone")
    assert "2 addresses suppressed" in shown
    assert delivery_statuses() == ["failed", "failed"]
    assert suppressions.is_suppressed("p0@example.org")
    again = press(owner_client, campaign, "flood", group="google", decision="gone")
    assert "already decided this" in again


@pytest.mark.parametrize("decision", ["", "yes"])
@pytest.mark.parametrize("about", ["flood", "bounces", "canary"])
def test_an_unknown_decision_changes_nothing(
    owner_client: FlaskClient, about: str, decision: str
) -> None:
    campaign = a_refusal_spike(FLOOD)
    path = f"/campaigns/{campaign.public_id}/report/{about}"
    answer = owner_client.post(path, data={"group": "google", "decision": decision})
    assert answer.status_code == 400
    assert delivery_statuses() == ["held"]


def test_an_invalid_group_changes_nothing(owner_client: FlaskClient) -> None:
    campaign = a_refusal_spike(FLOOD)
    for group in ("", "yahoo", "a\1b"):
        press(owner_client, campaign, "flood", group=group, decision="gone")
        press(owner_client, campaign, "flood", group=group, decision="again")
    assert delivery_statuses() == ["held"]


def test_b4_the_home_page_links_to_the_decision(owner_client: FlaskClient) -> None:
    campaign = a_refusal_spike(FLOOD)
    html = owner_client.get("/").get_data(as_text=True)
    assert "Winter sale needs your decision" in text_of(html)
    assert "Many addresses refused at once at Gmail" in text_of(html)
    press(owner_client, campaign, "flood", group="google", decision="again")
    assert "needs your decision" not in text_of(owner_client.get("/").get_data(as_text=True))


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("again/failed", {}),
        ("again/unknown", {}),
        ("remaining", {}),
        ("release", {}),
        ("flood", {"group": "google", "decision": "again"}),
        ("flood", {"group": "google", "decision": "gone"}),
        ("canary", {"group": "yahoo", "decision": "again"}),
        ("canary", {"group": "yahoo", "decision": "left"}),
    ],
)
def test_the_send_job_is_queued(
    owner_client: FlaskClient,
    queued_jobs: list[tuple[str, tuple[int, ...]]],
    path: str,
    form: dict[str, str],
) -> None:
    campaign = a_refusal_spike(UNKNOWN, GAVE_UP, CANCELLED, BLOCKED, FLOOD)
    with transaction():
        key = {"campaign_id": campaign.id, "mailbox_group": "yahoo", "kind": "canary"}
        db.session.add(HeldGroup(**key, held_at=utcnow()))
    press(owner_client, campaign, path, **form)
    assert queued_jobs == [("send", ())]


# --- large resends --------------------------------------------------------------------------------


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make three deliveries a large resend."""
    monkeypatch.setattr(resend, "BATCH_SIZE", 2)


@pytest.mark.usefixtures("small_batches")
def test_a_large_retry_is_left_to_the_workers_and_shows_its_progress(
    owner_client: FlaskClient, queued_jobs: list[tuple[str, tuple[int, ...]]]
) -> None:
    campaign = a_campaign_with(*[GAVE_UP] * 5, UNKNOWN)
    shown = press(owner_client, campaign, "again/failed")
    assert "2 emails queued. 3 more follow automatically." in shown
    assert queued_jobs == [("send", ()), ("resend", (campaign.id,))]
    assert delivery_statuses() == ["queued"] * 2 + ["failed"] * 3 + ["unknown"]
    for path in ("", "/again"):
        html = page(owner_client, campaign, path)
        assert "Retrying failed emails" in text_of(html)
        assert "2 of 5 so far" in text_of(html)
        assert "Retry failed" not in html
        assert "every 2s" in html
        assert "1 email may have arrived" in text_of(html), "the others can still be decided"


@pytest.mark.usefixtures("small_batches")
def test_the_list_of_a_large_retry_has_no_second_button_for_all(owner_client: FlaskClient) -> None:
    campaign = a_campaign_with(*[UNKNOWN] * 5)
    press(owner_client, campaign, "leave")
    text = text_of(page(owner_client, campaign, "/again/unknown"))
    assert "Keeping these as unknown" in text
    assert "2 of 5 so far" in text
    assert "Keep all as unknown" not in text
    assert "Send all" not in text


@pytest.mark.usefixtures("small_batches")
def test_pressing_again_says_that_it_is_in_progress(owner_client: FlaskClient) -> None:
    campaign = a_campaign_with(*[GAVE_UP] * 5)
    press(owner_client, campaign, "again/failed")
    again = press(owner_client, campaign, "again/failed")
    assert "This is already in progress. 3 more follow automatically." in again


@pytest.mark.usefixtures("small_batches")
def test_a_finished_campaign_is_polled_while_a_retry_runs(
    owner_client: FlaskClient,
) -> None:
    campaign = a_campaign_with(*[UNKNOWN] * 5)
    assert "every 10s" not in page(owner_client, campaign)
    press(owner_client, campaign, "leave")
    assert campaign_status(campaign) == "sent"
    assert "every 2s" in page(owner_client, campaign)
    while True:
        with transaction():
            if not resend.carry_on(campaign.id, now=utcnow()):
                break
    assert "so far" not in page(owner_client, campaign)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("path", ["/again", "/again/failed"])
def test_a_retry_that_ends_while_a_page_is_made_offers_no_second_one(
    app: Flask, owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    campaign = a_campaign_with(*[GAVE_UP] * 5)
    press(owner_client, campaign, "again/failed")
    count = resend_options.resend_options

    def count_and_end(campaign_id: int) -> resend_options.ResendOptions:
        found = count(campaign_id)
        Context().run(end, campaign_id)
        return found

    def end(campaign_id: int) -> None:
        is_more = True
        while is_more:
            with app.app_context(), transaction():
                is_more = resend.carry_on(campaign_id, now=utcnow())

    monkeypatch.setattr(resend_options, "resend_options", count_and_end)
    html = page(owner_client, campaign, path)
    assert "so far" in text_of(html)
    assert "Retry failed" not in html


@pytest.mark.usefixtures("small_batches")
def test_a_large_retry_of_a_refusal_spike(
    owner_client: FlaskClient, queued_jobs: list[tuple[str, tuple[int, ...]]]
) -> None:
    campaign = a_refusal_spike(*[FLOOD] * 4)
    shown = press(owner_client, campaign, "flood", group="google", decision="again")
    assert "2 emails queued. 2 more follow automatically." in shown
    assert "Retrying emails to Gmail" in shown
    assert ("resend", (campaign.id,)) in queued_jobs
