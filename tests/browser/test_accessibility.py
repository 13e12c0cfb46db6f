"""axe finds nothing serious on any page, in light and in dark."""

from collections import defaultdict
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page

from tests.browser.every_page import log_in, paths

BEFORE_THE_LOGIN = ("/login", "/forgot", "/forgot/sent", "/reset/gone", "/nothing", "/u/nothing")
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SERIOUS = {"serious", "critical"}
OPTIONS = {"resultTypes": ["violations"], "preload": False}


def findings(page: Page) -> list[str]:
    """The serious findings of this page: the rule, and where."""
    response: dict[str, Any] = Axe().run(page, options=OPTIONS).response
    return [
        f"{rule['id']}: {node['target'][0]}: {node['failureSummary'].splitlines()[-1].strip()}"
        for rule in response["violations"]
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


def test_no_page_has_a_serious_finding(every_page: tuple[Flask, str], browser: Browser) -> None:
    app, url = every_page
    found: dict[str, list[str]] = defaultdict(list)
    with browser.new_context(reduced_motion="reduce") as context:
        page = context.new_page()
        for path in BEFORE_THE_LOGIN:
            look_at(page, url + path, found)
        log_in(context, app, url)
        for path in paths(app):
            look_at(page, url + path, found)
    assert found == {}


def look_at(page: Page, address: str, found: dict[str, list[str]]) -> None:
    """Note the findings of a page, by theme."""
    page.emulate_media(color_scheme="light")
    page.goto(address)
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        if told := findings(page):
            found[f"{address}, {theme}"] = told
