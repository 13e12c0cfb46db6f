"""Batches of one campaign carry the same email, whatever is edited in the library in between."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.content.brand_style import LIGHT, BrandStyle
from campaigns.content.library import saved_blocks, snippets
from campaigns.content.library.models import Brand
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.tokens import DeliveryRef
from tests.factories import (
    a_campaign,
    a_list,
    a_provider,
    a_saved_block,
    a_sender,
    a_snippet,
    a_subscriber,
)
from tests.jobs.steps import run, send_until
from tests.readback import delivery_counts
from tests.smtp_server import ScriptedServer, scripted_server

pytestmark = pytest.mark.usefixtures("worker")
BEFORE, AFTER = "#123456", "#abcdef"


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url})


def brand_of(colour: str) -> dict[str, object]:
    return BrandStyle(light=LIGHT.model_copy(update={"accent": colour})).model_dump(mode="json")


def a_launched_campaign(server: ScriptedServer) -> Campaign:
    """A campaign to two people, made of a brand, a saved block and a snippet."""
    with transaction():
        news = a_list()
        for number in (1, 2):
            a_subscriber(f"p{number}@example.org", news)
        brand = Brand(name="Harbour", style=brand_of(BEFORE))
        db.session.add(brand)
        a_snippet("promo", "<p>snippet before</p>")
        saved = a_saved_block("Offer", "block before {{ snippet.promo }}")
        rows = [
            {"type": "saved", "id": "savd1", "saved": saved.public_id},
            {
                "type": "section",
                "columns": [
                    {
                        "blocks": [
                            {"type": "button", "label": "Go", "link": "https://shop.example/"},
                            {"type": "html", "code": "{{ snippet.promo }}"},
                        ]
                    }
                ],
            },
        ]
        db.session.flush()
        campaign = a_campaign(
            news,
            sender=a_sender(provider=a_provider(port=server.port)),
            content_kind="blocks",
            source=json.dumps({"version": 1, "rows": rows}),
            brand_id=brand.id,
        )
        assert lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
    return campaign


def edit_everything() -> None:
    with transaction():
        db.session.execute(sa.update(Brand).values(style=brand_of(AFTER)))
        for snippet in db.session.scalars(snippets.matching()).all():
            snippets.save(snippet.id, 1, name="x", source="<p>snippet after</p>", now=utcnow())
        for saved in db.session.scalars(saved_blocks.matching()).all():
            text = json.loads(json.dumps(saved.rows).replace("block before", "block after"))
            saved_blocks.save(saved.id, 1, text, now=utcnow())
        earlier = utcnow() - timedelta(minutes=1)
        db.session.execute(sa.update(Delivery).values(not_before=earlier))


def parts_of(text: str) -> list[bool]:
    words = (BEFORE, "snippet before", "block before", AFTER, "snippet after", "block after")
    return [word in text for word in words]


def test_a_later_batch_and_the_web_view_show_what_was_launched(app: Flask) -> None:
    is_busy = True

    def script(line: str, _: object) -> str | None:
        return "451 later" if is_busy and line.startswith("RCPT TO:<p2@") else None

    with scripted_server(script) as server:
        campaign = a_launched_campaign(server)
        run(campaign.id)
        assert delivery_counts() == {"sent": 1, "queued": 1}
        edit_everything()
        is_busy = False
        send_until({"sent": 2})
        bodies = [
            mail.data.replace(b"=\r\n", b"").replace(b"=3D", b"=").decode()
            for mail in server.received
        ]
    assert [parts_of(body) for body in bodies] == [[True] * 3 + [False] * 3] * 2
    (delivery,) = db.session.scalars(
        sa.select(Delivery).where(Delivery.address == "p2@example.org")
    )
    ref = DeliveryRef(delivery.subscriber_id or 0, delivery.list_id or 0, delivery.id)
    link = f"/v/{services().signer.sign('view', ref.pack())}"
    assert parts_of(app.test_client().get(link).text) == [True] * 3 + [False] * 3
