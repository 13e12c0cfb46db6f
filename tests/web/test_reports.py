"""The report of a campaign during and after sending, and its delivery log."""

import csv
import io
import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.campaign.models import Campaign, CampaignLink, Delivery, Reply
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.jobs import monitor
from campaigns.throttling.models import GroupState
from campaigns.web.reports import campaign as reports
from tests.factories import a_campaign, a_delivery, a_list, a_provider, a_sender, a_subscriber


def text_of(html: str) -> str:
    """The visible text of a page, with single spaces."""
    body = re.sub(r"<(script|svg)\b.*?</\1>", " ", html, flags=re.DOTALL)
    words = unescape(re.sub(r"<[^>]+>", " ", body))
    return re.sub(r"\s+", " ", words)


def started(status: str = "sending", *outcomes: dict[str, Any], **values: Any) -> Campaign:
    """A campaign with one delivery per outcome."""
    news = a_list()
    defaults: dict[str, Any] = {
        "subject": "Winter sale",
        "started_at": utcnow() - timedelta(minutes=5),
        "audience": len(outcomes),
        "matched": len(outcomes),
    }
    campaign: Campaign = a_campaign(news, status=status, **{**defaults, **values})
    for number, outcome in enumerate(outcomes):
        a_delivery(campaign, a_subscriber(f"p{number}@example.org", news), **outcome)
    return campaign


SENT = {"status": "sent"}
QUEUED = {"status": "queued"}
FAILED = {"status": "failed", "reason": "refused"}
SKIPPED = {"status": "skipped", "reason": "suppressed"}


def report(client: FlaskClient, campaign: Campaign, path: str = "") -> str:
    answer = client.get(f"/campaigns/{campaign.public_id}/report{path}")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def poll_url(html: str) -> str:
    found = re.search(r'id="live"[^>]*hx-get="([^"]+)"', html)
    assert found is not None
    return unescape(found[1])


def test_a_stranger_is_sent_to_the_login(app: Flask, client: FlaskClient) -> None:
    with transaction():
        campaign = started("sent", SENT)
    for path in ("", "/live", "/reasons", "/deliveries", "/deliveries.csv"):
        answer = client.get(f"/campaigns/{campaign.public_id}/report{path}")
        assert answer.status_code == 302
        assert answer.location.startswith("/login")


def test_an_unknown_campaign_is_not_found(owner_client: FlaskClient) -> None:
    for path in ("", "/live", "/reasons", "/deliveries", "/deliveries.csv"):
        assert owner_client.get(f"/campaigns/nothing/report{path}").status_code == 404


