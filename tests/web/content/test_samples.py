"""The editor says which texts, links and images of a design are still to be replaced."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from campaigns.db import transaction
from tests.factories import a_campaign, a_list
from tests.web.content.test_canvas import document_of

HEADING = {
    "id": "head0001",
    "type": "heading",
    "content": {"type": "doc", "content": [{"type": "paragraph", "content": [
        {"type": "text", "text": "Five good reads for the weekend"}]}]},
}  # fmt: skip
BUTTON = {"id": "butt0001", "type": "button", "label": "Go", "link": "https://www.example.com/"}
IMAGE = {"id": "imag0001", "type": "image", "src": "placeholder:hills", "alt": "A garden"}
OWN = {"id": "butt0002", "type": "button", "label": "Go", "link": "https://shop.test.com/"}


def _panel(client: FlaskClient, *blocks: dict[str, Any], count: str = "") -> str:
    with transaction():
        campaign = a_campaign(a_list(), content_kind="blocks", source=document_of(*blocks))
    return client.get(f"/campaigns/{campaign.public_id}/content/problems{count}").text


def test_each_sample_of_a_design_leads_to_its_block_and_is_no_problem(
    owner_client: FlaskClient,
) -> None:
    panel = _panel(owner_client, HEADING, OWN, IMAGE, BUTTON)
    assert re.findall(r'data-block="(\w+)" data-sample', panel) == [
        "head0001", "imag0001", "butt0001",
    ]  # fmt: skip
    assert "3 samples to replace" in panel
    assert "“Five good reads for the weekend”" in panel
    assert "problem-amber" not in panel
    assert "problem-red" not in panel


def test_content_of_your_own_has_no_samples(owner_client: FlaskClient) -> None:
    panel = _panel(owner_client, OWN)
    assert "samples" not in panel
    assert "No problems found" in panel


def test_the_card_of_the_campaign_counts_the_samples(owner_client: FlaskClient) -> None:
    card = _panel(owner_client, HEADING, BUTTON, count="/count")
    assert "2 samples to replace" in card
    assert "No problems found" not in card


@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_a_sample_in_code_leads_to_its_line(owner_client: FlaskClient, kind: str) -> None:
    link = {"html": '<a href="https://example.org/">x</a>', "markdown": "[x](https://example.org)"}
    with transaction():
        campaign = a_campaign(a_list(), content_kind=kind, source=f"Hello\n\n{link[kind]}")
    panel = owner_client.get(f"/campaigns/{campaign.public_id}/content/problems").text
    assert 'data-at-line="3"' in panel
