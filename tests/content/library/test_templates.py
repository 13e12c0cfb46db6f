"""Templates: saved over the version that was read, copied, put into folders, archived, deleted."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.content.library import templates
from campaigns.content.library.models import Template
from campaigns.content.library.templates import TemplateConflictError, TemplateError
from campaigns.db import db, transaction
from tests.factories import a_template

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CONTENT = {
    "subject": "News",
    "preheader": "In short",
    "content_kind": "html",
    "source": "<p>Hi</p>",
}


def found(template: Template) -> Template:
    row = templates.find(template.public_id)
    assert row is not None
    return row


def names(**narrowed: object) -> list[str]:
    chosen = templates.matching(**narrowed).order_by(Template.name)  # type: ignore[arg-type]
    return [one.name for one in db.session.scalars(chosen)]


def test_a_template_is_created_and_saved_over_the_version_that_was_read(app: Flask) -> None:
    with transaction():
        template = templates.create("  Monthly\x00 news ", CONTENT, folder="News", now=NOW)
    assert (template.name, template.folder, template.version) == ("Monthly news", "News", 1)
    with transaction():
        assert templates.save(template.id, 1, {"subject": "Mine"}, editor_id=None, now=NOW) == 2
    with pytest.raises(TemplateConflictError) as refused, transaction():
        templates.save(template.id, 1, {"subject": "Theirs"}, editor_id=None, now=NOW)
    assert refused.value.current.subject == "Mine"
    assert templates.content_of(found(template)) == {
        **CONTENT, "subject": "Mine", "inline_css": False, "brand_id": None, "variables": {},
        "variants": {},
    }  # fmt: skip


def test_a_deleted_template_cannot_be_changed(app: Flask) -> None:
    with transaction():
        template = a_template()
        templates.delete(template.id)
    for change in (
        lambda: templates.save(template.id, 1, {"subject": "x"}, editor_id=None, now=NOW),
        lambda: templates.rename(template.id, "x", now=NOW),
        lambda: templates.duplicate(template.id, "x", editor_id=None, now=NOW),
    ):
        with pytest.raises(TemplateError, match="template_gone"), transaction():
            change()


def test_only_content_can_be_saved(app: Flask) -> None:
    with transaction(), pytest.raises(ValueError, match="archived_at"):
        templates.save(1, 1, {"archived_at": NOW}, editor_id=None, now=NOW)


@pytest.mark.parametrize(
    ("name", "folder", "code"),
    [(" \n", "", "without_name"), ("n" * 101, "", "name_too_long"), ("n", "f" * 61, "folder_too")],
)
def test_bad_names_are_refused(app: Flask, name: str, folder: str, code: str) -> None:
    with pytest.raises(TemplateError, match=code), transaction():
        templates.create(name, CONTENT, folder=folder, now=NOW)
    assert db.session.scalar(sa.select(sa.func.count(Template.id))) == 0


def test_templates_are_found_by_text_and_folder(app: Flask) -> None:
    with transaction():
        a_template("Spring 100%", folder="Sales", subject="Save now")
        a_template("Autumn", folder="News")
        a_template("Loose")
        a_template("Old", folder="Sales", archived_at=NOW)
    assert names() == ["Autumn", "Loose", "Spring 100%"]
    assert names(text="100%") == names(text="save NOW") == names(folder="Sales") == ["Spring 100%"]
    assert names(folder="") == ["Loose"]
    assert names(is_archived=True) == ["Old"]
    assert templates.folders() == [("News", 1), ("Sales", 1)]


def test_a_template_is_renamed_moved_archived_and_restored(app: Flask) -> None:
    with transaction():
        template = a_template()
        templates.rename(template.id, "Other", now=NOW)
        templates.move(template.id, "Folder", now=NOW)
        templates.archive(template.id, now=NOW)
    row = found(template)
    assert (row.name, row.folder, row.archived_at, row.version) == ("Other", "Folder", NOW, 1)
    assert templates.has_any(is_archived=True)
    with transaction():
        templates.unarchive(template.id)
    assert found(template).archived_at is None
    assert not templates.has_any(is_archived=True)


def test_a_duplicate_has_the_content_and_its_own_versions(app: Flask) -> None:
    with transaction():
        template = templates.create("One", CONTENT, folder="News", now=NOW)
        templates.save(template.id, 1, {"source": "<p>2</p>"}, editor_id=None, now=NOW)
        copy = templates.duplicate(template.id, "Two", editor_id=None, now=NOW)
    assert (copy.name, copy.folder, copy.version, copy.source) == ("Two", "News", 1, "<p>2</p>")
    assert copy.public_id != template.public_id