def test_a_draft_redirects_to_its_editor(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = a_campaign()
    for path in ("", "/deliveries"):
        answer = owner_client.get(f"/campaigns/{campaign.public_id}/report{path}")
        assert answer.status_code == 302
        assert answer.location == f"/campaigns/{campaign.public_id}"


def test_the_undo_window_counts_down_and_offers_undo(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = a_campaign(
            status="scheduled", is_undo_window=True, scheduled_at=utcnow() + timedelta(seconds=10)
        )
    html = report(owner_client, campaign)
    assert re.search(r"Sending in (9|10) seconds", text_of(html))
    assert f'action="/campaigns/{campaign.public_id}/undo"' in html
    assert 'hx-trigger="every 1s"' in html
    assert "unschedule" not in html


def test_a_scheduled_campaign_shows_its_start_and_can_be_a_draft_again(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        campaign = a_campaign(status="scheduled", scheduled_at=utcnow() + timedelta(days=3))
    html = report(owner_client, campaign)
    assert "In 3 days" in text_of(html)
    assert f'action="/campaigns/{campaign.public_id}/unschedule"' in html
    assert "/undo" not in html


def test_an_overdue_start_says_what_to_check(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = a_campaign(
            status="scheduled", is_undo_window=True, scheduled_at=utcnow() - timedelta(minutes=2)
        )
    assert "background process has not started this campaign" in text_of(
        report(owner_client, campaign)
    )


def test_preparing_shows_no_balance_yet(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("preparing", QUEUED, QUEUED, audience=0)
    text = text_of(report(owner_client, campaign))
    assert "2 recipients so far" in text
    assert "must never happen" not in text


def test_the_balance_adds_up_and_omits_zeros(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("sending", SENT, SENT, QUEUED, FAILED, SKIPPED)
    html = report(owner_client, campaign)
    line = "Audience 5 = Sent 2 + Waiting 1 + Failed 1 + Skipped 1"
    assert line in text_of(html)
    assert "Cancelled" not in text_of(html).partition("Audience 5")[2].partition("“Sent”")[0]
    assert "<title>80% · Winter sale · Campaigns</title>" in html


def test_the_live_part_polls_and_computes_the_speed(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_worker_running(monkeypatch, True)
    with transaction():
        campaign = started("sending", *[SENT] * 10, *[QUEUED] * 10)
    html = report(owner_client, campaign)
    assert "measuring" not in html
    earlier = int((utcnow() - timedelta(seconds=5)).timestamp() * 1000)
    address = re.sub(r"samples=[^&]*", f"samples={earlier}.0", poll_url(html))
    answer = owner_client.get(address)
    text = text_of(answer.get_data(as_text=True))
    assert re.search(r"Speed (1\.9|2) per second", text)
    assert re.search(r"in [456] seconds", text)
    assert "<title>50% · Winter sale · Campaigns</title>" in answer.get_data(as_text=True)
    assert f"{earlier}.0-" in poll_url(answer.get_data(as_text=True))


@pytest.mark.parametrize("samples", ["", "x", "1.2.3-4", "9" * 400, "-1.-1"])
def test_tampered_samples_are_ignored(owner_client: FlaskClient, samples: str) -> None:
    with transaction():
        campaign = started("sending", SENT, QUEUED)
    address = f"/campaigns/{campaign.public_id}/report/live"
    answer = owner_client.get(address, query_string={"status": "sending", "samples": samples})
    assert answer.status_code == 200
    assert "50%" in answer.get_data(as_text=True)


def test_a_new_status_reloads_the_page_for_its_buttons(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        campaign = started("sending", SENT, QUEUED)
    address = poll_url(report(owner_client, campaign))
    with transaction():
        campaign.status = "paused"
        db.session.add(campaign)
    assert owner_client.get(address).headers["HX-Refresh"] == "true"


def test_polling_ends_when_nothing_can_change(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("sent", SENT, FAILED, finished_at=utcnow())
    html = report(owner_client, campaign)
    assert "hx-get" not in html
    assert "Sent to 1 of 2" in text_of(html)
    address = f"/campaigns/{campaign.public_id}/report/live?status=sent"
    assert owner_client.get(address).headers["HX-Refresh"] == "true"


def test_a_cancelled_campaign_is_polled_until_open_results_arrive(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        campaign = started("cancelled", SENT, {"status": "sending"}, {"status": "cancelled"})
    assert 'hx-trigger="every 2s"' in report(owner_client, campaign)


@pytest.mark.parametrize(
    ("status", "offered", "not_offered"),
    [
        ("sending", ["pause", "cancel"], ["resume", "undo", "duplicate"]),
        ("paused", ["resume", "cancel"], ["pause", "undo", "duplicate"]),
        ("preparing", ["cancel"], ["pause", "resume", "undo"]),
        ("sent", ["duplicate"], ["pause", "resume", "cancel", "undo"]),
        ("cancelled", ["duplicate"], ["pause", "resume", "cancel", "undo"]),
    ],
)
def test_the_buttons_match_the_status(
    owner_client: FlaskClient, status: str, offered: list[str], not_offered: list[str]
) -> None:
    with transaction():
        campaign = started(status, SENT)
    html = report(owner_client, campaign)
    for action in offered:
        assert f'action="/campaigns/{campaign.public_id}/{action}"' in html
    for action in not_offered:
        assert f"/campaigns/{campaign.public_id}/{action}" not in html


def test_trouble_and_the_reason_of_a_pause_are_shown_as_banners(owner_client: FlaskClient) -> None:
    with transaction():
        account = a_provider("Mailserver", trouble="The server refused the login.")
        campaign = started(
            "paused", SENT, QUEUED,
            sender=a_sender(provider=account), provider_id=account.id,
            status_reason="Ten messages in a row were refused.",
        )  # fmt: skip
    text = text_of(report(owner_client, campaign))
    assert "Mailserver is not working" in text
    assert "The server refused the login." in text
    assert "Ten messages in a row were refused." in text


def test_a_finished_report_shows_rates_links_hours_and_the_audience(
    owner_client: FlaskClient,
) -> None:
    opened = {**SENT, "first_opened_at": utcnow() - timedelta(minutes=1)}
    with transaction():
        campaign = started(
            "sent", SENT, opened, opened, opened, SKIPPED, matched=12, duplicates=4,
            finished_at=utcnow(),
        )  # fmt: skip
        campaign.excluded = 3
        target = "https://shop.example/?a=1&b=<x>"
        db.session.add(CampaignLink(campaign_id=campaign.id, number=1, target=target))
    html = report(owner_client, campaign)
    text = text_of(html)
    assert "Opened 3 75% of sent" in text
    assert "On the lists 12" in text
    assert "− 4" in text
    assert "− 3" in text
    assert "Audience 5" in text
    assert "Skipped: suppressed or unsubscribed − 1" in text
    assert "https://shop.example/?a=1&amp;b=&lt;x&gt;" in html
    assert "Hour 1: first opens 3, first clicks 0" in html
    for view in ("sent", "opened", "clicked", "unsubscribed", "failed", "skipped"):
        assert f"/report/deliveries?view={view}" in html


def test_untracked_figures_are_not_shown_as_zero(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("sent", SENT, track_opens=False, track_clicks=False)
    text = text_of(report(owner_client, campaign))
    assert text.count("Not tracked") == 2
    assert "48 hours" not in text


def test_sent_is_never_called_delivered(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("sent", SENT, finished_at=utcnow())
    assert "delivered" not in report(owner_client, campaign).lower()


@pytest.mark.runs_on("sqlite", "postgresql")
def test_holds_are_shown_beside_the_progress_bar(owner_client: FlaskClient) -> None:
    with transaction():
        reply = Reply(digest="1", code=451, text="451 4.7.1 Please <try> later")
        db.session.add(reply)
        db.session.flush()
        put_off = {**QUEUED, "reason": "deferred", "reply_id": reply.id}
        campaign = started("sending", put_off, put_off, SKIPPED, SKIPPED, SKIPPED)
    page = report(owner_client, campaign)
    live = page[page.index('id="live"') : page.index("</section>")]
    polled = owner_client.get(poll_url(page)).get_data(as_text=True)
    for html in (live, polled):
        words = "Waiting 2: The server asked to try again later 451 4.7.1 Please <try> later"
        assert words in text_of(html)
        link = re.search(r'id="trouble" href="([^"]+)"', html)
        assert link is not None
        people = owner_client.get(unescape(link[1])).get_data(as_text=True)
        assert "p1@example.org" in people
        assert "p2@example.org" not in people


def test_reasons_link_to_their_recipients(owner_client: FlaskClient) -> None:
    with transaction():
        reply = Reply(digest="1", code=550, text="550 no <such> user {ref}")
        db.session.add(reply)
        db.session.flush()
        campaign = started(
            "sending", SENT, {**FAILED, "reply_id": reply.id, "reply_ref": "X1"}, QUEUED
        )
    html = report(owner_client, campaign, "/reasons")
    assert "550 no &lt;such&gt; user …" in html
    link = re.search(r'class="reason" [^>]*href="([^"]+)"', html)
    assert link is not None
    page = owner_client.get(unescape(link[1])).get_data(as_text=True)
    assert "p1@example.org" in page
    assert "550 no &lt;such&gt; user X1" in page
    assert "p0@example.org" not in page


def test_no_page_uses_what_the_content_policy_forbids(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("sending", SENT, QUEUED, FAILED)
    for path in ("", "/deliveries", "/reasons", "/live?status=sending"):
        html = report(owner_client, campaign, path)
        assert not re.search(r"\sstyle=|\son\w+=|<script>|<style", html)


def deliveries(count: int, at: datetime) -> Campaign:
    return started("sent", *[{**SENT, "sent_at": at, "attempts": 1}] * count)


def test_the_delivery_log_is_paged(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = deliveries(120, utcnow())
    seen: list[str] = []
    address: str | None = f"/campaigns/{campaign.public_id}/report/deliveries"
    while address:
        html = owner_client.get(address).get_data(as_text=True)
        seen += re.findall(r">(p\d+@example\.org)<", html)
        found = re.search(r'href="([^"]+)" rel="next"', html)
        address = unescape(found[1]) if found else None
    assert seen == [f"p{number}@example.org" for number in range(120)]


def test_the_delivery_log_searches_filters_and_says_when_nothing_is_found(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        campaign = started("sent", SENT, FAILED, SKIPPED)
    html = report(owner_client, campaign, "/deliveries?view=failed")
    assert "p1@example.org" in html
    assert "p0@example.org" not in html
    assert "Refused by the receiving server" in html
    assert "p2@example.org" in report(owner_client, campaign, "/deliveries?q=P2@")
    assert "No recipients found" in report(owner_client, campaign, "/deliveries?q=zebra")
    assert "No recipients" in report(owner_client, campaign, "/deliveries?view=held")


@pytest.mark.parametrize(
    "query",
    ["view=nonsense", "after=x", "before=-1", "after=" + "9" * 40, "reply=x", "q=%01", "after=²"],
)
def test_an_invalid_url_of_the_delivery_log_is_harmless(
    owner_client: FlaskClient, query: str
) -> None:
    with transaction():
        campaign = started("sent", SENT)
    answer = owner_client.get(f"/campaigns/{campaign.public_id}/report/deliveries?{query}")
    assert answer.status_code == 200


def test_an_erased_person_is_shown_without_a_link(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("sent")
        delivery = a_delivery(campaign, a_subscriber("gone@example.org"), status="sent")
        delivery.subscriber_id, delivery.address = None, ""
        campaign.audience = 1
    html = report(owner_client, campaign, "/deliveries")
    assert "Erased" in html
    assert "/subscribers/" not in html.partition("<tbody>")[2]


def test_the_export_contains_every_recipient_with_the_servers_reply(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        reply = Reply(digest="1", code=250, text="250 queued as {ref}")
        db.session.add(reply)
        db.session.flush()
        at = utcnow().replace(microsecond=0)
        outcome = {**SENT, "reply_id": reply.id, "sent_at": at, "attempts": 1}
        outcomes = [{**outcome, "reply_ref": f"R{number}"} for number in range(60)]
        campaign = started("sent", *outcomes, SKIPPED)
    answer = owner_client.get(f"/campaigns/{campaign.public_id}/report/deliveries.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert len(rows) == 61
    assert rows[7]["reply"] == "250 queued as R7"
    assert rows[7]["reply_code"] == "250"
    assert datetime.fromisoformat(rows[7]["sent_at"]) == at
    assert rows[60]["reason"] == "suppressed"
    assert rows[60]["sent_at"] == ""


def test_the_export_keeps_the_filter_of_the_page(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("sent", SENT, FAILED)
    html = report(owner_client, campaign, "/deliveries?view=failed")
    address = re.search(r'href="([^"]+)" download', html)
    assert address is not None
    text = owner_client.get(unescape(address[1])).get_data(as_text=True)
    assert [line.partition(",")[0] for line in text.splitlines()] == ["address", "p1@example.org"]


def test_no_cell_of_the_export_is_a_formula(owner_client: FlaskClient) -> None:
    with transaction():
        reply = Reply(digest="1", code=550, text='=HYPERLINK("https://evil.example")')
        db.session.add(reply)
        db.session.flush()
        campaign = started("sent")
        subscriber = a_subscriber("=cmd@example.org")
        a_delivery(campaign, subscriber, **FAILED, reply_id=reply.id)
    text = owner_client.get(f"/campaigns/{campaign.public_id}/report/deliveries.csv").get_data(
        as_text=True
    )
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["address"] == "'=cmd@example.org"
    assert row["reply"].startswith("'=HYPERLINK")


def the_live_part(html: str) -> str:
    return text_of(html[html.index('id="live"') :].partition("</section>")[0])


def test_mailbox_providers_are_shown_while_sending(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_worker_running(monkeypatch, True)
    now = utcnow()
    with transaction():
        account = a_provider()
        campaign = started(
            "sending",
            {"status": "sent", "mailbox_group": "google"},
            {"status": "queued", "mailbox_group": "google"},
            {
                "status": "queued", "mailbox_group": "yahoo", "reason": "deferred",
                "not_before": now + timedelta(hours=1),
            },
            {"status": "failed", "mailbox_group": "yahoo", "reason": "refused"},
            provider_id=account.id,
        )  # fmt: skip
        state = {"why": "It asked for patience", "changed_at": now}
        until = now + timedelta(minutes=30)
        db.session.add(
            GroupState(
                provider_id=account.id, mailbox_group="google", suspended_until=until, **state
            )
        )
    page = report(owner_client, campaign)
    shown = the_live_part(page)
    assert re.search(
        r"Gmail Gmail waits until [^:]+:\d\d\. It asked for patience\. 1 1 – –", shown
    ), shown
    assert re.search(r"Yahoo \S* ?Retried at [^.]+\. 0 1 1 1", shown), shown
    assert "Finishes" in shown
    assert "slowest:" in shown
    assert "Mailbox providers" in report(owner_client, campaign, "/live?status=sending")


def test_a_finished_campaign_has_no_table_of_mailbox_providers(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("sent", SENT)
    assert "Mailbox providers" not in report(owner_client, campaign)


def test_a_paused_campaign_shows_the_waiting_without_a_finish_time(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        campaign = started("paused", SENT, QUEUED)
    shown = the_live_part(report(owner_client, campaign))
    assert "All others 1 1 – – –" in shown
    assert "Finishes" not in shown


def _finish_shown(client: FlaskClient, reason: str = "", **account: Any) -> str:
    with transaction():
        provider = a_provider(**account)
        campaign = started("sending", SENT, QUEUED, provider_id=provider.id, status_reason=reason)
    return the_live_part(report(client, campaign))


def _set_worker_running(monkeypatch: pytest.MonkeyPatch, is_alive: bool) -> None:
    monkeypatch.setattr(monitor, "is_served", lambda redis, lane: is_alive)


def test_a_report_shows_the_finish_time_while_a_worker_runs(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_worker_running(monkeypatch, True)
    assert re.search(r"Finishes (\d+ \w+ \d{4}, )?\d\d:\d\d", _finish_shown(owner_client))


def test_a_report_without_a_worker_says_so_instead_of_a_finish_time(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_worker_running(monkeypatch, False)
    shown = _finish_shown(owner_client)
    assert "Finishes Unknown. No worker is running." in shown


def test_a_report_with_a_server_down_says_so_instead_of_a_finish_time(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_worker_running(monkeypatch, True)
    shown = _finish_shown(
        owner_client,
        trouble="Connection refused. Is the server running?",
        trouble_at=utcnow(),
        trouble_count=6,
        retry_at=utcnow() + timedelta(minutes=1),
        reason="Relay waits until 12:00: Connection refused. Is the server running?",
    )
    assert "Finishes Unknown. The provider account is not working." in shown
    assert "is not working Connection refused. Is the server running?" in shown
    assert "Please note" not in shown, "the reason is not repeated"
    assert "?." not in shown


def test_a_report_says_that_redis_is_unavailable(owner_client: FlaskClient) -> None:
    assert "Finishes Unknown. Redis cannot be reached." in _finish_shown(owner_client)


def test_a_new_page_shows_the_speed_of_its_table(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_worker_running(monkeypatch, True)
    with transaction():
        account = a_provider()
        campaign = started("sending", *[QUEUED] * 9, provider_id=account.id)
    now = utcnow()
    monkeypatch.setattr(reports, "utcnow", lambda: now)
    assert "per second" not in the_live_part(report(owner_client, campaign))
    with transaction():
        ids = db.session.scalars(sa.select(Delivery.id).limit(8)).all()
        db.session.execute(sa.update(Delivery).where(Delivery.id.in_(ids)).values(status="sent"))
    monkeypatch.setattr(reports, "utcnow", lambda: now + timedelta(seconds=4))
    shown = the_live_part(report(owner_client, campaign))
    assert "Speed 2 per second" in shown
    assert "All others 8 1 – – 2 per second" in shown


def test_a_slow_campaign_shows_its_average_speed(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_worker_running(monkeypatch, True)
    with transaction():
        campaign = started("sending", *[SENT] * 10, *[QUEUED] * 10)
    shown = report(owner_client, campaign)
    later = owner_client.get(poll_url(shown)).get_data(as_text=True)
    for html in (shown, later):
        assert re.search(r"Speed [\d.]+ per (second|minute|hour)", text_of(html))
        assert "Speed 0" not in text_of(html)


def test_recipients_are_the_audience_without_skipped_ones(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        campaign = started("sent", SENT, SENT, SKIPPED)
    text = text_of(report(owner_client, campaign))
    assert "Sent to 2 of 2 recipients" in text
    assert "Audience 3 Skipped: suppressed or unsubscribed − 1 Recipients 2" in text
