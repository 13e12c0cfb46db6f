"""Versions of content: recorded with every save, merged within a sitting, bounded, restored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from campaigns.accounts import users
from campaigns.content.library import templates, versions
from campaigns.content.library.models import Template
from campaigns.content.library.versions import VersionOwner
from campaigns.db import transaction
from tests.factories import a_template

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


def a_person(name: str = "maria") -> int:
    return users.create_user(f"{name}@example.org", "correct horse battery", now=NOW).id


def save(template: Template, source: str, editor_id: int | None, at: datetime, **more: Any) -> None:
    version = templates.find(template.public_id).version  # type: ignore[union-attr]
    changes = {"source": source, **more}
    with transaction():
        templates.save(template.id, version, changes, editor_id=editor_id, now=at)


def sources(template: Template) -> list[str]:
    owner = VersionOwner(template_id=template.id)
    found = [versions.find(owner, one.version) for one in versions.listed(owner)]
    return [one.source for one in found if one is not None]


@pytest.fixture
def template(app: Flask) -> Template:
    with transaction():
        return a_template(source="first", content_kind="html", updated_at=NOW - timedelta(days=1))


def test_the_first_save_also_records_what_was_there_before(template: Template) -> None:
    with transaction():
        maria = a_person()
    save(template, "second", maria, NOW)
    owner = VersionOwner(template_id=template.id)
    assert [(one.version, one.saved_by_id, one.saved_at) for one in versions.listed(owner)] == [
        (2, maria, NOW),
        (1, None, NOW - timedelta(days=1)),
    ]
    assert sources(template) == ["second", "first"]


def test_what_one_person_saves_within_ten_minutes_is_one_version(template: Template) -> None:
    with transaction():
        maria = a_person()
    for number in range(5):
        save(template, f"draft {number}", maria, minutes(number))
    assert sources(template) == ["draft 4", "first"]
    save(template, "later", maria, minutes(10))
    assert sources(template) == ["later", "draft 4", "first"]


def test_what_a_template_began_with_stays_a_version(template: Template) -> None:
    with transaction():
        maria = a_person()
        copy = templates.duplicate(template.id, "Copy", editor_id=maria, now=NOW)
    for number in range(3):
        save(copy, f"draft {number}", maria, minutes(number))
    assert sources(copy) == ["draft 2", "first"]


def test_each_person_has_versions_of_their_own(template: Template) -> None:
    with transaction():
        maria, ben = a_person(), a_person("ben")
    for number, person in enumerate((maria, ben, maria, None, None)):
        save(template, f"{number}", person, minutes(number))
    assert sources(template) == ["4", "3", "2", "1", "0", "first"]


def test_turning_blocks_into_code_is_always_a_version(template: Template) -> None:
    with transaction():
        maria = a_person()
    save(template, "{}", maria, minutes(0), content_kind="blocks")
    save(template, "<p>code</p>", maria, minutes(1), content_kind="html")
    save(template, "<p>more</p>", maria, minutes(2))
    assert sources(template) == ["<p>more</p>", "{}", "first"]


def test_saving_the_same_again_records_nothing(template: Template) -> None:
    save(template, "first", None, minutes(0), brand_id=None)
    save(template, "first", None, minutes(20))
    assert sources(template) == ["first"]


def test_only_the_newest_are_kept(template: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "MAX_VERSIONS", 3)
    with transaction():
        other = a_template(source="other", content_kind="html")
    save(other, "another", None, NOW)
    for number in range(6):
        save(template, f"{number}", None, minutes(number))
    assert sources(template) == ["5", "4", "3"]
    assert sources(other) == ["another", "other"]


def test_a_deleted_template_takes_its_versions_along(template: Template) -> None:
    save(template, "second", None, NOW)
    with transaction():
        templates.delete(template.id)
    assert sources(template) == []
