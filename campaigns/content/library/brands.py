"""Brands: create, change, duplicate and delete them, and choose the default one.

While there is a brand, one is the default.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from campaigns.content.brand_style import BrandStyle, stored_style
from campaigns.content.library.brand_input import BrandInput, style_from
from campaigns.content.library.models import Brand
from campaigns.db import db
from campaigns.inputs import InvalidInputError, one_line
from campaigns.reason import Reason

MAX_NAME = 100
MAX_CHOICES = 200
"""Number of brands to choose from."""


class BrandConflictError(ValueError):
    """Someone else saved this brand first, or deleted it; nothing was saved."""


# --- find


def default() -> Brand | None:
    """Return the brand of new campaigns and system emails, if there is one."""
    return db.session.scalar(sa.select(Brand).where(Brand.is_default).order_by(Brand.id).limit(1))


def choices() -> Sequence[tuple[str, str]]:
    """Return the public ids and names of brands, the default first."""
    rows = db.session.execute(
        sa.select(Brand.public_id, Brand.name)
        .order_by(Brand.is_default.desc(), Brand.name, Brand.id)
        .limit(MAX_CHOICES)
    )
    return [(row[0], row[1]) for row in rows]


def seen_of(brand: Brand) -> str:
    """Return what a form remembers of the brand that it shows, to detect another's changes."""
    return brand.updated_at.isoformat()


# --- change


def create(typed: BrandInput, sender_id: int | None, *, now: datetime) -> Brand:
    """Create a brand; the first one becomes the default. Raises InvalidInputError."""
    name, style = _checked(typed)
    return _add(name, style, sender_id, is_default=typed.is_default, now=now)


def change(
    brand_id: int, typed: BrandInput, sender_id: int | None, *, seen: str, now: datetime
) -> None:
    """Change a brand as it was when the form was made; the default stays the default.

    Raises InvalidInputError, or BrandConflictError if someone changed it since.
    """
    name, style = _checked(typed)
    changed = db.session.scalar(
        sa.update(Brand)
        .where(Brand.id == brand_id, Brand.updated_at == _moment(seen))
        .values(name=name, style=style.model_dump(mode="json"), sender_id=sender_id, updated_at=now)
        .returning(Brand.id),
        execution_options={"synchronize_session": False},
    )
    db.session.expire_all()
    if changed is None:
        raise BrandConflictError(f"brand {brand_id} was changed since {seen}")
    if typed.is_default:
        make_default(brand_id)


def make_default(brand_id: int) -> None:
    """Give new campaigns and system emails this brand. Nothing happens if it was deleted."""
    exists = sa.select(Brand.id).where(Brand.id == brand_id).exists()
    db.session.execute(
        sa.update(Brand).where(exists).values(is_default=Brand.id == brand_id),
        execution_options={"synchronize_session": False},
    )
    db.session.expire_all()


def duplicate(brand: Brand, name: str, *, now: datetime) -> Brand:
    """Copy a brand; the copy is not the default."""
    style = stored_style(brand.style)
    return _add(name[:MAX_NAME], style, brand.sender_id, is_default=False, now=now)


def delete(brand: Brand) -> None:
    """Delete a brand; if it was the default, the oldest one left takes its place.

    Campaigns and templates with it take the default brand.
    """
    was_default = brand.is_default
    db.session.delete(brand)
    db.session.flush()
    if was_default:
        heir = db.session.scalar(sa.select(Brand.id).order_by(Brand.id).limit(1))
        if heir is not None:
            make_default(heir)


def _add(
    name: str, style: BrandStyle, sender_id: int | None, *, is_default: bool, now: datetime
) -> Brand:
    is_first = db.session.scalar(sa.select(Brand.id).limit(1)) is None
    brand = Brand(
        name=name,
        style=style.model_dump(mode="json"),
        sender_id=sender_id,
        created_at=now,
        updated_at=now,
    )
    db.session.add(brand)
    db.session.flush()
    if is_default or is_first:
        make_default(brand.id)
    return brand


def _moment(seen: str) -> datetime:
    try:
        moment = datetime.fromisoformat(seen)
    except ValueError as error:
        raise BrandConflictError("the form does not say which version it shows") from error
    if moment.tzinfo is None:
        raise BrandConflictError("the form does not say which version it shows")
    return moment


def _checked(typed: BrandInput) -> tuple[str, BrandStyle]:
    """Return the name and the style. Raises InvalidInputError that names every problem."""
    style, found = style_from(typed.texts)
    problems: dict[str, Reason | str] = {**found}
    name = one_line(typed.name)
    if not name:
        problems["name"] = Reason("library.without_name")
    elif len(name) > MAX_NAME:
        problems["name"] = Reason("library.name_too_long", {"most": MAX_NAME})
    if problems:
        raise InvalidInputError(problems)
    return name, style
