"""The pages of saved blocks and snippets, and what the block editor asks for."""

import html
import json

import pytest
from flask.testing import FlaskClient

from campaigns.content.library import saved_blocks, snippets
from campaigns.db import transaction
from tests.factories import a_campaign, a_saved_block, a_snippet, a_template

SPACER = {"type": "section", "columns": [{"blocks": [{"type": "spacer", "height": 8}]}]}


def test_the_block_editor_saves_rows_and_gets_them_back(owner_client: FlaskClient) -> None:
    answer = owner_client.post("/saved-blocks", json={"name": "Gap", "rows": [SPACER]})
    assert answer.status_code == 201
    (block,) = owner_client.get("/saved-blocks.json").json["blocks"]  # type: ignore[index]
    assert (block["id"], block["name"]) == (answer.json["id"], "Gap")  # type: ignore[index]
    assert block["rows"][0]["columns"][0]["blocks"][0]["height"] == 8


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"name": 1, "rows": []}',
        b'{"name": "n", "rows": null}',
        b'{"name": "n\\u0000", "rows": [{"type": "footer"}]}',
        json.dumps({"name": "\ud800", "rows": [SPACER]}).encode(),
        json.dumps({"name": " ", "rows": [SPACER]}).encode(),
    ],
    ids=range(10),
)
def test_rows_that_cannot_be_saved_are_refused_with_a_reason(
    owner_client: FlaskClient, body: bytes
) -> None:
    answer = owner_client.post("/saved-blocks", data=body, content_type="application/json")
    assert answer.status_code == 422
    assert answer.json["message"].endswith(".")  # type: ignore[index]
    assert saved_blocks.offered() == []


def test_a_saved_block_is_shown_renamed_and_deleted_with_its_uses_named(
    owner_client: FlaskClient,
) -> None:
    assert "No saved blocks yet" in owner_client.get("/saved-blocks").text
    with transaction():
        saved = a_saved_block("Offer", "Only today")
        rows = [{"type": "saved", "id": "aaaa", "saved": saved.public_id}]
        source = json.dumps({"version": 1, "rows": rows})
        a_template("Monthly", source=source)
        a_campaign(name="Spring", source=source)
    path = f"/saved-blocks/{saved.public_id}"
    assert f'href="{path}/content"' in owner_client.get("/saved-blocks").text
    assert "Offer" in owner_client.get("/saved-blocks?q=off").text
    assert "No saved blocks found" in owner_client.get("/saved-blocks?q=zzz").text
    assert "Only today" in owner_client.get(f"{path}/thumbnail").text
    page = owner_client.get(path).text
    assert "Monthly" in page
    assert "Spring" in page
    assert owner_client.post(f"{path}/rename", data={"name": ""}).status_code == 422
    assert owner_client.post(f"{path}/rename", data={"name": "Deal"}).status_code == 302
    asked = html.unescape(owner_client.get(f"{path}/delete").text)
    assert "Drafts that show it: “Spring”" in asked
    assert "Templates that show it: “Monthly”" in asked
    assert owner_client.post(f"{path}/delete").status_code == 302
    assert owner_client.get(path).status_code == 404


def test_the_rows_of_a_saved_block_are_edited_as_a_document(owner_client: FlaskClient) -> None:
    with transaction():
        saved = a_saved_block("Offer")
    path = f"/saved-blocks/{saved.public_id}/content"
    page = owner_client.get(path).text
    assert "Only today" in page
    assert "Send test" not in page
    form = {"version": 1, "content_kind": "blocks"}
    document = json.dumps({"version": 1, "rows": [SPACER, {"type": "footer"}]})
    assert owner_client.post(f"{path}/save", data={**form, "source": document}).status_code == 200
    found = saved_blocks.find(saved.public_id)
    assert found is not None
    assert [row["type"] for row in found.rows] == ["section"]
    assert owner_client.post(f"{path}/save", data={**form, "source": document}).status_code == 409
    form["version"] = 2
    for source in ("", "[]", "<p>", '{"rows":[1]}', json.dumps({"rows": [{"type": "saved"}]})):
        refused = owner_client.post(f"{path}/save", data={**form, "source": source})
        assert refused.status_code == 422
    code = {"version": 2, "content_kind": "html", "source": "<p>"}
    assert owner_client.post(f"{path}/save", data=code).status_code == 422


def test_a_snippet_is_created_changed_and_deleted(owner_client: FlaskClient) -> None:
    assert "No snippets yet" in owner_client.get("/snippets").text
    typed = {"key": "Not a key!", "name": "Hours", "source": "<b>9 to 5</b>"}
    wrong = owner_client.post("/snippets/new", data=typed)
    assert wrong.status_code == 422
    assert "beginning with a letter" in wrong.text
    assert "&lt;b&gt;9 to 5" in wrong.text
    created = owner_client.post("/snippets/new", data={**typed, "key": "hours"})
    path = created.location
    assert "{{ snippet.hours }}" in owner_client.get("/snippets").text
    assert "<b>9 to 5</b>" in owner_client.get(f"{path}/preview").text
    changed = {"name": "Opening hours", "source": "<b>8 to 6</b>", "version": "1"}
    assert owner_client.post(path, data=changed).status_code == 302
    conflict = owner_client.post(path, data={**changed, "source": "<i>mine</i>"})
    assert conflict.status_code == 409
    assert "Someone else has changed this" in conflict.text
    assert "&lt;i&gt;mine" in conflict.text
    with transaction():
        a_campaign(name="Spring", source="{{ snippet.hours }}")
    assert "Spring" in owner_client.get(path).text
    assert "“Spring”" in html.unescape(owner_client.get(f"{path}/delete").text)
    assert owner_client.post(f"{path}/delete").status_code == 302
    assert owner_client.get(path).status_code == 404


def test_a_snippet_is_written_as_plain_text(owner_client: FlaskClient) -> None:
    typed = {"name": "Opening hours", "source": "Mon < Tue\r\nSun closed", "format": "text"}
    path = owner_client.post("/snippets/new", data=typed).location
    assert "{{ snippet.opening_hours }}" in owner_client.get("/snippets").text
    assert "Mon &lt; Tue<br>" in owner_client.get(f"{path}/preview").text
    assert "Mon &lt; Tue\nSun closed</textarea>" in owner_client.get(path).text
    changed = {**typed, "source": "<b>Daily</b>", "format": "html", "version": "1"}
    owner_client.post(path, data=changed)
    assert 'name="format"' not in owner_client.get(path).text


def test_the_problems_of_a_snippet_are_shown(owner_client: FlaskClient) -> None:
    with transaction():
        broken = a_snippet("broken", "<p>\n{{ subscribr.name }}</p>")
        a_snippet("round", "{{ snippet.round }}")
        fine = a_snippet("fine", "<p>{{ subscriber.name }}</p>")
    assert "Line 2: Unknown merge tag" in owner_client.get(f"/snippets/{broken.public_id}").text
    circle = snippets.matching("round")
    assert circle is not None
    assert "Problems in this" not in owner_client.get(f"/snippets/{fine.public_id}").text


def test_each_offered_block_links_to_the_page_that_changes_it(owner_client: FlaskClient) -> None:
    with transaction():
        a_saved_block("Offer", "Only today")
    (offered,) = owner_client.get("/saved-blocks.json").json["blocks"]  # type: ignore[index]
    assert "Offer" in owner_client.get(offered["url"]).text
