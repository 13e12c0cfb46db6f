"""The page of a draft: its audience, sender, subject and tracking, with autosave."""

from typing import Any

import sqlalchemy as sa
from flask import abort, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from campaigns.access import access
from campaigns.campaign import drafts, series
from campaigns.campaign.drafts import EditConflictError, NotEditableError
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.providers.models import SenderAddress
from campaigns.reports.facts import campaign_facts
from campaigns.web.campaigns import audience_picker
from campaigns.web.campaigns.audience_picker import SegmentDeletedError
from campaigns.web.campaigns.blueprint import IN_WORDS, bp, campaign_or_404, editor_id
from campaigns.web.campaigns.titles import title_of, titled
from campaigns.web.conflicts import conflict_answer
from campaigns.web.content.campaign_owner import content_of_campaign
from campaigns.web.template_helpers import clock
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence
from campaigns.wording.messages import N_

TOO_LONG = {
    "name": N_("The name is longer than %(most)s characters."),
    "subject": N_("The subject is longer than %(most)s characters."),
    "preheader": N_("The preheader is longer than %(most)s characters."),
}
FIELDS = tuple(TOO_LONG)
LOCKED = 423


class BadFieldError(ValueError):
    """The input cannot be saved; the message says why."""


@bp.get("/campaigns/<public_id>")
@access("user")
def edit(public_id: str) -> str:
    campaign = campaign_or_404(public_id)
    if campaign.status != "draft":
        return render_template(
            "web/campaigns/locked.html",
            campaign=campaign,
            content=content_of_campaign(campaign),
            title=title_of(campaign),
            state=IN_WORDS[campaign.status],
            sender=_sender_of(campaign),
            parts=campaign_facts(campaign.id),
        )
    chosen = drafts.chosen_audience(campaign.id)
    return render_template(
        "web/campaigns/edit.html",
        campaign=campaign,
        title=title_of(campaign),
        seen=drafts.fingerprint(campaign, "settings"),
        included=audience_picker.included(chosen),
        excluded=audience_picker.excluded(chosen),
        excludes=bool(chosen.excluded_lists or chosen.excluded_segments),
        senders=_senders(),
        content=content_of_campaign(campaign),
        max_line=drafts.MAX_LINE,
        series=series.of_template(campaign.id),
        planned=series.of_campaign(campaign.id),
    )


def _senders() -> list[SenderAddress]:
    return list(
        db.session.scalars(
            sa.select(SenderAddress).order_by(
                SenderAddress.is_default.desc(), SenderAddress.address
            )
        )
    )


def _sender_of(campaign: Campaign) -> SenderAddress | None:
    return db.session.get(SenderAddress, campaign.sender_id) if campaign.sender_id else None


@bp.post("/campaigns/<public_id>/save")
@access("user")
def save(public_id: str) -> ResponseReturnValue:
    """Save the whole form on top of the version it was read from. Returns JSON, for the script.

    200 version and time · 409 someone saved first · 422 invalid field · 423 no longer a draft.
    """
    campaign = drafts.find(public_id)
    if campaign is None:
        return {"message": _("This campaign has been deleted.")}, LOCKED
    now = utcnow()
    try:
        version = int(request.form["version"])
        changes = _changes(request.form)
        chosen = audience_picker.read(request.form)
        with transaction():
            version = drafts.save(
                campaign.id,
                version,
                changes,
                chosen=chosen,
                seen=request.form.get("seen", ""),
                editor_id=editor_id(),
                now=now,
            )
            seen = drafts.fingerprint(campaign_or_404(public_id), "settings")
    except SegmentDeletedError:
        return {"message": _("A segment you chose was deleted. Reload the page.")}, 422
    except BadFieldError as error:
        return {"message": str(error)}, 422
    except EditConflictError as error:
        newer = error.current
        return conflict_answer(newer.version, newer.edited_by_id, newer.updated_at), 409
    except NotEditableError as error:
        return {"message": sentence(error.reason)}, LOCKED
    except (KeyError, ValueError):
        abort(400)
    return {
        "version": version,
        "seen": seen,
        "saved_at": clock(now),
        "title": changes["name"] or titled(changes["subject"]),
    }


def _changes(form: MultiDict[str, str]) -> dict[str, Any]:
    changes: dict[str, Any] = {name: _line(form, name) for name in FIELDS}
    changes["sender_id"] = _sender_id(form.get("sender", ""))
    changes["track_opens"] = "track_opens" in form
    changes["track_clicks"] = "track_clicks" in form
    changes["embed_images"] = "embed_images" in form
    return changes


def _line(form: MultiDict[str, str], name: str) -> str:
    """Return one line of text: headers must not contain line breaks."""
    text = " ".join(form.get(name, "").replace("\x00", "").split())
    if len(text) > drafts.MAX_LINE:
        raise BadFieldError(_(TOO_LONG[name], most=drafts.MAX_LINE))
    return text


def _sender_id(public_id: str) -> int | None:
    return db.session.scalar(
        sa.select(SenderAddress.id).where(SenderAddress.public_id == public_id)
    )


@bp.get("/campaigns/<public_id>/audience")
@access("user")
def audience(public_id: str) -> str:
    """Return the audience figures for the box next to the lists and segments."""
    campaign = campaign_or_404(public_id)
    return render_template(
        "web/campaigns/_audience.html",
        arithmetic=drafts.audience_arithmetic(campaign.id, now=utcnow()),
        parts=campaign_facts(campaign.id),
    )


@bp.get("/campaigns/<public_id>/audience/choices")
@access("user")
def audience_choices(public_id: str) -> str:
    """Return the lists and segments that a search finds, to include or to exclude them."""
    campaign_or_404(public_id)
    return render_template(
        "web/campaigns/_choices.html",
        choices=audience_picker.found(request.args.get("audience", "").strip()[:200]),
        prefix="exclude" if request.args.get("exclude") else "include",
    )
