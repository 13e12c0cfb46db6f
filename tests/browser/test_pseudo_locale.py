"""Longer words of other languages fit: no page scrolls sideways, on a phone or a desktop."""

from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser

from tests.browser.every_page import log_in, paths
from tests.pseudo_locale import speak_pseudo

WIDTHS = (390, 1440)
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_no_page_scrolls_sideways_in_a_longer_language(
    every_page: tuple[Flask, str], browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, url = every_page
    speak_pseudo(app, tmp_path / "translations", monkeypatch)
    wide = {}
    with browser.new_context() as context:
        log_in(context, app, url)
        page = context.new_page()
        for path in paths(app):
            page.goto(url + path)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                if beyond := page.evaluate(TOO_WIDE):
                    wide[f"{path} at {width}"] = beyond
    assert wide == {}
