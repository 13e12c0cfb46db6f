"""What can be done with a brand besides editing it."""

from flask import url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.campaign import usage
from campaigns.clock import utcnow
from campaigns.content.library import brands
from campaigns.content.library.models import Brand
from campaigns.db import transaction
from campaigns.web.brands.blueprint import bp
from campaigns.web.deletion import Deletion, confirm_and_delete, quoted
from campaigns.web.saving import Answer, done, or_404
from campaigns.web.words import gettext as _


@bp.post("/brands/<public_id>/default")
@access("user")
def make_default(public_id: str) -> Response:
    with transaction():
        brands.make_default(or_404(Brand, public_id).id)
    return done(_("Default brand changed"), url_for("brands.index"))


@bp.post("/brands/<public_id>/duplicate")
@access("user")
def duplicate(public_id: str) -> Response:
    with transaction():
        brand = or_404(Brand, public_id)
        name = _("%(title)s (copy)", title=brand.name)
        brands.duplicate(brand, name, now=utcnow())
    return done(_("Brand duplicated"), url_for("brands.index"))


@bp.route("/brands/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete(public_id: str) -> Answer:
    return confirm_and_delete(
        lambda: _deletion(or_404(Brand, public_id)),
        lambda: brands.delete(or_404(Brand, public_id)),
        message=_("Brand deleted"),
        to=url_for("brands.index"),
    )


def _deletion(brand: Brand) -> Deletion:
    back = url_for("brands.edit", public_id=brand.public_id)
    return Deletion(
        title=_("Delete brand “%(name)s”", name=brand.name),
        button=_("Delete brand"),
        back=back,
        above=[(url_for("brands.index"), _("Brands")), (back, brand.name)],
        effects=list(_effects(brand)),
    )


def _effects(brand: Brand) -> list[str]:
    effects = []
    if brand.is_default:
        effects.append(_("It is the default. The oldest remaining brand becomes the default."))
    campaigns = usage.campaigns_with_brand(brand.id)
    if campaigns:
        effects.append(
            _(
                "These campaigns change to the default brand: %(names)s.",
                names=quoted(campaigns),
            )
        )
    templates = usage.templates_with_brand(brand.id)
    if templates:
        effects.append(
            _(
                "These templates change to the default brand: %(names)s.",
                names=quoted(templates),
            )
        )
    return [
        *effects,
        _("Scheduled and sent campaigns stay unchanged."),
        _("This cannot be undone."),
    ]
