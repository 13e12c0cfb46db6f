"""Two simultaneous requests for the same action: one does it, and both answers are true."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from campaigns import db as database
from campaigns.accounts.workspace import save_workspace
from campaigns.audience.models import AudienceList
from campaigns.campaign.models import Campaign, HeldGroup
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_delivery, a_list, a_sender, a_subscriber
from tests.web.test_imports import form_of, uploaded

# The two databases isolate requests in different ways.
pytestmark = pytest.mark.runs_on("sqlite", "postgresql")

WAIT_SECONDS = 3.0


@pytest.fixture(autouse=True)
def _workspace(app: Flask) -> None:
    app.testing = False  # errors become pages, as in production
    with transaction():
        save_workspace(name="Harbour Books", postal_address="12 Quay Street")


@pytest.fixture
def at_once(
    app: Flask, owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, dict[str, Any]], tuple[list[TestResponse], str]]:
    """Post a form twice at once: both requests have read everything when the first writes.

    Returns both answers, and the text of the page that each shows next.
    """
    cookie = owner_client.get_cookie("campaigns")
    assert cookie is not None
    turn = database._write_turn

    def post(path: str, form: dict[str, Any]) -> tuple[list[TestResponse], str]:
        meeting, met = threading.Barrier(2), threading.local()

        def write_once_both_have_read(session: Session) -> AbstractContextManager[object]:
            if not getattr(met, "was_here", False):
                met.was_here = True
                with suppress(threading.BrokenBarrierError):  # the other request does not write
                    meeting.wait(WAIT_SECONDS)
            return turn(session)

        def click(client: FlaskClient) -> TestResponse:
            return client.post(path, data=form)

        clients = [app.test_client() for _ in range(2)]
        for client in clients:
            client.set_cookie("campaigns", cookie.value)
        db.session.rollback()
        with monkeypatch.context() as patch, ThreadPoolExecutor(2) as threads:
            patch.setattr(database, "_write_turn", write_once_both_have_read)
            answers = list(threads.map(click, clients))
        db.session.rollback()
        db.session.expire_all()
        shown = "".join(
            client.get(answer.location, follow_redirects=True).text
            for client, answer in zip(clients, answers, strict=True)
            if answer.location
        )
        return answers, shown

    return post


def _ready(status: str = "draft", *outcomes: dict[str, Any], **values: Any) -> Campaign:
    news = a_list()
    people = [a_subscriber(f"{name}@example.org", news) for name in ("alice", "bob")]
    defaults: dict[str, Any] = {"subject": "News", "sender": a_sender()}
    if status not in ("draft", "scheduled"):
        defaults["started_at"] = utcnow()
    campaign: Campaign = a_campaign(news, status=status, **{**defaults, **values})
    for person, outcome in zip(people, outcomes, strict=False):
        a_delivery(campaign, person, **outcome)
    return campaign


def _scheduled() -> Campaign:
    return _ready("scheduled", scheduled_at=utcnow() + timedelta(days=1))


def _flooded() -> Campaign:
    campaign = _ready("sending", {"status": "held", "reason": "flood", "mailbox_group": "google"})
    group = HeldGroup(campaign_id=campaign.id, mailbox_group="google", held_at=utcnow())
    group.words = "550 no such user"
    db.session.add(group)
    return campaign


@dataclass(frozen=True)
class Press:
    """A button: its campaign, path and form, and what holds afterwards."""

    make: Callable[[], Campaign]
    path: str
    status: str | None
    form: dict[str, Any] = field(default_factory=dict)
    loser_reads: str = ""


QUEUED, FAILED = {"status": "queued"}, {"status": "failed", "reason": "gave_up", "attempts": 14}
UNKNOWN = {"status": "unknown", "reason": "no_answer"}
IN_A_MONTH = f"{utcnow() + timedelta(days=30):%Y-%m-%d}"
LATER = {"when": "later", "date": IN_A_MONTH, "time": "09:00", "zone": "UTC"}

PRESSES = {
    "send": Press(
        _ready, "review", "scheduled", {"version": 1, "when": "now"},
        "Someone else changed this campaign first.",
    ),
    "schedule": Press(
        _ready, "review", "scheduled", {"version": 1, **LATER}, "This campaign is scheduled."
    ),
    "pause": Press(
        lambda: _ready("sending", QUEUED), "pause", "paused", {},
        "This campaign is paused. It cannot be paused.",
    ),
    "resume": Press(
        lambda: _ready("paused", QUEUED), "resume", "sending", {},
        "This campaign is being sent. It cannot be resumed.",
    ),
    "cancel": Press(
        lambda: _ready("sending", QUEUED), "cancel", "cancelled", {},
        "This campaign has been cancelled. It cannot be cancelled.",
    ),
    "undo": Press(_scheduled, "undo", "draft", {}, "It is too late to undo."),
    "unschedule": Press(
        _scheduled, "unschedule", "draft", {}, "It is no longer scheduled."
    ),
    "send now": Press(_scheduled, "send-now", "scheduled"),
    "move": Press(_scheduled, "time", "scheduled", LATER),
    "retry failed": Press(
        lambda: _ready("sent", FAILED), "report/again/failed", "sending", {}, "nothing left"
    ),
    "send unknown again": Press(
        lambda: _ready("sent", UNKNOWN), "report/again/unknown", "sending", {},
        "nothing left",
    ),
    "leave unknown": Press(
        lambda: _ready("sent", UNKNOWN), "report/leave", "sent", {}, "nothing left"
    ),
    "send remaining": Press(
        lambda: _ready("cancelled", {"status": "cancelled", "reason": "cancelled"}),
        "report/remaining", "sending", {}, "nothing left",
    ),
    "try a flooded group again": Press(
        _flooded, "report/flood", "sending", {"group": "google", "decision": "again"}
    ),
    "believe a flood": Press(
        _flooded, "report/flood", "sending", {"group": "google", "decision": "gone"},
        "already decided this",
    ),
    "decide on a restored database": Press(
        lambda: _ready("paused", QUEUED, restored_at=utcnow()), "mark-unknown", "cancelled",
        {},
        "This campaign has been cancelled.",
    ),
    "overflow": Press(lambda: _ready("sending", QUEUED), "overflow", "sending"),
    "go on from another address": Press(lambda: _ready("sending", QUEUED), "go-on", "sending"),
    "a canary": Press(
        lambda: _ready("sending", QUEUED), "report/canary", "sending",
        {"group": "google", "decision": "again"},
    ),
    "duplicate": Press(_ready, "duplicate", "draft"),
    "delete": Press(_ready, "delete", None, {}, "already"),
}  # fmt: skip


@pytest.mark.parametrize("name", PRESSES)
def test_a_button_pressed_twice_shows_the_current_status(
    at_once: Callable[..., tuple[list[TestResponse], str]], name: str
) -> None:
    press = PRESSES[name]
    with transaction():
        campaign = press.make()
        public_id = campaign.public_id
    answers, shown = at_once(f"/campaigns/{public_id}/{press.path}", press.form)
    assert [answer.status_code for answer in answers] == [302, 302]
    now = db.session.scalar(sa.select(Campaign.status).where(Campaign.public_id == public_id))
    assert now == press.status
    assert press.loser_reads in shown
    assert "look through it again" not in shown


def test_creating_or_deleting_a_list_twice_ends_on_a_page(
    at_once: Callable[..., tuple[list[TestResponse], str]],
) -> None:
    answers, _ = at_once("/lists/new", {"name": "Twice"})
    assert {answer.status_code for answer in answers} <= {302, 422}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(AudienceList)) == 1
    made = db.session.scalars(sa.select(AudienceList.public_id)).one()
    answers, _ = at_once(f"/lists/{made}/delete", {"confirm": "Twice"})
    assert [answer.status_code for answer in answers] == [302, 302]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(AudienceList)) == 0


def test_deleting_something_again_says_that_it_is_gone(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        path = f"/campaigns/{_ready().public_id}/delete"
    owner_client.post(path)
    again = owner_client.post(path)
    assert again.location == "/campaigns"
    assert "already been deleted" in owner_client.get("/campaigns").text


def test_a_subscriber_deleted_twice_is_gone(
    at_once: Callable[..., tuple[list[TestResponse], str]],
) -> None:
    with transaction():
        path = f"/subscribers/{a_subscriber('alice@example.org').public_id}/delete"
    answers, _ = at_once(path, {"confirm": "delete", "suppress": "1"})
    assert [answer.location for answer in answers] == ["/subscribers"] * 2


def test_an_import_started_twice_runs_once(
    at_once: Callable[..., tuple[list[TestResponse], str]], owner_client: FlaskClient
) -> None:
    path = f"/imports/{uploaded(owner_client).public_id}"
    answers, _ = at_once(f"{path}/start", form_of())
    assert [answer.location for answer in answers] == [path, path]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(AudienceList)) == 1
