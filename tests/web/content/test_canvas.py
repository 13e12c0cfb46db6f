"""The canvas of the block editor: documents are compiled while they are edited."""

import json
import re
from html import unescape
from typing import Any

import brotli
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from campaigns.campaign import drafts
from campaigns.content.sources.blocks.document import Document
from campaigns.db import transaction
from campaigns.paths import resource_root
from campaigns.web.content.block_words import block_words
from tests.factories import a_campaign, a_list

BUTTON = {"id": "butt0001", "type": "button", "label": "Order now", "link": ""}


def document_of(*blocks: dict[str, Any]) -> str:
    section = {
        "id": "sect0001",
        "type": "section",
        "columns": [{"id": "colu0001", "blocks": blocks}],
    }
    return json.dumps({"version": 1, "rows": [section]})


@pytest.fixture
def url(owner_client: FlaskClient) -> str:
    """The URL of the canvas of a draft."""
    with transaction():
        campaign = a_campaign(a_list(), content_kind="blocks", source=document_of(BUTTON))
    return f"/campaigns/{campaign.public_id}/content/canvas"


def _compile(client: FlaskClient, url: str, body: str | bytes) -> TestResponse:
    return client.post(url, data=body, content_type="application/json")


def test_a_document_is_compiled_with_its_blocks_marked(owner_client: FlaskClient, url: str) -> None:
    answer = _compile(owner_client, url, document_of(BUTTON)).get_json()
    assert "Order now" in answer["html"]
    for block in ("sect0001", "colu0001", "butt0001"):
        assert f"b-{block}" in answer["html"]


def test_problems_name_their_block(owner_client: FlaskClient, url: str) -> None:
    problems = _compile(owner_client, url, document_of(BUTTON)).get_json()["problems"]
    assert [problem["block"] for problem in problems] == ["butt0001"]
    assert problems[0]["text"].endswith(".")
    assert problems[0]["blocks"] is False


def test_a_button_without_link_is_listed_once(owner_client: FlaskClient, url: str) -> None:
    panel = owner_client.get(url.replace("/canvas", "/problems")).text
    assert "The button has no link" in panel
    assert "has no target" not in panel


def test_a_block_that_is_being_filled_in_has_no_warnings_yet(
    owner_client: FlaskClient, url: str
) -> None:
    panel = owner_client.get(url.replace("/canvas", "/problems?unfinished=butt0001")).text
    assert "The button has no link" not in panel


def test_compiling_saves_nothing(owner_client: FlaskClient, url: str) -> None:
    _compile(owner_client, url, document_of({**BUTTON, "label": "Something else"}))
    draft = drafts.find(url.split("/")[2])
    assert draft is not None
    assert draft.source == document_of(BUTTON)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\xed\xa0\x80",
        b"[]",
        b"null",
        b'{"version": 2, "rows": []}',
        b'{"version": "1", "rows": 7}',
        b"[" * 100_000,
        b'{"rows": [{"type": "section", "columns": []}]}',
    ],
)
def test_what_is_no_document_is_named(owner_client: FlaskClient, url: str, body: bytes) -> None:
    answer = _compile(owner_client, url, body)
    assert answer.status_code == 200
    assert answer.get_json()["html"] == ""
    assert answer.get_json()["problems"][0]["text"]


def test_a_document_that_could_not_be_saved_is_refused(owner_client: FlaskClient, url: str) -> None:
    answer = _compile(owner_client, url, " " * (drafts.MAX_SOURCE + 1))
    assert answer.status_code == 413
    assert "512 KB" in answer.get_json()["message"]


def test_without_a_login_nothing_is_compiled(client: FlaskClient, url: str) -> None:
    client.delete_cookie("campaigns")
    assert "/login" in _compile(client, url, document_of(BUTTON)).location


def test_the_frame_runs_no_scripts_and_loads_only_images(
    owner_client: FlaskClient, url: str
) -> None:
    answer = owner_client.get(url)
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "sandbox allow-same-origin" in policy
    assert "form-action 'none'" in policy
    assert not any("script" in rule for rule in policy)
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_the_frame_comes_with_the_saved_email_as_the_editor_would_get_it(
    owner_client: FlaskClient, url: str
) -> None:
    compiled = _compile(owner_client, url, document_of(BUTTON)).get_json()
    html, style = _without_style(owner_client.get(url).text)
    assert html == compiled["html"]
    assert json.loads(unescape(style["problems"])) == compiled["problems"]
    page = owner_client.get(url.replace("/canvas", "")).text
    assert style["source"] == json.loads(_data(page))["source"]


def test_a_document_that_cannot_be_read_leaves_the_frame_empty(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = a_campaign(a_list(), content_kind="blocks", source='{"version": 2, "rows": []}')
    page = owner_client.get(f"/campaigns/{campaign.public_id}/content/canvas").text
    html, style = _without_style(page)
    assert html.endswith("<body></body></html>")
    assert style["source"] == ""


def _without_style(page: str) -> tuple[str, dict[str, str]]:
    """Return the page without the style sheet of the canvas, and the data in its tag."""
    found = re.search(r"<style data-canvas(.*?)>.*?</style>", page, re.DOTALL)
    assert found
    data = dict(re.findall(r'data-(\w+)="(.*?)"', found[1]))
    return page.replace(found[0], "", 1), data


def _data(page: str) -> str:
    found = re.search(r'id="block-editor-data">(.*?)</script>', page, re.DOTALL)
    assert found
    return found[1]


def test_the_canvas_of_a_deleted_campaign_is_not_found(owner_client: FlaskClient) -> None:
    assert owner_client.get("/campaigns/unknown00000/content/canvas").status_code == 404


def test_the_page_has_the_words_that_its_scripts_use() -> None:
    known = block_words()
    for path in (resource_root() / "static/js/blocks").glob("*.js"):
        code = path.read_text("utf-8")
        assert set(re.findall(r'\bword\("(\w+)"', code)) - known.keys() == set(), path.name
        for prefix in re.findall(r"\bword\(`(\w+)\$", code):
            assert any(name.startswith(prefix) for name in known), path.name


def test_the_inspector_has_a_form_for_each_kind_of_block() -> None:
    code = (resource_root() / "static/js/blocks/block_types.js").read_text("utf-8")
    kinds = set(re.findall(r'"const": "(\w+)"', json.dumps(Document.model_json_schema())))
    for kind in kinds - {"doc", "field", "segment"}:
        assert re.search(rf"^  {kind}: {{", code, re.MULTILINE), kind
        assert f"type_{kind}" in block_words(), kind


def test_the_answer_is_compressed_if_the_browser_accepts_it(
    owner_client: FlaskClient, url: str
) -> None:
    plain = _compile(owner_client, url, document_of(BUTTON))
    packed = owner_client.post(
        url, data=document_of(BUTTON), headers={"Accept-Encoding": "gzip, deflate, br"}
    )
    assert packed.headers["Content-Encoding"] == "br"
    assert brotli.decompress(packed.data) == plain.data
    assert "Content-Encoding" not in plain.headers
