"""The page of one subscriber."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from flask import render_template, request

from campaigns.audience import lists, subscribers, subscriptions, suppressions, tags
from campaigns.audience.models import Subscriber, Suppression
from campaigns.audience.subscribers import ListSubscription
from campaigns.campaign import listing
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.events import scores
from campaigns.reports import receipt, timeline
from campaigns.reports.person import person_figures
from campaigns.reports.timeline import Shown
from campaigns.web import audience_labels, field_inputs, subscriber_history
from campaigns.web.saving import or_404

MAX_CAMPAIGNS = 8
"""Number of campaigns that a search offers."""
SHOWN: Sequence[Shown] = get_args(Shown)


def page(person: Subscriber) -> str:
    """Render the page, with the part of the timeline that the URL asks for."""
    places = subscribers.places([person.id])[person.id]
    on = {place.list.id for place in places}
    suppression = suppressions.find(person.address_normal)
    opt_ins = subscribers.opt_ins(person.id)
    return render_template(
        "web/subscribers/show.html",
        person=person,
        values=field_inputs.shown_values(person),
        person_status=_status(places, suppression),
        engaged=scores.of_person(person.id),
        bands=audience_labels.BANDS,
        rule=scores,
        figures=person_figures(person.id),
        places=places,
        tags=tags.of([person.id])[person.id],
        tag_choices=tags.choices(),
        proofs={
            place.list.id: (
                subscriber_history.proof_in_words(opt_ins[place.list.id], place.list.name),
                opt_ins[place.list.id],
            )
            for place in places
            if place.list.id in opt_ins
        },
        list_sources=audience_labels.SUBSCRIPTION_SOURCES,
        other_lists=[entry for entry in lists.choices() if entry.id not in on],
        left_themselves={
            list_id for list_id, _ in subscriptions.unsubscribed_themselves(on, [person.id])
        },
        suppression=suppression,
        reasons=audience_labels.SUPPRESSION_REASONS,
        sources=audience_labels.SUPPRESSION_SOURCES,
        **_timeline(person),
        **_check(person),
    )


def _timeline(person: Subscriber) -> Mapping[str, Any]:
    shown: Shown = next((one for one in SHOWN if one == request.args.get("show")), "all")
    found = timeline.page(person, shown=shown, after=request.args.get("after"))
    return {
        "shown": shown,
        "lines": subscriber_history.in_words(found.entries),
        "after": found.after,
    }


def _check(person: Subscriber) -> Mapping[str, Any]:
    """Return the campaigns that match a search, and the answer about a chosen one."""
    text, chosen = request.args.get("q", "").strip()[:200], request.args.get("campaign")
    campaign = or_404(Campaign, chosen) if chosen else None
    found = listing.page(text=text).rows[:MAX_CAMPAIGNS] if text and not campaign else []
    return {
        "campaign_text": text,
        "campaigns": found,
        "campaign": campaign,
        "receipt": receipt.receipt(campaign, person, now=utcnow()) if campaign else None,
    }


def _status(places: Sequence[ListSubscription], suppression: Suppression | None) -> str:
    """Return what best says whether this person gets campaigns."""
    if suppression is not None:
        return "suppressed"
    states = {place.subscription.state for place in places}
    order = ("subscribed", "pending", "unsubscribed")
    return next((state for state in order if state in states), "on_no_list")
