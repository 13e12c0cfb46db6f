"""Brands: one is always the default, and nobody's changes are lost."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.content.brand_style import BrandStyle
from campaigns.content.library import brands
from campaigns.content.library.brand_input import BrandInput, texts_of
from campaigns.content.library.brands import BrandConflictError
from campaigns.content.library.context import style_of
from campaigns.content.library.models import Brand
from campaigns.db import db, transaction
from campaigns.inputs import InvalidInputError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def typed(name: str = "Harbour", *, is_default: bool = False, **texts: str) -> BrandInput:
    return BrandInput(name, "", is_default, texts_of(BrandStyle()) | texts)


def created(name: str, *, is_default: bool = False) -> Brand:
    with transaction():
        return brands.create(typed(name, is_default=is_default), None, now=NOW)


def defaults() -> list[str]:
    return list(db.session.scalars(sa.select(Brand.name).where(Brand.is_default)))


def test_the_first_brand_is_the_default_until_another_one_is(app: Flask) -> None:
    first = created("First")
    second = created("Second")
    assert defaults() == ["First"]
    with transaction():
        brands.make_default(second.id)
    assert defaults() == ["Second"]
    assert brands.choices() == [(second.public_id, "Second"), (first.public_id, "First")]
    created("Third", is_default=True)
    assert defaults() == ["Third"]


def test_the_oldest_brand_takes_the_place_of_a_deleted_default(app: Flask) -> None:
    created("First")
    second = created("Second")
    third = created("Third", is_default=True)
    with transaction():
        brands.delete(third)
    assert defaults() == ["First"]
    with transaction():
        brands.delete(second)
        brands.make_default(second.id)
    assert defaults() == ["First"]


def test_a_change_over_a_newer_one_is_refused(app: Flask) -> None:
    brand = created("Harbour")
    seen = brands.seen_of(brand)
    with transaction():
        change = typed("Mine", light_accent="#aa0000", is_default=True)
        brands.change(brand.id, change, None, seen=seen, now=LATER)
    for stale in (seen, "", "yesterday", "2026-03-01T12:01:00"):
        with pytest.raises(BrandConflictError), transaction():
            brands.change(brand.id, typed("Theirs"), None, seen=stale, now=LATER)
    found = db.session.get_one(Brand, brand.id)
    assert (found.name, style_of(brand.id).light.accent) == ("Mine", "#aa0000")


def test_every_problem_is_named_at_once_and_nothing_is_saved(app: Flask) -> None:
    with pytest.raises(InvalidInputError) as refused, transaction():
        brands.create(typed(" \x00 ", light_text="red"), None, now=NOW)
    assert refused.value.problems.keys() == {"name", "light_text"}
    assert brands.default() is None


def test_a_duplicate_has_the_style_and_is_not_the_default(app: Flask) -> None:
    brand = created("Harbour")
    with transaction():
        copy = brands.duplicate(brand, "Harbour (copy)", now=NOW)
    assert (copy.name, copy.is_default, copy.style) == ("Harbour (copy)", False, brand.style)
