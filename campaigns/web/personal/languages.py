"""Add a language to a campaign, and remove one."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns import formatting
from campaigns.access import access
from campaigns.campaign import language_variants
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.language_variants import VariantError
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.web.campaigns.blueprint import campaign_or_404, editor_id
from campaigns.web.personal.blueprint import bp
from campaigns.web.template_helpers import locale
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

COMMON = ("en", "de", "fr", "es", "it", "pt", "pt_BR", "nl", "pl", "sv", "da", "ja", "zh")
"""Languages that the list begins with."""


@bp.post("/campaigns/<public_id>/content/languages")
@access("user")
def add_language(public_id: str) -> ResponseReturnValue:
    """Add a variant in the language of the form, a copy of the campaign's own content."""
    campaign = campaign_or_404(public_id)
    language = request.form.get("language", "")
    try:
        with transaction():
            language_variants.add(
                campaign.id,
                language,
                main_language=main_language(campaign),
                editor_id=editor_id(),
                now=utcnow(),
            )
    except VariantError as error:
        flash(sentence(error.reason), "danger")
        return redirect(_page(public_id))
    flash(_("Language added"), "success")
    return redirect(_page(public_id, language))


@bp.post("/campaigns/<public_id>/content/languages/remove")
@access("user")
def remove_language(public_id: str) -> ResponseReturnValue:
    """Remove the variant in the language of the form."""
    campaign = campaign_or_404(public_id)
    try:
        with transaction():
            language = request.form.get("language", "")
            language_variants.remove(campaign.id, language, editor_id=editor_id(), now=utcnow())
    except VariantError as error:
        flash(sentence(error.reason), "danger")
    else:
        flash(_("Language removed"), "success")
    return redirect(_page(public_id))


@bp.get("/campaigns/<public_id>/content/languages")
@access("user")
def show_languages(public_id: str) -> str:
    """Return the language switch of the content page."""
    campaign = campaign_or_404(public_id)
    own = main_language(campaign)
    used = {own: formatting.language(own, locale())}
    used |= {
        one.language: formatting.language(one.language, locale())
        for one in language_variants.of_campaign(campaign.id)
    }
    common = {code: formatting.language(code, locale()) for code in COMMON}
    names = common | formatting.languages(locale())
    return render_template(
        "web/personal/_languages.html",
        campaign=campaign,
        main=own,
        used=used,
        others={code: name for code, name in names.items() if code not in used},
        current=request.args.get("language", ""),
    )


def main_language(campaign: Campaign) -> str:
    """Return the language of the campaign's own content."""
    return content_of(campaign, base_url=services().settings.base_url).language


def _page(public_id: str, language: str = "") -> str:
    return url_for(
        "content_editor.edit", owner="campaigns", public_id=public_id, language=language or None
    )
