"""Every page is accessible in both themes, and has room for the words of other languages.

All pages are checked in the language for tests, whose words are 40% longer than in English.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, ViewportSize

from campaigns.cli.demo.build import LOGIN
from tests.browser.every_page import paths
from tests.browser.serving import log_in
from tests.pseudo_locale import speak_pseudo

BEFORE_LOGIN = ("/login", "/forgot", "/forgot/sent", "/reset/gone", "/nothing", "/u/nothing")
WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 900}
TOO_WIDE = """Math.max(
    ...[document.documentElement, ...document.querySelectorAll(".table-responsive")]
        .map((box) => box.scrollWidth - box.clientWidth))"""
"""Pixels by which the page, or a table in it, has to be scrolled sideways."""
SERIOUS = {"serious", "critical"}
OPTIONS: dict[str, Any] = {"resultTypes": ["violations"], "preload": False, "iframes": False}
"""Frames show emails, which are not ours; axe would wait for an answer from each of them."""
OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""Rules whose findings can differ between light and dark. They take longest."""
COLOURS = {**OPTIONS, "runOnly": OF_COLOURS}
OTHERS = {**OPTIONS, "rules": {rule: {"enabled": False} for rule in OF_COLOURS}}

LIKE_OTHERS = ["tbody tr:nth-child(n+6)", "option"]
"""One row is like another, and there are hundreds of time zones."""
RUN = "([exclude, options]) => axe.run({exclude}, options)"
RUN_WHERE_IN_DOUBT = Path(__file__).with_name("run_where_in_doubt.js").read_text("utf-8")

Findings = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def findings(
    every_page: tuple[Flask, str], browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Findings]:
    """What is wrong, by check and page. One walk, because loading a page takes longest."""
    app, url = every_page
    found: Findings = defaultdict(dict)
    with pytest.MonkeyPatch.context() as patch:
        addresses = paths(app)
        assert len(addresses) > 40
        speak_pseudo(app, tmp_path_factory.mktemp("translations"), patch)
        with browser.new_context(reduced_motion="reduce", viewport=WIDE) as context:
            page = context.new_page()
            for path in BEFORE_LOGIN:
                _check_page(page, url + path, found)
            log_in(context, app, url, LOGIN)
            for path in addresses:
                _check_page(page, url + path, found)
        yield found


@pytest.mark.parametrize("check", ["light", "dark", "390", "1440"])
def test_no_page_has_a_serious_finding(findings: Findings, check: str) -> None:
    assert findings[check] == {}


def _check_page(page: Page, address: str, found: Findings) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(address)
    page.evaluate(Axe().axe_script)
    if serious := [*_serious(page, RUN, OTHERS), *_serious(page, RUN_WHERE_IN_DOUBT, COLOURS)]:
        found["light"][address] = serious
    page.emulate_media(color_scheme="dark")
    if serious := _serious(page, RUN_WHERE_IN_DOUBT, COLOURS):
        found["dark"][address] = serious
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        if page.evaluate(TOO_WIDE):
            page.wait_for_timeout(500)  # what arrives late may still be without its styles
            if beyond := page.evaluate(TOO_WIDE):
                found[str(size["width"])][address] = [f"{beyond} pixels too wide"]
    page.set_viewport_size(WIDE)


def _serious(page: Page, run: str, options: dict[str, Any]) -> list[str]:
    """The serious findings of axe: rule, element and reason."""
    response = page.evaluate(run, [LIKE_OTHERS, options])
    return [
        f"{rule['id']}: {node['target'][0]}: {node['failureSummary'].splitlines()[-1].strip()}"
        for rule in response["violations"]
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]
