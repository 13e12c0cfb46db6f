"""The campaign pages: list, editor, preview, review, launch, test send, the buttons."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from werkzeug.test import TestResponse

from campaigns.accounts import users
from campaigns.accounts.workspace import save_workspace
from campaigns.audience import suppressions
from campaigns.audience.models import AudienceList
from campaigns.campaign import drafts as campaigns
from campaigns.campaign import launch as launch_rules
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.providers.models import SenderAddress
from campaigns.transactional.models import TransactionalEmail
from tests.factories import (
    a_campaign,
    a_delivery,
    a_list,
    a_segment,
    a_sender,
    a_signed_domain,
    a_subscriber,
)
from tests.readback import fresh_campaign
from tests.web.test_reports import text_of


@pytest.fixture(autouse=True)
def _workspace(app: Flask) -> None:
    with transaction():
        save_workspace(
            name="Harbour Books", postal_address="12 Quay Street", time_zone="Europe/Berlin"
        )


def _ready(**values: Any) -> Campaign:
    """A campaign ready to launch: a list with two subscribers, a sender and a subject."""
    with transaction():
        news = a_list()
        a_subscriber("alice@example.org", news, name="Alice")
        a_subscriber("bob@example.org", news)
        return a_campaign(news, sender=a_sender(), **{"subject": "What is new today", **values})


def _path(campaign: Campaign, page: str = "") -> str:
    return f"/campaigns/{campaign.public_id}{page}"


def _form(campaign: Campaign, **values: Any) -> dict[str, Any]:
    """The fields of a freshly opened editor."""
    return {
        "version": campaign.version,
        "name": campaign.name,
        "subject": campaign.subject,
        "preheader": campaign.preheader,
        **values,
    }


@contextmanager
def _statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_1: Any, _2: Any, statement: str, *_3: Any) -> None:
        seen.append(statement)

    engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


# --- the list ------------------------------------------------------------------------------------


def test_an_empty_list_offers_the_first_campaign(owner_client: FlaskClient) -> None:
    page = owner_client.get("/campaigns").text
    assert "No campaigns yet" in page
    assert "<table" not in page


def test_the_list_shows_figures_and_links_each_campaign_to_its_page(
    owner_client: FlaskClient,
) -> None:
    now = utcnow()
    with transaction():
        news = a_list("News")
        draft = a_campaign(news, name="May letter", subject="")
        sent = a_campaign(
            news, name="April letter", status="sent", audience=4, started_at=now, finished_at=now
        )
        for number in range(4):
            subscriber = a_subscriber(f"reader{number}@example.org", news)
            opened = now if number == 0 else None
            a_delivery(sent, subscriber, status="sent", sent_at=now, first_opened_at=opened)
    page = owner_client.get("/campaigns").text
    assert f'href="{_path(draft)}"' in page
    assert f'href="{_path(sent, "/report")}"' in page
    assert "25%" in page
    assert "View report" in page


@pytest.mark.parametrize("page", ["", "/review", "/report"])
@pytest.mark.parametrize("status", ["draft", "sending"])
def test_a_sender_is_shown_in_unicode(owner_client: FlaskClient, page: str, status: str) -> None:
    with transaction():
        sender = a_sender("info@xn--bcher-kva.example", name="Bücher")
        campaign = a_campaign(a_list(), sender=sender, status=status)
    shown = owner_client.get(_path(campaign, page), follow_redirects=True).text
    assert "info@bücher.example" in shown
    assert "@xn--" not in shown


def test_the_list_filters_searches_and_pages(owner_client: FlaskClient) -> None:
    with transaction():
        for number in range(30):
            a_campaign(subject=f"Issue {number:02}", status="sent" if number % 2 else "draft")
    page = owner_client.get("/campaigns").text
    assert "Issue 29" in page
    assert "Issue 04" not in page
    following = re.search(r'href="([^"]+)" rel="next"', page)
    assert following is not None
    second = owner_client.get(following[1].replace("&amp;", "&")).text
    assert "Issue 04" in second
    assert "Issue 29" not in second
    assert 'rel="prev"' in second
    drafts = owner_client.get("/campaigns?status=draft").text
    assert "Issue 28" in drafts
    assert "Issue 29" not in drafts
    assert "Issue 17" in owner_client.get("/campaigns?q=issue+17").text
    assert "No campaigns found" in owner_client.get("/campaigns?q=nothing+like+it").text
    assert owner_client.get("/campaigns?before=abc&after=-1&status=x").status_code == 200


def test_the_list_needs_no_more_statements_for_many_campaigns(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list()
        a_campaign(news, status="sent")
    with _statements() as few:
        owner_client.get("/campaigns")
    with transaction():
        for _ in range(20):
            a_campaign(news, status="sent")
    with _statements() as many:
        owner_client.get("/campaigns")
    assert len(many) == len(few)


# --- the editor ----------------------------------------------------------------------------------


def test_the_editor_shows_the_draft(owner_client: FlaskClient) -> None:
    campaign = _ready()
    page = owner_client.get(_path(campaign)).text
    assert "What is new today" in page
    assert f'href="{_path(campaign, "/content")}"' in page
    assert f'data-version="{campaign.version}"' in page


def test_a_campaign_that_does_not_exist_is_a_404(owner_client: FlaskClient) -> None:
    for page in ("", "/review", "/content", "/content/preview", "/content/problems", "/audience"):
        assert owner_client.get(f"/campaigns/nothing{page}").status_code == 404


@pytest.mark.runs_on("sqlite", "postgresql")
def test_saving_stores_everything_and_returns_the_new_version(owner_client: FlaskClient) -> None:
    campaign = _ready()
    with transaction():
        staff = a_list("Staff")
    news = db.session.scalars(sa.select(AudienceList).where(AudienceList.name == "News")).one()
    sender = db.session.scalars(sa.select(SenderAddress.public_id)).one()
    answer = owner_client.post(
        _path(campaign, "/save"),
        data=_form(
            campaign,
            subject="Two\r\nlines  in one ",
            include=[news.public_id],
            exclude=[staff.public_id, "gone"],
            track_clicks="on",
            sender=sender,
        ),
    )
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["version"] == 2
    assert re.fullmatch(r"\d\d:\d\d", answer.json["saved_at"])
    found = fresh_campaign(campaign)
    assert found.subject == "Two lines in one"
    assert (found.track_opens, found.track_clicks) == (False, True)
    assert found.sender_id == campaign.sender_id
    assert campaigns.chosen_audience(campaign.id) == campaigns.ChosenAudience(
        lists=frozenset({news.id}), excluded_lists=frozenset({staff.id})
    )


def test_saving_over_another_users_version_is_a_conflict_that_names_them(
    owner_client: FlaskClient,
) -> None:
    campaign = _ready()
    form = _form(campaign, subject="Mine")
    with transaction():
        maria = users.create_user(
            "maria@example.org", "correct horse battery", name="Maria", now=utcnow()
        )
        campaigns.save(campaign.id, 1, {"subject": "Hers"}, editor_id=maria.id, now=utcnow())
    answer = owner_client.post(_path(campaign, "/save"), data=form)
    assert answer.status_code == 409
    assert answer.json is not None
    assert answer.json["message"].startswith("Maria saved a newer version just now")
    assert fresh_campaign(campaign).subject == "Hers"
    keep_mine = {**form, "version": answer.json["version"]}
    assert owner_client.post(_path(campaign, "/save"), data=keep_mine).status_code == 200
    assert fresh_campaign(campaign).subject == "Mine"


def test_a_campaign_launched_meanwhile_is_locked(owner_client: FlaskClient) -> None:
    campaign = _ready()
    form = _form(campaign, subject="Too late")
    with transaction():
        lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
    answer = owner_client.post(_path(campaign, "/save"), data=form)
    assert answer.status_code == 423
    assert answer.json == {
        "message": "This campaign is no longer a draft, so it cannot be changed."
    }
    assert fresh_campaign(campaign).subject == "What is new today"
    page = owner_client.get(_path(campaign)).text
    assert "This campaign is being prepared." in page
    assert "<textarea" not in page


def test_saving_a_deleted_campaign_says_so(owner_client: FlaskClient) -> None:
    answer = owner_client.post("/campaigns/gone/save", data={"version": 1})
    assert answer.status_code == 423
    assert answer.json == {"message": "This campaign has been deleted."}


def test_too_long_values_are_reported_and_not_saved(owner_client: FlaskClient) -> None:
    campaign = _ready()
    form = _form(campaign, subject="s" * 501)
    answer = owner_client.post(_path(campaign, "/save"), data=form)
    assert answer.status_code == 422
    assert answer.json is not None
    assert "subject is longer than 500 characters" in answer.json["message"]
    assert fresh_campaign(campaign).version == 1


@pytest.mark.parametrize("version", ["", "abc", None])
def test_saving_without_a_version_is_a_bad_request(
    owner_client: FlaskClient, version: str | None
) -> None:
    campaign = _ready()
    form = _form(campaign, version=version)
    if version is None:
        del form["version"]
    assert owner_client.post(_path(campaign, "/save"), data=form).status_code == 400


def test_the_audience_box_shows_its_breakdown(owner_client: FlaskClient) -> None:
    with transaction():
        news, shop, staff = a_list("News"), a_list("Shop"), a_list("Staff")
        a_subscriber("both@example.org", news, shop)
        a_subscriber("staff@example.org", news, staff)
        campaign = a_campaign(news, shop, excluded=(staff,))
        empty = a_campaign()
    box = owner_client.get(_path(campaign, "/audience")).text
    figures = re.findall(r"<dd>(.*?)</dd>", box)
    assert figures == ["3", "− 1", "− 1", "1"]
    assert "Choose at least one list" in owner_client.get(_path(empty, "/audience")).text


def test_template_problems_are_shown_with_their_line(owner_client: FlaskClient) -> None:
    campaign = _ready(source="<p>Hi</p>\n<p>{{ foo }}</p>\n<p>{{ subscriber.shoe_size }}</p>")
    box = owner_client.get(_path(campaign, "/content/problems")).text
    assert "Line 2: Unknown merge tag" in box
    assert 'data-line="2"' in box
    assert "problem-amber" in box
    assert "shoe_size" in box


def test_the_field_of_a_problem_is_named_once(owner_client: FlaskClient) -> None:
    box = owner_client.get(_path(_ready(subject="News for *|FNAME|*"), "/content/problems")).text
    assert box.count("Subject:") == 1


def test_a_long_list_of_problems_is_collapsed_but_complete(owner_client: FlaskClient) -> None:
    links = "\n".join(f'<a href="https://">Link {number}</a>' for number in range(60))
    box = owner_client.get(_path(_ready(source=links), "/content/problems")).text
    before, _, folded = box.partition("<details")
    assert before.count("<li") == 10
    assert "50 more problems" in folded
    assert folded.count("<li") == 50


# --- the preview ---------------------------------------------------------------------------------


def test_the_preview_is_personal_and_sandboxed(
    owner_client: FlaskClient,
) -> None:
    campaign = _ready(source="<script>alert(1)</script><p>Hi {{ subscriber.name or 'friend' }}</p>")
    with transaction():
        subscriber = a_subscriber("carol@example.org", name="<b>Carol</b>")
    answer = owner_client.get(_path(campaign, f"/content/preview?as={subscriber.public_id}"))
    assert "Hi &lt;b&gt;Carol&lt;/b&gt;" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox;" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert "Hi friend" in owner_client.get(_path(campaign, "/content/preview")).text


def test_the_preview_tracks_nothing(owner_client: FlaskClient) -> None:
    page = owner_client.get(_path(_ready(), "/content/preview")).text
    assert "https://shop.example/news" in page
    assert "/c/" not in page
    assert "/o/" not in page


def test_the_preview_shows_the_text_part(owner_client: FlaskClient) -> None:
    page = owner_client.get(_path(_ready(), "/content/preview?part=text")).text
    assert "<pre>" in page
    assert "the news (https://shop.example/news)" in page


def test_the_preview_of_a_broken_template_says_what_to_do(owner_client: FlaskClient) -> None:
    campaign = _ready(source="<p>{% if %}</p>")
    answer = owner_client.get(_path(campaign, "/content/preview"))
    assert answer.status_code == 200
    assert "Fix these problems to see the preview" in answer.text
    assert "Line 1" in answer.text
    assert "No content yet" in owner_client.get(_path(_blank(), "/content/preview")).text


def _blank() -> Campaign:
    with transaction():
        return a_campaign(source="", subject="")


def test_the_preview_shows_the_rendered_subject(
    owner_client: FlaskClient,
) -> None:
    campaign = _ready(subject="News for {{ subscriber.name or 'you' }}", preheader="Read on")
    assert "News for you" in owner_client.get(_path(campaign, "/content/inbox")).text
    broken = _blank()
    assert "No subject" in owner_client.get(_path(broken, "/content/inbox")).text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_preview_recipients_come_from_the_audience_or_a_search(
    owner_client: FlaskClient,
) -> None:
    campaign = _ready()
    with transaction():
        a_subscriber("carol@example.org", name="Carol")
    sample = owner_client.get(_path(campaign, "/content/subscribers")).text
    assert "Alice" in sample
    assert "Carol" not in sample
    assert "Carol" in owner_client.get(_path(campaign, "/content/subscribers?q=carol@")).text
    assert (
        "No subscriber starts with"
        in owner_client.get(_path(campaign, "/content/subscribers?q=zz")).text
    )


# --- review and launch ---------------------------------------------------------------------------


def _launch(client: FlaskClient, campaign: Campaign, **values: Any) -> TestResponse:
    return client.post(
        _path(campaign, "/review"), data={"version": campaign.version, "when": "now", **values}
    )


def test_the_review_shows_every_check_and_the_recipients(owner_client: FlaskClient) -> None:
    with transaction():
        a_signed_domain()
    page = owner_client.get(_path(_ready(preheader="Read on"), "/review")).text
    assert "Ready to send." in page
    assert "Signed with DKIM for example.org" in page
    assert "2 recipients." in page
    assert "Send to 2 recipients" in page
    assert "Type <strong>" not in page


def test_the_warning_about_unsigned_email_links_to_the_settings(owner_client: FlaskClient) -> None:
    page = owner_client.get(_path(_ready(preheader="Read on"), "/review")).text
    assert "example.org is not signed" in page
    assert 'href="/settings/domains">Fix</a>' in page


def test_problems_block_the_launch(owner_client: FlaskClient) -> None:
    campaign = _ready(source="{{ foo }}")
    page = owner_client.get(_path(campaign, "/review")).text
    assert "Unknown merge tag" in page
    assert f'href="{_path(campaign, "/content")}">Fix</a>' in page
    answer = _launch(owner_client, campaign)
    assert answer.status_code == 422
    assert "Fix the problem marked in red first." in answer.text
    assert fresh_campaign(campaign).status == "draft"


def test_sending_now_starts_the_undo_window_and_shows_the_report(
    owner_client: FlaskClient,
) -> None:
    campaign = _ready()
    answer = _launch(owner_client, campaign)
    assert answer.location == _path(campaign, "/report")
    found = fresh_campaign(campaign)
    assert (found.status, found.is_undo_window) == ("scheduled", True)
    assert found.scheduled_at is not None
    assert found.scheduled_at - utcnow() <= timedelta(seconds=10)


def test_a_launch_can_be_undone_and_sent_again(owner_client: FlaskClient) -> None:
    campaign = _ready()
    _launch(owner_client, campaign)
    answer = owner_client.post(_path(campaign, "/undo"))
    assert answer.location == _path(campaign)
    assert "Sending undone" in owner_client.get(answer.location).text
    assert fresh_campaign(campaign).status == "draft"
    assert _launch(owner_client, fresh_campaign(campaign)).status_code == 302


class TestWithoutUndo:
    """Without an undo window, a launch queues its job immediately."""

    @pytest.fixture
    def settings(self, settings: Any, redis_url: str) -> Any:
        return settings.model_copy(update={"redis_url": redis_url})

    @pytest.mark.runs_on("sqlite", "postgresql")
    def test_a_launch_starts_preparing_immediately(
        self, owner_client: FlaskClient, redis_url: str
    ) -> None:
        with transaction():
            save_workspace(undo_seconds=0)
        campaign = _ready()
        _launch(owner_client, campaign)
        assert fresh_campaign(campaign).status == "preparing"
        assert _jobs(redis_url, "send") == [("campaigns.jobs.send.expand", (campaign.id,))]

    def test_resuming_queues_the_send_job(self, owner_client: FlaskClient, redis_url: str) -> None:
        campaign = _ready(status="paused")
        owner_client.post(_path(campaign, "/resume"))
        assert fresh_campaign(campaign).status == "sending"
        assert _jobs(redis_url, "send") == [("campaigns.jobs.send.send", ())]

    def test_a_test_email_queues_its_job(self, owner_client: FlaskClient, redis_url: str) -> None:
        campaign = _ready()
        answer = owner_client.post(
            _path(campaign, "/content/test"), data={"address": "me@example.org"}
        )
        assert "Sending to me@example.org" in answer.text
        mail = db.session.scalars(sa.select(TransactionalEmail)).one()
        assert mail.payload == {"campaign_id": campaign.id, "as_subscriber_id": None}
        assert _jobs(redis_url, "transactional") == [
            ("campaigns.jobs.transactional.deliver", (mail.id,))
        ]


def _jobs(redis_url: str, lane: str) -> list[tuple[str | None, tuple[int, ...]]]:
    redis = Redis.from_url(redis_url)
    try:
        queue = Queue(lane, connection=redis, serializer=JSONSerializer)
        return [(job.func_name, tuple(job.args)) for job in queue.jobs]
    finally:
        redis.close()


def test_a_campaign_is_scheduled_for_a_time_in_a_zone(owner_client: FlaskClient) -> None:
    campaign = _ready()
    tomorrow = utcnow() + timedelta(days=1)
    answer = _launch(
        owner_client,
        campaign,
        when="later",
        date=tomorrow.strftime("%Y-%m-%d"),
        time="09:30",
        zone="UTC",
    )
    assert answer.location == _path(campaign, "/report")
    found = fresh_campaign(campaign)
    assert (found.status, found.is_undo_window) == ("scheduled", False)
    expected = tomorrow.replace(hour=9, minute=30, second=0, microsecond=0)
    assert found.scheduled_at == expected
    owner_client.post(_path(campaign, "/unschedule"))
    assert fresh_campaign(campaign).status == "draft"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"date": "2020-01-01", "time": "09:00", "zone": "Europe/Berlin"}, "has passed"),
        ({"date": "", "time": "", "zone": "Europe/Berlin"}, "both a date and a time"),
        ({"date": "2020-01-01", "time": "09:00", "zone": "Nowhere"}, "is not a known time zone"),
    ],
)
def test_an_invalid_time_keeps_the_form(
    owner_client: FlaskClient, values: dict[str, str], words: str
) -> None:
    campaign = _ready()
    answer = _launch(owner_client, campaign, when="later", **values)
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{values["zone"]}"' in answer.text
    assert fresh_campaign(campaign).status == "draft"


def test_a_campaign_edited_since_the_review_is_not_sent(owner_client: FlaskClient) -> None:
    campaign = _ready()
    with transaction():
        campaigns.save(campaign.id, 1, {"subject": "Changed"}, editor_id=None, now=utcnow())
    answer = owner_client.post(_path(campaign, "/review"), data={"version": 1, "when": "now"})
    assert answer.status_code == 422
    assert "was changed after you opened this page" in answer.text
    assert fresh_campaign(campaign).status == "draft"


def test_launching_twice_launches_once(owner_client: FlaskClient) -> None:
    campaign = _ready()
    _launch(owner_client, campaign)
    again = owner_client.post(_path(campaign, "/review"), data={"version": 1, "when": "now"})
    assert again.location == _path(campaign, "/report")
    assert "This campaign is scheduled" in owner_client.get("/campaigns").text


def test_a_large_audience_requires_the_typed_number(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch_rules, "TYPED_FROM", 1)
    campaign = _ready()
    page = owner_client.get(_path(campaign, "/review")).text
    assert "Type <strong>2</strong>" in page
    nothing = _launch(owner_client, campaign, recipients=2)
    assert nothing.status_code == 422
    assert "Type the number of recipients: 2." in nothing.text
    wrong = _launch(owner_client, campaign, recipients=2, typed="3")
    assert wrong.status_code == 422
    assert "You typed 3" in wrong.text
    changed = _launch(owner_client, campaign, recipients=3, typed="3")
    assert changed.status_code == 422
    assert "The audience has changed" in changed.text
    assert fresh_campaign(campaign).status == "draft"
    assert _launch(owner_client, campaign, recipients=2, typed=" 2 ").status_code == 302
    assert fresh_campaign(campaign).status == "scheduled"


# --- the test send -------------------------------------------------------------------------------


@pytest.mark.runs_on("sqlite", "postgresql")
def test_a_test_email_reports_its_result(owner_client: FlaskClient) -> None:
    campaign = _ready()
    with transaction():
        subscriber = a_subscriber("carol@example.org")
    owner_client.post(
        _path(campaign, "/content/test"),
        data={"address": "me@example.org", "as": subscriber.public_id},
    )
    mail = db.session.scalars(sa.select(TransactionalEmail)).one()
    assert (mail.kind, mail.payload["as_subscriber_id"]) == ("test", subscriber.id)
    result = _path(campaign, f"/content/test/{mail.id}")
    assert "hx-get" in owner_client.get(result).text
    for status, reason, words in (
        ("sent", "250 ok", "Sent to me@example.org"),
        ("failed", "It refused the password", "Not sent<span"),
        ("unknown", "The connection broke", "The result is unknown"),
    ):
        with transaction():
            db.session.execute(sa.update(TransactionalEmail).values(status=status, reason=reason))
        page = owner_client.get(result).text
        assert words in page
        assert "hx-get" not in page


def test_a_test_email_without_a_worker_says_what_may_be_wrong(owner_client: FlaskClient) -> None:
    campaign = _ready()
    owner_client.post(_path(campaign, "/content/test"), data={"address": "me@example.org"})
    mail = db.session.scalars(sa.select(TransactionalEmail)).one()
    result = _path(campaign, f"/content/test/{mail.id}")
    assert "Check that the worker is running" not in owner_client.get(result).text
    with transaction():
        long_ago = utcnow() - timedelta(minutes=1)
        db.session.execute(sa.update(TransactionalEmail).values(created_at=long_ago))
    assert "Check that the worker is running" in owner_client.get(result).text
    with transaction():
        db.session.execute(sa.update(TransactionalEmail).values(status="sending"))
    page = owner_client.get(result).text
    assert "The mail server is taking longer than usual." in page
    assert "worker" not in page


def test_the_result_of_another_email_is_not_shown(owner_client: FlaskClient) -> None:
    campaign = _ready()
    with transaction():
        mail = TransactionalEmail(kind="confirm", address="x@example.org", payload={})
        db.session.add(mail)
    assert owner_client.get(_path(campaign, f"/content/test/{mail.id}")).status_code == 404


# --- the buttons ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "before", "after", "words"),
    [
        ("pause", "sending", "paused", "Campaign paused"),
        ("resume", "paused", "sending", "Sending resumed"),
        ("cancel", "sending", "cancelled", "Campaign cancelled"),
        ("cancel", "paused", "cancelled", "Campaign cancelled"),
        ("unschedule", "scheduled", "draft", "Moved to drafts"),
        ("undo", "scheduled", "draft", "Sending undone"),
    ],
)
def test_each_button_does_what_it_says(
    owner_client: FlaskClient, action: str, before: str, after: str, words: str
) -> None:
    campaign = _ready(status=before, started_at=utcnow())
    owner_client.post(_path(campaign, f"/{action}"))
    assert fresh_campaign(campaign).status == after
    assert words in owner_client.get("/campaigns").text


@pytest.mark.parametrize("action", ["pause", "resume", "cancel", "undo", "unschedule"])
def test_a_button_pressed_too_late_shows_the_current_status(
    owner_client: FlaskClient, action: str
) -> None:
    campaign = _ready(status="sent", started_at=utcnow(), finished_at=utcnow())
    answer = owner_client.post(_path(campaign, f"/{action}"))
    assert answer.location == _path(campaign, "/report")
    assert fresh_campaign(campaign).status == "sent"
    assert "This campaign has been sent." in owner_client.get("/campaigns").text


def test_a_campaign_is_duplicated_in_any_status(owner_client: FlaskClient) -> None:
    campaign = _ready(status="sent", started_at=utcnow())
    answer = owner_client.post(_path(campaign, "/duplicate"))
    copy = db.session.scalars(sa.select(Campaign).where(Campaign.id != campaign.id)).one()
    assert answer.location == _path(copy)
    assert copy.name.endswith("(copy)")
    assert copy.status == "draft"


def test_a_draft_that_a_segment_names_is_kept(owner_client: FlaskClient) -> None:
    with transaction():
        draft = a_campaign(a_list())
        a_segment("Got it", {"kind": "sent", "campaigns": [draft.id]})
    owner_client.post(_path(draft, "/delete"))
    assert db.session.scalar(sa.select(sa.func.count(Campaign.id))) == 1
    page = owner_client.get("/campaigns").text
    assert "These segments use it: “Got it”. Change their rules first." in page


def test_a_draft_is_deleted_and_a_sent_campaign_is_kept(owner_client: FlaskClient) -> None:
    with transaction():
        draft, sent = a_campaign(name="Draft"), a_campaign(name="Old", status="sent")
        waiting = a_campaign(status="scheduled", scheduled_at=utcnow())
    draft_path, sent_id, waiting_id = _path(draft, "/delete"), sent.id, waiting.id
    sent_path, waiting_path = _path(sent, "/delete"), _path(waiting, "/delete")
    owner_client.post(draft_path)
    assert "Draft deleted" in owner_client.get("/campaigns").text
    owner_client.post(sent_path)
    assert "View report" in owner_client.get("/campaigns").text
    owner_client.post(waiting_path)
    assert "Move it to drafts before you delete it" in owner_client.get("/campaigns").text
    left = db.session.scalars(sa.select(Campaign.id).order_by(Campaign.id)).all()
    assert left == [sent_id, waiting_id]


def test_get_requests_change_nothing(app: Flask, owner_client: FlaskClient) -> None:
    campaign = _ready()
    before: tuple[int, str, datetime] = (campaign.version, campaign.status, campaign.updated_at)
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("campaigns.") and "GET" in (rule.methods or set()):
            path = rule.rule.replace("<public_id>", campaign.public_id)
            owner_client.get(path.replace("<int:mail_id>", "1"))
    found = fresh_campaign(campaign)
    assert (found.version, found.status, found.updated_at) == before
    assert db.session.scalar(sa.select(sa.func.count(Campaign.id))) == 1


def test_subjects_are_listed_as_recipients_see_them(owner_client: FlaskClient) -> None:
    with transaction():
        a_campaign(
            a_list("News"),
            subject="{{ subscriber.name or 'Dear friend' }}, news {{ list.name }}",
            status="scheduled",
            scheduled_at=utcnow() + timedelta(days=1),
        )
    for path in ("/", "/campaigns", "/calendar?view=list", "/campaigns/new"):
        page = owner_client.get(path).text
        assert "subscriber.name" not in page, path
        if path != "/calendar?view=list":  # tomorrow may be in the next month
            assert "Dear friend, news …" in page, path


def test_an_invalid_subject_is_shown_as_written(owner_client: FlaskClient) -> None:
    with transaction():
        a_campaign(a_list("News"), subject="{{ subscriber.name or")
    assert "{{ subscriber.name or" in owner_client.get("/campaigns").text


def test_the_button_the_review_and_the_report_count_the_same_recipients(
    owner_client: FlaskClient,
) -> None:
    campaign = _ready()
    page = text_of(owner_client.get(_path(campaign, "/review")).text)
    assert "Recipients 2" in page
    assert "Send to 2 recipients" in page
    with transaction():
        suppressions.suppress("bob@example.org", reason="manual", source="t", now=utcnow())
    page = text_of(owner_client.get(_path(campaign, "/review")).text)
    assert "Audience 2 Suppressed − 1 Recipients 1" in page
    assert "Send to 1 recipient" in page
