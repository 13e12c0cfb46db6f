"""The list of brands, and the form of one."""

from typing import Any

import sqlalchemy as sa
from flask import render_template, request, url_for

from campaigns.access import access
from campaigns.addresses import shown_address
from campaigns.audience.paging import fetch, number_key
from campaigns.clock import utcnow
from campaigns.content.brand_style import BrandStyle, stored_style
from campaigns.content.library import brands
from campaigns.content.library.brand_input import (
    BRAND_FONTS,
    COLOURS,
    NETWORKS,
    BrandInput,
    low_contrasts,
    style_from,
    texts_of,
)
from campaigns.content.library.brands import BrandConflictError
from campaigns.content.library.media import files_of
from campaigns.content.library.models import Brand, Media
from campaigns.db import db
from campaigns.inputs import InvalidInputError
from campaigns.providers.models import SenderAddress
from campaigns.reason import Reason
from campaigns.web.brands.blueprint import bp
from campaigns.web.brands.words import COLOUR_WORDS, FONT_WORDS
from campaigns.web.content.canvas import network_name
from campaigns.web.page_links import page_links
from campaigns.web.saving import Answer, done, or_404, or_none, saving
from campaigns.web.words import gettext as _

PAGE_SIZE = 24


@bp.get("/brands")
@access("user")
def index() -> str:
    page = fetch(
        sa.select(Brand),
        Brand.id.expression,
        name="id",
        descending=False,
        before=number_key(request.args.get("before")),
        after=number_key(request.args.get("after")),
        size=PAGE_SIZE,
    )
    previous, following = page_links("brands.index", page)
    return render_template(
        "web/brands/index.html", rows=page.rows, previous=previous, following=following
    )


@bp.route("/brands/new", methods=["GET", "POST"])
@access("user")
def new() -> Answer:
    if request.method != "POST":
        return _form(None, BrandInput("", "", False, texts_of(BrandStyle())))
    typed = BrandInput.read(request.form)
    with saving() as problems:
        brands.create(typed, _sender_id(typed.sender), now=utcnow())
    if problems:
        return _form(None, typed, problems), 422
    return done(_("Brand created"), url_for("brands.index"))


@bp.route("/brands/<public_id>", methods=["GET", "POST"])
@access("user")
def edit(public_id: str) -> Answer:
    brand = or_404(Brand, public_id)
    if request.method != "POST":
        return _form(brand, _input_of(brand))
    typed, seen = BrandInput.read(request.form), request.form.get("seen", "")
    try:
        with saving() as problems:
            sender_id = _sender_id(typed.sender)
            brands.change(brand.id, typed, sender_id, seen=seen, now=utcnow())
    except BrandConflictError:
        return _form(or_none(Brand, public_id), typed, is_conflict=True), 409
    if problems:
        return _form(or_404(Brand, public_id), typed, problems, seen=seen), 422
    return done(_("Changes saved"), url_for("brands.index"))


def _input_of(brand: Brand) -> BrandInput:
    sender = db.session.get(SenderAddress, brand.sender_id) if brand.sender_id else None
    texts = texts_of(stored_style(brand.style))
    return BrandInput(brand.name, sender.public_id if sender else "", brand.is_default, texts)


def _sender_id(public_id: str) -> int | None:
    """Return the id of the chosen sender address; None for the default one."""
    if not public_id:
        return None
    sender = or_none(SenderAddress, public_id)
    if sender is None:
        raise InvalidInputError({"sender": Reason("brand_form.sender_missing")})
    return sender.id


def _form(
    brand: Brand | None,
    typed: BrandInput,
    problems: dict[str, str] | None = None,
    *,
    seen: str = "",
    is_conflict: bool = False,
) -> str:
    style, _problems = style_from(typed.texts)
    return render_template(
        "web/brands/form.html",
        brand=brand,
        typed=typed,
        form={**typed.texts, "name": typed.name},
        problems=problems or {},
        seen=seen or (brands.seen_of(brand) if brand else ""),
        conflict=_conflict(is_deleted=brand is None) if is_conflict else "",
        has_profiles=any(typed.texts[f"social_{network}"] for network in NETWORKS),
        warnings=low_contrasts(style),
        logo_image=_logo_image(typed.texts["logo"]),
        **_choices(),
    )


def _logo_image(logo: str) -> dict[str, str] | None:
    """Return address and file name of a logo from the media library."""
    public_id = logo.strip().removeprefix("media:")
    medium = or_none(Media, public_id) if logo.strip().startswith("media:") else None
    if medium is None:
        return None
    return {"url": files_of([public_id])[public_id].url, "name": medium.name}


def _conflict(*, is_deleted: bool) -> str:
    if is_deleted:
        return _("Someone else has deleted this brand. Save to create it again.")
    return _(
        "Someone else has saved this brand since you opened it. Your changes are below; save again"
        " to replace theirs."
    )


def _choices() -> dict[str, Any]:
    senders = db.session.execute(
        sa.select(SenderAddress.public_id, SenderAddress.name, SenderAddress.address)
        .order_by(SenderAddress.is_default.desc(), SenderAddress.id)
        .limit(brands.MAX_CHOICES)
    )
    named = [
        (row.public_id, f"{row.name} <{shown_address(row.address)}>" if row.name else row.address)
        for row in senders
    ]
    return {
        "senders": [("", _("The default sender address")), *named],
        "colours": [(name, *COLOUR_WORDS[name]) for name in COLOURS],
        "fonts": [(font, FONT_WORDS[font]) for font in BRAND_FONTS],
        "networks": [(network, network_name(network)) for network in NETWORKS],
    }
