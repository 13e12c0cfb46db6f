"""What shows an image of the media library."""

from flask import Flask

from campaigns.campaign import drafts, lifecycle
from campaigns.campaign.media_uses import shown_before, uses_of
from campaigns.campaign.models import CampaignVariant, FrozenContent
from campaigns.clock import utcnow
from campaigns.content.library.models import (
    Brand,
    ContentVersion,
    Media,
    SavedBlock,
    Snippet,
    Template,
)
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_list, a_template


def a_medium(name: str = "logo.png") -> Media:
    medium = Media(
        name=name, content_type="image/png", width=40, height=20, size=99, digest="0f" * 32
    )
    db.session.add(medium)
    db.session.flush()
    return medium


def test_everything_that_shows_an_image_is_found(app: Flask) -> None:
    with transaction():
        logo, other = a_medium(), a_medium("other.png")
        reference = f"media:{logo.public_id}"
        a_campaign(a_list(), name="Spring", source=f'<img src="{reference}">', status="sent")
        drafts.create(now=utcnow(), name="Autumn", source=f"![]({reference})")
        drafts.create(now=utcnow(), name="Copied", source=f"/media/{logo.public_id}/0f.png")
        drafts.create(now=utcnow(), name="None", source="media:short")
        db.session.add_all(
            [
                Template(name="Letter", source=f'{{"src": "{reference}"}}'),
                SavedBlock(name="Header", rows=[{"type": "image", "src": reference}]),
                Snippet(key="sign", name="Signature", source=f'<img src="{reference}">'),
                Brand(name="Harbour", style={"logo": reference}),
            ]
        )
    uses = uses_of([logo.public_id, other.public_id])
    assert uses[other.public_id] == []
    assert [(use.kind, use.title, use.is_over) for use in uses[logo.public_id]] == [
        ("campaign", "Copied", False),
        ("campaign", "Autumn", False),
        ("campaign", "Spring", True),
        ("template", "Letter", False),
        ("saved_block", "Header", False),
        ("snippet", "Signature", False),
        ("brand", "Harbour", False),
    ]


def test_an_earlier_version_is_no_use_but_is_known(app: Flask) -> None:
    with transaction():
        logo, other = a_medium(), a_medium("other.png")
        draft = drafts.create(now=utcnow(), name="Autumn", source="<p>No image</p>")
        db.session.add(
            ContentVersion(
                campaign_id=draft.id,
                version=7,
                content_kind="html",
                source=f"media:{logo.public_id}",
                saved_at=utcnow(),
            )
        )
    ids = [logo.public_id, other.public_id]
    assert uses_of(ids) == {logo.public_id: [], other.public_id: []}
    assert shown_before(ids) == {logo.public_id}


def test_other_languages_of_versions_and_templates_show_images_too(app: Flask) -> None:
    with transaction():
        logo, hero = a_medium(), a_medium("hero.png")
        a_template("Monthly", variants={"de": {"source": f"media:{hero.public_id}"}})
        draft = drafts.create(now=utcnow(), name="Autumn")
        db.session.add(
            ContentVersion(
                campaign_id=draft.id,
                version=7,
                content_kind="html",
                variables={},
                variants={"de": {"source": f"media:{logo.public_id}"}},
                saved_at=utcnow(),
            )
        )
    assert [use.title for use in uses_of([hero.public_id])[hero.public_id]] == ["Monthly"]
    assert shown_before([logo.public_id]) == {logo.public_id}


def test_addresses_and_frozen_content_count_as_uses(app: Flask) -> None:
    with transaction():
        logo = a_medium()
        address = f"https://cdn.example.net/media/{logo.public_id}/0f.png"
        drafts.create(now=utcnow(), name="Copied", source=f'<img src="{address}">')
        sent = a_campaign(a_list(), name="Sent", source="<p>Logo of the brand</p>", status="sent")
        context = {"media": {logo.public_id: {"url": f"/media/{logo.public_id}/0f.png"}}}
        db.session.add(FrozenContent(campaign_id=sent.id, context=context, frozen_at=utcnow()))
        drafts.create(now=utcnow(), name="Other", source=f"multimedia {logo.public_id}")
    assert [use.title for use in uses_of([logo.public_id])[logo.public_id]] == ["Sent", "Copied"]


def test_a_variant_in_another_language_is_a_use_of_its_campaign(app: Flask) -> None:
    with transaction():
        logo, other = a_medium(), a_medium("other.png")
        both = f"media:{logo.public_id}"
        draft = drafts.create(now=utcnow(), name="Autumn", source=both)
        german = f"{both} media:{other.public_id}"
        db.session.add(
            CampaignVariant(campaign_id=draft.id, language="de", content_kind="html", source=german)
        )
    uses = uses_of([logo.public_id, other.public_id])
    assert [use.title for use in uses[logo.public_id]] == ["Autumn"]
    assert [use.title for use in uses[other.public_id]] == ["Autumn"]


def test_what_an_earlier_launch_froze_is_no_use_of_a_draft(app: Flask) -> None:
    with transaction():
        logo = a_medium()
        campaign = a_campaign(a_list(), source=f'<img src="media:{logo.public_id}">')
        lifecycle.launch(campaign.id, at=None, undo_seconds=10, now=utcnow())
    assert len(uses_of([logo.public_id])[logo.public_id]) == 1
    with transaction():
        lifecycle.back_to_draft(campaign.id, now=utcnow())
        changes = {"source": "<p>No image</p>"}
        drafts.save(campaign.id, campaign.version, changes, editor_id=None, now=utcnow())
    assert uses_of([logo.public_id])[logo.public_id] == []
