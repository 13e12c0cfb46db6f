"""What each method may do: every route is requested with every method, and nothing changes."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask, request_finished
from flask.testing import FlaskClient

from campaigns.accounts import password_resets, setup, users
from campaigns.audience.bulk.models import BulkRun
from campaigns.audience.models import ImportRun, Suppression, Tag
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.content.library import templates
from campaigns.content.library.models import Media
from campaigns.context import EXTENSION, services
from campaigns.db import Base, WriteForbiddenError, db, transaction
from campaigns.events.models import Incoming, WebhookEndpoint
from campaigns.mailbox.writer import Writer
from campaigns.throttling.builtin import RULES
from campaigns.tokens import (
    FIRST_TEST_ID,
    ConfirmRef,
    DeliveryRef,
    Signer,
    click_path,
    delivery_token,
    open_token,
)
from campaigns.transactional import queue
from campaigns.web.static_files import asset
from tests.conftest import SECRET_KEY, settings_for_tests
from tests.factories import (
    a_brand,
    a_campaign,
    a_delivery,
    a_field,
    a_list,
    a_saved_block,
    a_segment,
    a_sender,
    a_series,
    a_signed_domain,
    a_snippet,
    a_subscriber,
    a_template,
)
from tests.mailbox.test_web import a_newsletter
from tests.web.visits import visit

RECORD_VISITS = {
    "public_track.open_pixel": "an image cannot be asked for with POST",
    "public_track.click": "a link cannot be followed with POST",
}
"""Routes whose GET changes the database, and why. Their HEAD and OPTIONS change nothing."""

MAY_ANSWER_LESS = {
    "custom_fields.promote", "dev.components", "imports.failed_rows", "mailbox.attachment",
    "public_media.file",
}  # fmt: skip
"""Pages that have nothing to show of the rows made here, or only in debug mode."""

PASSWORD = "correct horse battery"
FORM = {
    "token": setup.token(Signer([SECRET_KEY])),
    "_method": "DELETE",
    "action": "leave",
    "address": "owner@example.org",
    "addresses": "new@example.org",
    "confirm": "delete",
    "csrf_token": "IjEyMyI.abc.def",
    "name": "Planted",
    "old_password": PASSWORD,
    "new_password": "another good password",
    "new_password_again": "another good password",
    "password": PASSWORD,
    "password_again": PASSWORD,
    "subject": "Planted",
    "workspace": "Planted",
}
HOSTILE = {
    "data": FORM,
    "query_string": {"_method": "POST"},
    "headers": {
        "X-HTTP-Method": "POST",
        "X-HTTP-Method-Override": "POST",
        "X-Method-Override": "DELETE",
    },
}


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return settings_for_tests(tmp_path, database_url=database_url, mailbox_port=2525)


class RecordingDoorbell:
    """Records the jobs that are queued."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def ring(self, job: str, *ids: int) -> bool:
        self.heard.append(job)
        return True

    def answered(self, job: str, *ids: int) -> None:
        raise AssertionError("no page runs a job")


@pytest.fixture
def doorbell(app: Flask) -> RecordingDoorbell:
    doorbell = RecordingDoorbell()
    app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], doorbell=doorbell)
    return doorbell


