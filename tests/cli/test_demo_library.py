"""The demo shows the library at its best: a brand, images, templates and a draft of blocks."""

from flask import Flask

from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign
from campaigns.cli.demo.library import STYLE, TEMPLATES, fill_library
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.content.library.brand_input import low_contrasts
from campaigns.content.library.models import Media, Template
from campaigns.content.mime.compile import check_content, lint_content
from campaigns.db import db, transaction
from tests.factories import a_list, a_sender


def test_the_draft_of_the_demo_has_nothing_left_to_mend(app: Flask, settings: Settings) -> None:
    assert low_contrasts(STYLE) == []
    with transaction():
        a_sender()
        fill_library(settings, [a_list().id], utcnow())
    draft = db.session.query(Campaign).one()
    content = content_of(draft, base_url="https://news.harbour-coffee.example")
    assert check_content(content, ()) == []
    assert lint_content(content) == []
    assert content.context.brand == STYLE
    assert content.variables.keys() == {"code"}
    assert [variant.language for variant in content.variants] == ["de"]
    assert all("var.code" in one.source.text for one in (content, *content.variants))
    assert "placeholder:" not in draft.source
    assert db.session.query(Template).count() == len(TEMPLATES)
    assert {image.alt for image in db.session.query(Media)} >= {"Green hills at sunrise"}
