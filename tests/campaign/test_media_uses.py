"""What shows an image of the media library."""

import pytest
from flask import Flask

from campaigns.campaign import drafts
from campaigns.campaign.media_uses import shown_before, uses_of
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
from tests.factories import a_campaign, a_list


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


def test_the_number_of_statements_does_not_grow_with_the_images(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction():
        ids = [a_medium(f"{number}.png").public_id for number in range(20)]
    count = [0]
    execute = db.session.execute

    def counted(*args: object, **options: object) -> object:
        count[0] += 1
        return execute(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(db.session, "execute", counted)
    uses_of(ids)
    assert count == [5]
