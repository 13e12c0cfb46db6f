"""The first visitor does not wait for templates to be compiled."""

from flask import Flask

from campaigns.web.static_files import tree
from campaigns.web.warm_up import PAGES, templates_of, warm_up


def test_all_templates_of_the_content_page_are_compiled(app: Flask) -> None:
    warm_up(app)
    assert app.jinja_env.cache is not None
    compiled = {name for _, name in app.jinja_env.cache}
    assert {"web/content/edit.html", "web/base.html", "web/content/_blocks.html"} <= compiled
    assert set(templates_of(app, PAGES)) <= compiled


def test_the_bundle_of_the_editor_is_compressed(app: Flask) -> None:
    warm_up(app)
    assert tree().files["js/content/blocks.bundle.js"].is_quick("br")
