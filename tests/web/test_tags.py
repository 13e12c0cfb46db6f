"""The pages of tags, and the tags on the page of a subscriber."""

import html

import sqlalchemy as sa
from flask.testing import FlaskClient

from campaigns.audience import tags
from campaigns.audience.models import Tag
from campaigns.audience.segments import saved, tree
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.factories import a_subscriber


def test_tags_are_added_to_and_removed_from_a_subscriber(owner_client: FlaskClient) -> None:
    with transaction():
        path = f"/subscribers/{a_subscriber().public_id}"
    owner_client.post(f"{path}/tags", data={"tags": "VIP, <script>alert(1)</script>"})
    page = owner_client.get(path).text
    assert ">VIP</a>" in page
    assert "<script>alert" not in page
    owner_client.post(f"{path}/tags", data={"tags": "x" * 999})
    assert "at most 100 characters" in owner_client.get(path).text
    vip = tags.named("vip")
    assert vip is not None
    owner_client.post(f"{path}/tags/remove", data={"tag": vip.public_id})
    assert ">VIP</a>" not in owner_client.get(path).text
    owner_client.post(f"{path}/tags/remove", data={"tag": "gone"})
    assert "This tag was deleted" in owner_client.get(path).text


def test_the_page_lists_tags_with_their_numbers(owner_client: FlaskClient) -> None:
    assert "No tags yet" in owner_client.get("/tags").text
    with transaction():
        tags.add(a_subscriber().id, ["VIP"], now=utcnow())
    assert ">VIP</a>" in owner_client.get("/tags?q=vi").text
    assert "No tags found" in owner_client.get("/tags?q=none").text


def test_a_tag_is_renamed_merged_and_deleted(owner_client: FlaskClient) -> None:
    with transaction():
        ann = a_subscriber().id
        tags.add(ann, ["VIP", "Blog", "Old"], now=utcnow())
    paths = {tag.name: f"/tags/{tag.public_id}" for tag in db.session.scalars(sa.select(Tag))}
    answer = owner_client.post(f"{paths['VIP']}/edit", data={"name": "blog"})
    assert answer.status_code == 422
    assert "Merge the two instead" in answer.text
    assert 'value="blog"' in answer.text
    assert owner_client.post(f"{paths['VIP']}/edit", data={"name": "VIPs"}).status_code == 302
    wrong = owner_client.post(f"{paths['Blog']}/merge", data={"into": "none"})
    assert wrong.status_code == 422
    assert "Choose another tag that exists" in wrong.text
    assert owner_client.post(f"{paths['Blog']}/merge", data={"into": "vips"}).status_code == 302
    assert "from 1 subscriber" in owner_client.get(f"{paths['Old']}/delete").text
    assert owner_client.post(f"{paths['Old']}/delete").status_code == 302
    db.session.rollback()
    assert [tag.name for tag in tags.of([ann])[ann]] == ["VIPs"]
    assert owner_client.get(f"{paths['Old']}/edit").status_code == 404


def test_a_tag_that_a_segment_uses_cannot_be_deleted(owner_client: FlaskClient) -> None:
    with transaction():
        (vip,) = tags.created(["VIP"], now=utcnow())
        tags.created(["Other"], now=utcnow())
        rules = {"kind": "all", "rules": [{"kind": "tag", "tags": [vip.id]}]}
        saved.create("Best people", tree.parse({"version": 1, "root": rules}), now=utcnow())
    path = f"/tags/{vip.public_id}"
    assert "“Best people”" in html.unescape(owner_client.get(f"{path}/delete").text)
    assert owner_client.post(f"{path}/delete").status_code == 422
    assert tags.named("VIP") is not None
    assert "Best people" in owner_client.get(f"{path}/edit").text
