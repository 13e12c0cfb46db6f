"""The list of the merge-tag picker, with examples from a real subscriber."""

from contextlib import suppress

import sqlalchemy as sa
from flask import render_template, request

from campaigns.access import access
from campaigns.audience.models import Subscriber
from campaigns.campaign import audience, drafts, preview_people
from campaigns.campaign.audience import AudienceError
from campaigns.campaign.merge_tags import examples, merge_tags
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.library import templates
from campaigns.context import services
from campaigns.db import db
from campaigns.web.personal import merge_tag_words
from campaigns.web.personal.blueprint import bp
from campaigns.web.template_helpers import locale


@bp.get("/merge-tags")
@access("user")
def list_tags() -> str:
    """Return the groups of tags.

    `campaign` or `template`: public id of the one whose content gets them. `as`: public id of the
    subscriber of the examples.
    """
    campaign = drafts.find(request.args.get("campaign", ""))
    owner = campaign or templates.find(request.args.get("template", ""))
    person = _chosen(request.args.get("as", "")) or _someone(campaign)
    tags = merge_tags(owner)
    shown = {}
    if person is not None:
        known = services()
        shown = examples(tags, owner, person, base_url=known.settings.base_url, signer=known.signer)
    return render_template(
        "web/personal/_merge_tags.html",
        groups=merge_tag_words.grouped(tags, shown),
        formats=merge_tag_words.formats(utcnow().date(), locale()),
        person=person,
    )


def _chosen(public_id: str) -> Subscriber | None:
    if not public_id:
        return None
    return db.session.scalar(sa.select(Subscriber).where(Subscriber.public_id == public_id))


def _someone(campaign: Campaign | None) -> Subscriber | None:
    """Return someone with many values, from the campaign's audience or all subscribers."""
    scope = None
    if campaign is not None:
        with suppress(AudienceError):
            scope = audience.scope_of(campaign.id, now=utcnow())
    return (scope and preview_people.most_telling(scope)) or preview_people.most_telling(None)
