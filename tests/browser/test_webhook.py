"""Webhooks in a real browser: set up, posted to, and seen without a reload."""

import base64
import json
import urllib.request
from urllib.parse import urlsplit

from flask import Flask
from playwright.sync_api import Page, expect

from campaigns.db import transaction
from tests.factories import a_provider


def post(url: str, body: object) -> int:
    """Post as the provider does, with the login of the URL as HTTP Basic."""
    found = urlsplit(url)
    login = base64.b64encode(f"{found.username}:{found.password}".encode()).decode()
    address = f"http://{found.hostname}:{found.port}{found.path}"
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    wanted = urllib.request.Request(address, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(wanted) as answer:  # noqa: S310
        return int(answer.status)


def test_a_post_to_the_url_of_a_new_webhook_shows_on_the_open_page(
    server: tuple[Flask, str], owner: Page
) -> None:
    with server[0].app_context(), transaction():
        account_id = a_provider("Relay", preset="postmark", rewrites_return_path=True).public_id
    owner.goto(f"{server[1]}/settings/providers/{account_id}/returns")
    light = owner.locator("#returns-state")
    expect(light).to_have_attribute("data-state", "off")
    owner.get_by_role("button", name="Create webhook").click()
    expect(light).to_have_attribute("data-state", "waiting")
    path = urlsplit(owner.locator("#hook-url").input_value())
    url = path._replace(netloc=f"{path.username}:{path.password}@{urlsplit(server[1]).netloc}")
    assert post(url.geturl(), {"RecordType": "Delivery"}) == 200
    expect(light).to_have_attribute("data-state", "received", timeout=10_000)
    expect(owner.locator("#returns-recent")).to_contain_text("Postmark")
    owner.locator("#returns-recent tbody a").click()
    expect(owner.get_by_text("RecordType")).to_be_visible()