def populate() -> dict[str, str]:
    """Put data behind every route; return real URLs by a pattern of their rule."""
    now, signer = utcnow(), services().signer
    with closing(Writer(services().settings.mailbox_path)) as writer:
        writer.append([a_newsletter()])
    with transaction():
        news = a_list(is_public=True)
        sender, domain = a_sender(), a_signed_domain()
        alice = a_subscriber("alice@example.org", news)
        pending = a_subscriber("pending@example.org", news, state="pending")
        draft = a_campaign(news, sender=sender)
        sent = a_campaign(news, sender=sender, status="sent", started_at=now, audience=1, matched=1)
        delivery = a_delivery(sent, alice, list_id=news.id, status="unknown", reason="no_answer")
        series = a_series(news)
        run = ImportRun(list_id=news.id, file_name="a.csv", path="", status="done")
        task = BulkRun(
            action="tag", params={"tag": 1, "name": "VIP"}, selection={}, last_id=1, matched=1
        )
        city = a_field("City")
        label = Tag(name="VIP", name_normal="vip")
        gone = Suppression(address_normal="gone@example.org")
        brand = a_brand("Brand", is_default=True)
        saved, snippet = a_saved_block("Offer"), a_snippet("promo", name="Promo")
        template = a_template("Monthly news", folder="News")
        templates.save(template.id, 1, {"subject": "News"}, editor_id=None, now=now)
        segment = a_segment("Friends", {"kind": "list", "list": news.id}, {"kind": "opened"})
        image = Media(
            name="pier.png", content_type="image/png", width=9, height=9, size=9,
            digest="a" * 64, upload_digest="b" * 64,
        )  # fmt: skip
        hook = WebhookEndpoint(public_id="hook", account_id=sender.provider_id, kind="brevo")
        post = Incoming(
            channel="webhook", source="brevo", received_at=now, body=b"{}", size=2, dedupe="1"
        )
        db.session.add_all([run, task, label, gone, image, hook, post])
        mail = queue.enqueue(
            "test", "a@example.org", {"campaign_id": draft.id, "as_subscriber_id": None}, now=now
        )
        db.session.flush()
        owner = users.find_user("owner@example.org")
        assert owner is not None
        session_id = public_id_in("login_session")
        reset_token = password_resets.begin(
            owner.id, expires_at=now + password_resets.GOOD_FOR, now=now
        )
        key_id, provider_id = public_id_in("dkim_key"), public_id_in("provider_account")
    ref = DeliveryRef(alice.id, news.id, delivery.id).pack()
    confirm = ConfirmRef(pending.id, news.id, int(now.timestamp())).pack()
    return {
        "/<any(campaigns,templates):owner>/<public_id>/content/test/<int:mail_id>": (
            f"/campaigns/{draft.public_id}/content/test/{mail.id}"
        ),
        "/calendar/series/<public_id>": f"/calendar/series/{series.public_id}",
        "/<local>": f"/{series.first_local}",
        "/<any(campaigns,templates):owner>/<public_id>": f"/templates/{template.public_id}",
        "/<int(max=2147483647):version>": "/1",
        "/campaigns/<public_id>/report": f"/campaigns/{sent.public_id}/report",
        "/campaigns/<public_id>": f"/campaigns/{draft.public_id}",
        "/subscribers/<any(longest,emptiest,random):which>": "/subscribers/longest",
        "/again/<name>": "/again/unknown",
        "/imports/<public_id>": f"/imports/{run.public_id}",
        "/emails/<any(confirm,welcome):name>": "/emails/welcome",
        "/lists/<public_id>": f"/lists/{news.public_id}",
        "/<int(max=9223372036854775807):message_id>": "/1",
        "/<int:number>": "/0",
        "/settings/domains/<public_id>": f"/settings/domains/{domain.public_id}",
        "/keys/<key_id>": f"/keys/{key_id}",
        "/settings/providers/<public_id>": f"/settings/providers/{provider_id}",
        "/settings/senders/<public_id>": f"/settings/senders/{sender.public_id}",
        "/settings/rules/<key>": f"/settings/rules/{RULES[0].key}",
        "/fields/<public_id>": f"/fields/{city.public_id}",
        "/templates/<public_id>": f"/templates/{template.public_id}",
        "/templates/starters/<name>": "/templates/starters/letter",
        "/brands/<public_id>": f"/brands/{brand.public_id}",
        "/saved-blocks/<public_id>": f"/saved-blocks/{saved.public_id}",
        "/snippets/<public_id>": f"/snippets/{snippet.public_id}",
        "/media/<public_id>": f"/media/{image.public_id}",
        "/media/<string(length=12):public_id>/<name>": f"/media/{image.public_id}/none.png",
        "/tags/<public_id>": f"/tags/{label.public_id}",
        "/subscribers/tasks/<public_id>": f"/subscribers/tasks/{task.public_id}",
        "/subscribers/<public_id>": f"/subscribers/{alice.public_id}",
        "/segments/<public_id>": f"/segments/{segment.public_id}",
        "/suppressions/<public_id>": f"/suppressions/{gone.public_id}",
        "/static/<path:path>": asset("css/app.css"),
        "/sessions/<public_id>": f"/sessions/{session_id}",
        "/reset/<token>": f"/reset/{reset_token}",
        "/returns/test/<token>": f"/returns/test/{delivery_token(signer, FIRST_TEST_ID)}",
        "/settings/incoming/<public_id>": f"/settings/incoming/{post.public_id}",
        "/s/<public_id>": f"/s/{news.public_id}",
        "/confirm/<token>": f"/confirm/{signer.sign('confirm', confirm)}",
        "/u/<token>": f"/u/{signer.sign('unsubscribe', ref)}",
        "/v/<token>": f"/v/{signer.sign('view', ref)}",
        "/hooks/<public_id>": f"/hooks/{hook.public_id}",
        "/o/<token>.gif": f"/o/{open_token(signer, delivery.id)}.gif",
        "/c/<token>/<target>": f"/c/{click_path(signer, delivery.id, 1, 'https://shop.example/')}",
    }


def public_id_in(table: str) -> str:
    return str(db.session.scalar(sa.text(f"SELECT public_id FROM {table}")))


def routes(app: Flask, found: dict[str, str]) -> Iterator[tuple[str, str, set[str]]]:
    """The endpoint, a URL with real ids, and the methods of every route."""
    for rule in app.url_map.iter_rules():
        path = rule.rule
        for pattern, real in found.items():
            path = path.replace(pattern, real)
        assert not re.search(r"<[^>]+>", path), f"give populate() something behind {rule.rule}"
        yield rule.endpoint, path, set(rule.methods or ())


class CommitWatch:
    """Detects commits; cheaper than a dump after each request."""

    def __init__(self, path: str | None) -> None:
        assert path is not None
        self._connection = sqlite3.connect(path)
        self._seen = self._version()

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def has_seen_a_commit(self) -> bool:
        before, self._seen = self._seen, self._version()
        return before != self._seen


