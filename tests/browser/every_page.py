"""An organization with data, and the path of one page of each kind."""

import json
from contextlib import closing
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

from campaigns import migrate
from campaigns.app import create_app
from campaigns.audience import tags
from campaigns.audience.bulk.models import BulkRun
from campaigns.audience.models import AudienceList, ImportRun, Subscriber
from campaigns.audience.segments.models import Segment
from campaigns.cli.demo.build import LOGIN, PASSWORD, ensure_demo
from campaigns.clock import utcnow
from campaigns.content.library import images, media, templates
from campaigns.content.library.media import UploadedImage
from campaigns.content.library.storage import storage_of
from campaigns.context import services
from campaigns.db import db, new_public_id, transaction
from campaigns.mailbox.writer import Writer
from campaigns.providers.models import SenderAddress
from campaigns.tokens import DeliveryRef
from tests.conftest import settings_for_tests
from tests.content.library.pictures import drawing, encoded
from tests.factories import (
    a_campaign,
    a_delivery,
    a_saved_block,
    a_segment,
    a_series,
    a_signed_domain,
    a_snippet,
    a_template,
)
from tests.mailbox.test_web import a_newsletter

SKIPPED = {"content_editor.preview", "public_view.view"}
"""Newsletters written by users; their design is not ours."""
SEVERAL = {"reports.campaign"}
"""Endpoints whose pages differ by the state of what they show, so each is visited."""


def app_with_every_page(folder: Path) -> Flask:
    """The app of a demo with a campaign in every state."""
    settings = settings_for_tests(folder, public_url="", mailbox_port=2525)
    migrate.upgrade(settings)
    ensure_demo(settings)
    app = create_app(settings)
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        _add_states()
        db.session.remove()
    return app


def _add_states() -> None:
    now = utcnow()
    with closing(Writer(services().settings.mailbox_path)) as writer:
        writer.append([a_newsletter()])
    with transaction():
        news = db.session.query(AudienceList).order_by(AudienceList.id).first()
        sender = db.session.query(SenderAddress).first()
        subscribers = db.session.query(Subscriber).order_by(Subscriber.id).limit(8).all()
        assert news is not None
        for status, delivery in (
            ("scheduled", ""),
            ("paused", "failed"),
            ("sending", "queued"),
            ("cancelled", "unknown"),
        ):
            campaign = a_campaign(news, sender=sender, status=status, subject=f"Spring, {status}")
            campaign.scheduled_at = now if status == "scheduled" else None
            if not delivery:
                continue
            campaign.started_at, campaign.audience, campaign.matched = now, 8, 8
            if status == "sending":
                campaign.canary_state, campaign.canary_percent = "testing", 50.0
                campaign.canary_quota = {"google": 3, "other": 3}
            for at, person in enumerate(subscribers):
                state = delivery if at % 2 else "sent"
                a_delivery(campaign, person, list_id=news.id, status=state)
        a_series(news)
        a_signed_domain("harbour-coffee.example")
        inner = {
            "kind": "any",
            "rules": [{"kind": "opened"}, {"kind": "suppressed", "op": "is_not"}],
        }
        a_segment("Friends", {"kind": "list", "list": news.id}, inner)
        db.session.add(ImportRun(list_id=news.id, file_name="people.csv", path="", status="done"))
        tag_everyone = BulkRun(action="tag", params={"tag": 1, "name": "VIP"}, selection={})
        tag_everyone.status, tag_everyone.finished_at = "done", now
        tag_everyone.last_id = tag_everyone.matched = 8
        tag_everyone.outcomes = {"changed": 5, "already": 3}
        db.session.add(tag_everyone)
        tags.add(subscribers[0].id, ["VIP", "Blog"], now=now)
        _add_library(now)
        _add_image()


def _add_image() -> None:
    data, public_id = encoded(drawing(), "PNG"), new_public_id()
    prepared = images.prepare(data)
    media.write(storage_of(services().settings), public_id, prepared)
    media.add(
        public_id,
        prepared,
        UploadedImage("logo.png", folder="Logos"),
        upload_digest=media.digest_of(data),
        user_id=None,
        now=utcnow(),
    )


def _add_library(now: datetime) -> None:
    a_snippet("promo", "<p>{{ subscriber.nme }}</p>")
    saved = a_saved_block("Offer")
    rows = [{"type": "saved", "id": "savd1", "saved": saved.public_id}]
    template = a_template("Monthly", folder="News", source=json.dumps({"version": 1, "rows": rows}))
    templates.save(template.id, 1, {"subject": "News"}, editor_id=None, now=now)
    a_template("Old", archived_at=now)


def _owner(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.post("/login", data={"address": LOGIN, "password": PASSWORD})
    return client


def paths(app: Flask) -> list[str]:
    """The path of one page of each kind that links lead to, and of recipients' pages."""
    client, routes = _owner(app), app.create_url_adapter(None) or app.url_map.bind("localhost")
    found: dict[str, str] = {}
    queue = ["/", _why(app), *_pages_for_recipients(app)]
    for path in queue:  # grows during the loop
        try:
            endpoint, _ = routes.match(urlsplit(path).path, method="GET")
        except HTTPException:
            continue
        key = path if endpoint in SEVERAL else endpoint
        if key in found or endpoint in SKIPPED or endpoint == "static":
            continue
        answer = client.get(path)
        found[key] = path if answer.mimetype == "text/html" else ""
        if answer.status_code == 200 and found[key]:
            queue += _links(answer.text, path)
    return [path for path in found.values() if path]


def _why(app: Flask) -> str:
    """The page that explains one person, which forms lead to."""
    with app.app_context():
        segment, person = db.session.query(Segment).first(), db.session.query(Subscriber).first()
        assert segment is not None
        assert person is not None
        return f"/segments/{segment.public_id}/why?subscriber={person.public_id}"


def _pages_for_recipients(app: Flask) -> list[str]:
    with app.app_context(), app.test_request_context():
        news = db.session.query(AudienceList).filter_by(is_public=True).first()
        person = db.session.query(Subscriber).first()
        assert news is not None
        assert person is not None
        token = services().signer.sign("unsubscribe", DeliveryRef(person.id, news.id, 0).pack())
        return [f"/s/{news.public_id}", f"/s/{news.public_id}/check-your-email", f"/u/{token}"]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name == "href" and value and tag == "a"]


def _links(page: str, path: str) -> list[str]:
    parser = _Links()
    parser.feed(page)
    joined = (urljoin(path, link).partition("#")[0] for link in parser.found)
    return [link for link in joined if link.startswith("/")]
