"""Where the images of a campaign are loaded from, and whether they are embedded."""

from flask import Flask

from campaigns.campaign import drafts, lifecycle
from campaigns.campaign.expand_content import content_of
from campaigns.clock import utcnow
from campaigns.content.library.models import Media
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_list, a_sender
from tests.readback import fresh_campaign

BASE_URL, CDN = "https://news.example.org", "https://cdn.example.net/news"


def test_images_come_from_the_public_address_of_media_before_and_after_the_launch(
    app: Flask,
) -> None:
    with transaction():
        logo = Media(
            name="logo.png",
            content_type="image/png",
            width=40,
            height=20,
            size=99,
            digest="0f" * 32,
        )
        db.session.add(logo)
        db.session.flush()
        campaign = a_campaign(a_list(), sender=a_sender(), source=f"media:{logo.public_id}")
    path = f"media/{logo.public_id}/{'0f' * 10}.png"
    for _ in ("draft", "launched"):
        found = fresh_campaign(campaign)
        plain = content_of(found, base_url=BASE_URL)
        assert plain.context.media[logo.public_id].url == f"{BASE_URL}/{path}"
        faster = content_of(found, base_url=BASE_URL, media_url=CDN)
        assert faster.context.media[logo.public_id].url == f"{CDN}/{path}"
        assert faster.context.media[logo.public_id].size == 99
        if found.status == "draft":
            with transaction():
                lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())


def test_a_copy_of_a_campaign_embeds_its_images_too(app: Flask) -> None:
    with transaction():
        campaign = drafts.create(now=utcnow(), name="Spring")
        drafts.save(
            campaign.id, campaign.version, {"embed_images": True}, editor_id=None, now=utcnow()
        )
        copy = drafts.duplicate(campaign.id, editor_id=None, now=utcnow())
    assert content_of(copy, base_url=BASE_URL).embeds_images