def dump() -> dict[str, list[str]]:
    """Every row of every table."""
    db.session.rollback()
    connection = db.session.connection()
    rows = {
        table.name: sorted(map(repr, connection.execute(sa.select(table))))
        for table in Base.metadata.sorted_tables
    }
    db.session.rollback()
    return rows


@pytest.fixture
def browsers(app: Flask, owner_client: FlaskClient) -> list[FlaskClient]:
    """The owner's browser and a stranger's, with CSRF protection on."""
    app.config["WTF_CSRF_ENABLED"] = True
    return [owner_client, app.test_client()]


def test_no_route_changes_anything_by_a_safe_method(
    app: Flask, browsers: list[FlaskClient], doorbell: RecordingDoorbell
) -> None:
    found = populate()
    before = dump()
    watch = CommitWatch(db.engine.url.database)
    for endpoint, path, methods in routes(app, found):
        for browser in browsers:
            asked = ["HEAD", "OPTIONS"]
            if "GET" in methods and endpoint not in RECORD_VISITS:
                asked.append("GET")
            requests = [(method, HOSTILE) for method in asked]
            if browser is browsers[0] and "GET" in asked:
                requests.append(("GET", {}))
            for method, values in requests:
                answer = visit(browser, path, method, **values)
                what = f"{method} {path}: {answer.status_code}"
                assert answer.status_code < 500, what
                if method != "GET":
                    assert answer.data == b"", what
                    assert doorbell.heard == [], what
                elif browser is browsers[0] and not values and endpoint not in MAY_ANSWER_LESS:
                    assert answer.status_code < 400, f"{what}: populate() gave it no real id"
                assert {job for job in doorbell.heard if not job.startswith("count_")} == set(), (
                    what
                )
                doorbell.heard.clear()
        assert not watch.has_seen_a_commit(), path
    assert dump() == before


class Rows:
    """An export without rows, which knows whether it was ended."""

    is_ended = False

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def close(self) -> None:
        self.is_ended = True


def test_an_export_that_nobody_reads_ends_with_its_request(
    app: Flask, owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, ended = Rows(), list[bool]()
    monkeypatch.setattr("campaigns.web.suppressions.stream_with_context", lambda _: rows)
    with request_finished.connected_to(lambda _, **__: ended.append(rows.is_ended), app):
        answer = owner_client.head("/suppressions/export.csv")
    assert answer.status_code == 200
    assert answer.data == b""
    assert ended == [True]


def test_no_page_route_changes_anything_without_a_csrf_token(
    app: Flask, browsers: list[FlaskClient], doorbell: RecordingDoorbell
) -> None:
    """Methods other than POST change nothing on any route."""
    found = populate()
    before = dump()
    for endpoint, path, _ in routes(app, found):
        methods = ["PUT", "PATCH", "DELETE", "TRACE"]
        if not endpoint.startswith("public_"):
            methods.append("POST")
        for browser in browsers:
            for method in methods:
                answer = visit(browser, path, method, **HOSTILE)
                assert answer.status_code < 500, f"{method} {path}: {answer.status_code}"
                if method != "POST":
                    assert answer.status_code == 405, f"{method} {path}"
    assert dump() == before
    assert doorbell.heard == []


def test_the_owners_get_requests_with_a_form_change_nothing(
    owner_client: FlaskClient,
) -> None:
    before = dump()
    for path in ("/lists/new", "/campaigns/new", "/suppressions/new", "/subscribers/new"):
        for method in ("GET", "HEAD"):
            assert visit(owner_client, path, method, **HOSTILE).status_code == 200
    assert dump() == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_only_a_post_checks_a_password(client: FlaskClient, method: str) -> None:
    with transaction():
        users.create_user("owner@example.org", PASSWORD, now=utcnow())
    answer = visit(client, "/login", method, data=FORM)
    assert answer.status_code == 200
    assert visit(client, "/").status_code == 302


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_only_a_post_creates_the_first_account(client: FlaskClient, method: str) -> None:
    visit(client, "/welcome", method, data=FORM)
    assert not users.has_users()


def test_visits_are_recorded_for_get_but_not_for_head(
    app: Flask, owner_client: FlaskClient, client: FlaskClient
) -> None:
    found = populate()
    before = dump()
    paths = [path for name, path, _ in routes(app, found) if name in RECORD_VISITS]
    assert len(paths) == len(RECORD_VISITS)
    for path in paths:
        for method in ("HEAD", "OPTIONS"):
            visit(client, path, method)
            assert dump() == before, path
        visit(client, path)
        after = dump()
        assert after != before, path
        before = after


def test_a_view_that_writes_in_a_get_is_stopped(app: Flask, client: FlaskClient) -> None:
    def writing() -> str:
        with transaction():
            return "written"

    writing._campaigns_access = "public"  # type: ignore[attr-defined]
    app.view_functions["login.login"] = writing
    with pytest.raises(WriteForbiddenError):
        client.get("/login")
    with transaction():
        pass  # code after the request may write again
