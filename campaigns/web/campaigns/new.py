"""A new campaign: what it starts from, its name and its subject."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.audience import lists
from campaigns.audience.segments import saved
from campaigns.audience.segments.models import Segment
from campaigns.campaign import drafts, listing, template_copies
from campaigns.campaign.drafts import ChosenAudience
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.library import starters, templates
from campaigns.content.library.models import Template
from campaigns.content.library.starters import StarterDesign
from campaigns.content.sources.convert import blank
from campaigns.content.sources.source import KINDS
from campaigns.db import db, transaction
from campaigns.inputs import one_line
from campaigns.web.campaigns.blueprint import bp, editor_id
from campaigns.web.campaigns.titles import name_of_copy
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

OWN_TEMPLATES = 12
"""Number of own templates on the page, the newest first; the gallery has all."""


@bp.route("/campaigns/new", methods=["GET", "POST"])
@access("user")
def new() -> str | Response | tuple[str, int]:
    """Ask what to start from. `start`: a kind of content, starter:<name>, template:<id> or copy."""
    if request.method != "POST":
        return _new_page(start=request.args.get("start", ""))
    start, segment = request.form.get("start", ""), _segment()
    if request.values.get("segment") and segment is None:
        return _new_page(start=start, error=_("This segment was deleted.")), 422
    if start == "copy" and drafts.find(request.form.get("copy_of", "")) is None:
        return _new_page(start=start, error=_("Choose the campaign to copy.")), 422
    with transaction():
        campaign = _create(start)
        if campaign is not None:
            _fill_in(campaign, segment)
    if campaign is None:
        return _new_page(start="", error=_("Choose what to start from.")), 422
    if start == "copy":
        flash(_("Campaign duplicated"), "success")
        return redirect(url_for("campaigns.edit", public_id=campaign.public_id))
    return redirect(url_for("content_editor.edit", owner="campaigns", public_id=campaign.public_id))


def _create(start: str) -> Campaign | None:
    """Create the campaign; None if there is nothing of this name to start from."""
    what, _colon, name = start.partition(":")
    now, editor = utcnow(), editor_id()
    if kind := next((one for one in KINDS if one == start), None):
        return drafts.create(content_kind=kind, source=blank(kind), editor_id=editor, now=now)
    if start == "copy":
        old = drafts.find(request.form.get("copy_of", ""))
        if old is not None:
            return drafts.duplicate(old.id, name=name_of_copy(old), editor_id=editor, now=now)
    if what == "starter" and (starter := starters.find(name)):
        return template_copies.campaign_from_starter(starter, editor_id=editor, now=now)
    if what == "template" and (template := templates.find(name)):
        return template_copies.campaign_from(template, editor_id=editor, now=now)
    return None


def _fill_in(campaign: Campaign, segment: Segment | None) -> None:
    """Set what was typed, and the audience if it is clear: a segment, or the only list."""
    if name := _typed("name"):
        campaign.name = name
    if subject := _typed("subject"):
        campaign.subject = subject
    if segment is not None:
        chosen = drafts.chosen_audience(campaign.id)
        drafts.choose_audience(campaign.id, replace(chosen, segments=frozenset({segment.id})))
    elif drafts.chosen_audience(campaign.id) == ChosenAudience() and len(lists.choices()) == 1:
        drafts.choose_audience(campaign.id, ChosenAudience(frozenset({lists.choices()[0].id})))


def _typed(field: str) -> str:
    return one_line(request.form.get(field, "").replace("\x00", ""))[: drafts.MAX_LINE]


def _segment() -> Segment | None:
    """Return the segment for which the campaign is created, if there is one."""
    return saved.find(request.values.get("segment", ""))


def _new_page(*, start: str, error: str = "") -> str:
    own = db.session.scalars(
        templates.matching().order_by(Template.id.desc()).limit(OWN_TEMPLATES + 1)
    ).all()
    return render_template(
        "web/campaigns/new.html",
        start=start or "blocks",
        name=request.form.get("name", ""),
        subject=request.form.get("subject", ""),
        max_line=drafts.MAX_LINE,
        kinds=KINDS,
        templates=own[:OWN_TEMPLATES],
        has_more_templates=len(own) > OWN_TEMPLATES,
        groups=_starter_groups(),
        recent=listing.recent(limit=50),
        segment=_segment(),
        error=error,
    )


def _starter_groups() -> list[tuple[str, Sequence[StarterDesign]]]:
    """Return the starter designs by the title of their group."""
    return [
        (sentence(group), list(ones))
        for group, ones in groupby(starters.all(), lambda one: one.group)
    ]
