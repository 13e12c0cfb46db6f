"""The gallery of templates, and the buttons of each."""

import html

from flask.testing import FlaskClient

from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.library import templates
from campaigns.content.library.models import Template
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_template


def path_of(template: Template) -> str:
    return f"/templates/{template.public_id}"


def test_the_gallery_shows_own_templates_and_starters(owner_client: FlaskClient) -> None:
    assert "Letter" in owner_client.get("/templates").text
    with transaction():
        a_template("<b>Mine</b>", folder="News & more")
        a_template("Old", archived_at=utcnow())
    page = owner_client.get("/templates").text
    assert "&lt;b&gt;Mine&lt;/b&gt;" in page
    assert ">Old<" not in page
    assert "Letter" not in owner_client.get("/templates?folder=News+%26+more").text
    assert ">Old<" in owner_client.get("/templates?archived=1").text
    assert "No templates found" in owner_client.get("/templates?q=zzz").text


def test_a_thousand_templates_are_paged(owner_client: FlaskClient) -> None:
    with transaction():
        db.session.add_all(Template(name=f"T{number:04}") for number in range(1000))
    page = owner_client.get("/templates").text
    assert "T0999" in page
    assert "T0975" not in page
    following = html.unescape(page.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0])
    second = owner_client.get(following).text
    assert "T0975" in second
    assert "T0976" not in second


def test_a_template_is_used_in_a_new_campaign(owner_client: FlaskClient) -> None:
    with transaction():
        template = a_template("Monthly", subject="News", content_kind="html", source="<p>Hi</p>")
    answer = owner_client.post(f"{path_of(template)}/use")
    campaign = db.session.query(Campaign).one()
    assert answer.location == f"/campaigns/{campaign.public_id}"
    assert (campaign.name, campaign.source) == ("Monthly", "<p>Hi</p>")
    assert owner_client.post("/templates/nothing/use").status_code == 404
    assert owner_client.post("/templates/starters/nothing/use").status_code == 404


def test_a_template_is_renamed_and_moved(owner_client: FlaskClient) -> None:
    with transaction():
        template = a_template("Monthly")
    path = f"{path_of(template)}/details"
    wrong = owner_client.post(path, data={"name": " ", "folder": "News"})
    assert wrong.status_code == 422
    assert "Enter a name." in wrong.text
    assert 'value="News"' in wrong.text
    form = {"name": "Weekly", "folder": "News", "subject": "Our\nnews", "preheader": "In short"}
    assert owner_client.post(path, data=form).status_code == 302
    found = templates.find(template.public_id)
    assert found is not None
    assert (found.name, found.folder, found.subject) == ("Weekly", "News", "Our news")
    assert found.version == 2
    owner_client.post(path, data={**form, "name": "Other"})
    assert found.version == 2


def test_a_new_template_opens_in_the_block_editor(owner_client: FlaskClient) -> None:
    assert owner_client.post("/templates/new", data={"name": ""}).status_code == 422
    created = owner_client.post("/templates/new", data={"name": "Monthly", "folder": "News"})
    assert "block-editor" in owner_client.get(created.location).text
    (row,) = db.session.query(Template)
    assert (row.name, row.folder, row.content_kind) == ("Monthly", "News", "blocks")


def test_a_template_is_duplicated_archived_and_deleted(owner_client: FlaskClient) -> None:
    with transaction():
        template = a_template("Monthly")
    for action in ("duplicate", "archive", "unarchive"):
        assert owner_client.post(f"{path_of(template)}/{action}").status_code == 302
    assert "Monthly (copy)" in owner_client.get("/templates").text
    asked = owner_client.get(f"{path_of(template)}/delete").text
    assert "Campaigns made from it are copies" in asked
    assert owner_client.post(f"{path_of(template)}/delete").status_code == 302
    assert owner_client.get(f"{path_of(template)}/details").status_code == 404
    again = owner_client.post(f"{path_of(template)}/delete")
    assert again.location == "/templates"


def test_a_campaign_is_saved_as_a_template(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = a_campaign(name="May news", status="sent")
    path = f"/campaigns/{campaign.public_id}/save-as-template"
    assert 'value="May news"' in owner_client.get(path).text
    assert owner_client.post(path, data={"name": ""}).status_code == 422
    assert owner_client.post(path, data={"name": "News", "folder": "Mine"}).status_code == 302
    saved = db.session.query(Template).one()
    assert (saved.name, saved.folder, saved.source) == ("News", "Mine", campaign.source)


def test_thumbnails_are_the_compiled_email_and_are_kept_by_browsers(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        template = a_template(content_kind="html", source="<h1>Hello {{ subscriber.name }}</h1>")
        broken = a_template(content_kind="html", source="{{ nothing }}")
    path = f"{path_of(template)}/thumbnail"
    answer = owner_client.get(path)
    assert "<h1>Hello </h1>" in answer.text
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    tag = {"If-None-Match": answer.headers["ETag"]}
    again = owner_client.get(path, headers=tag)
    assert (again.status_code, again.text) == (304, "")
    with transaction():
        templates.save(template.id, 1, {"source": "<p>New</p>"}, editor_id=None, now=utcnow())
    assert "<p>New</p>" in owner_client.get(path, headers=tag).text
    assert "Fix these problems" in owner_client.get(f"{path_of(broken)}/thumbnail").text
    assert (
        "Five good reads for the weekend"
        in owner_client.get("/templates/starters/digest/thumbnail").text
    )


def test_the_content_of_a_template_is_edited_like_that_of_a_campaign(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        template = a_template("Monthly", content_kind="html", source="<p>Old</p>")
    path = f"{path_of(template)}/content"
    page = owner_client.get(path).text
    assert "Monthly" in page
    assert "Send test" in page
    seen = page.split('data-seen="')[1].split('"')[0]
    form = {"version": 1, "seen": seen, "content_kind": "html", "source": "<p>Mine</p>"}
    saved = owner_client.post(f"{path}/save", data=form)
    assert (saved.status_code, saved.json["version"]) == (200, 2)  # type: ignore[index]
    lost = owner_client.post(f"{path}/save", data={**form, "source": "<p>Theirs</p>"})
    assert lost.status_code == 409
    assert "<p>Mine</p>" in owner_client.get(f"{path}/preview").text
    with transaction():
        templates.delete(template.id)
    assert owner_client.post(f"{path}/save", data=form).status_code == 423
