"""The pages of segments: builder, count, why, list."""

import html
import re
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient

from campaigns.audience.segments import saved
from campaigns.audience.segments.models import Segment
from campaigns.db import db, transaction
from tests.factories import a_list, a_segment, a_subscriber

SELECT = r'<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>'
TEXTAREA = r'<textarea[^>]* name="([^"]*)"[^>]*>\n?(.*?)</textarea>'


def inputs(page: str) -> dict[str, list[str]]:
    """What the form of the builder would send."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        values = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        if values.get("type") == "checkbox" and " checked" not in tag:
            continue
        if "name" in values:
            found.setdefault(values["name"], []).append(html.unescape(values.get("value", "")))
    for name, body in re.findall(SELECT, page, re.DOTALL):
        options = re.findall(r'<option value="([^"]*)"( selected)?>', body)
        chosen = [value for value, is_chosen in options if is_chosen] or [options[0][0]]
        found[name] = [html.unescape(chosen[-1])]
    for name, text in re.findall(TEXTAREA, page, re.DOTALL):
        found[name] = [html.unescape(text)]
    return found


def preview(client: FlaskClient, form: dict[str, list[str]], **values: Any) -> str:
    answer = client.post("/segments/preview", data={**form, **values})
    assert answer.status_code == 200
    return answer.text


def stored() -> dict[str, Any]:
    db.session.expire_all()
    return db.session.scalars(sa.select(Segment)).one().rules


def test_without_segments_the_page_offers_ideas_that_open_the_builder(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        a_list("News")
    page = owner_client.get("/segments").text
    assert "No segments yet" in page
    links = [html.unescape(one) for one in re.findall(r'href="(/segments/new\?[^"]*)"', page)]
    assert len(links) == 3
    for link in links:
        built = owner_client.get(link)
        assert built.status_code == 200
        assert "Subscribers who" in built.text


def test_a_segment_is_built_saved_and_edited(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("News")
        a_subscriber("alice@example.org", news)
        a_subscriber("bob@example.org")
    form = inputs(owner_client.get("/segments/new").text)
    form |= inputs(preview(owner_client, form | {"n2.what": ["list"]}, part="rules"))
    form["n2.list.select"] = [str(news.id)]
    counted = preview(owner_client, form, part="count")
    assert "1 subscriber" in counted
    assert "alice@example.org" in counted
    assert "bob@example.org" not in counted
    assert "Subscribers who are subscribed to “News”." in counted
    answer = owner_client.post("/segments/new", data={**form, "name": "Readers of News"})
    assert answer.status_code == 302
    assert stored()["root"]["rules"][0]["list"] == news.id
    path = f"/segments/{db.session.scalars(sa.select(Segment.public_id)).one()}/edit"
    again = inputs(owner_client.get(path).text)
    assert again["n2.list.select"] == [str(news.id)]
    answer = owner_client.post(path, data={**again, "n2.state.select": "unsubscribed"})
    assert answer.status_code == 302
    assert stored()["root"]["rules"][0]["state"] == "unsubscribed"


def test_a_segment_in_use_cannot_be_deleted(owner_client: FlaskClient) -> None:
    with transaction():
        used = a_segment("Friends")
        other = a_segment("Others", {"kind": "segment", "op": "not_in", "segment": used.id})
    assert "“Others”" in owner_client.get("/segments").text
    path = f"/segments/{used.public_id}/delete"
    assert "“Others”" in owner_client.get(path).text
    assert owner_client.post(path).status_code == 422
    assert saved.find(used.public_id) is not None
    owner_client.post(f"/segments/{other.public_id}/delete")
    assert owner_client.post(path).status_code == 302
    assert saved.find(used.public_id) is None


def test_a_segment_is_duplicated_twice(owner_client: FlaskClient) -> None:
    with transaction():
        segment = a_segment("Friends", {"kind": "suppressed"})
    for _ in range(2):
        assert owner_client.post(f"/segments/{segment.public_id}/duplicate").status_code == 302
    names = set(db.session.scalars(sa.select(Segment.name)))
    assert names == {"Friends", "Friends (copy 1)", "Friends (copy 2)"}
