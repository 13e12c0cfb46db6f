"""Jobs that expand a campaign, and keep the engine of this process busy.

A job works for about a second and rings again while there is more to do. It serves all campaigns in
turn, so that none occupies the worker and a pause takes effect at once.
"""

from campaigns.campaign import feed, lifecycle
from campaigns.campaign.audience import AudienceError
from campaigns.campaign.feed import FeedError
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.content.mime.compile import TemplateProblemError
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.delivery.expand import expand as expand_audience
from campaigns.engine import restore_guard
from campaigns.engine.compiled import compiled_content, unusable
from campaigns.engine.serve import serve_slice
from campaigns.jobs import runtime
from campaigns.jobs.runtime import job
from campaigns.reason import Reason
from campaigns.secrets import SecretUnreadableError


@job("expand")
def expand(campaign_id: int) -> None:
    """Freeze the audience of a campaign that is `preparing`, then ring for its sending."""
    campaign = db.session.get(Campaign, campaign_id)
    if campaign is None or campaign.status != "preparing":
        return
    if not restore_guard.guard().may_send(is_sending=True):
        return  # the clock rings again in a second
    campaign = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    if campaign.status != "preparing":
        return
    try:
        _fetch_feed(campaign_id)
        compiled = compiled_content(campaign)
    except FeedError as error:
        why = Reason("feed.not_fetched_because", {"problem": error.reason})
        with transaction():
            lifecycle.return_to_draft(campaign_id, now=utcnow(), reason=why)
        return
    except (TemplateProblemError, SecretUnreadableError) as error:
        # The launch checked this, but something else may have changed since.
        with transaction():
            lifecycle.return_to_draft(campaign_id, now=utcnow(), reason=unusable(error))
        return
    try:
        with transaction():
            done = expand_audience(
                campaign_id, links=compiled.links, segments=compiled.segments, now=utcnow()
            )
    except AudienceError as error:
        if error.is_temporary:
            return  # the clock rings again in a second
        with transaction():
            lifecycle.return_to_draft(campaign_id, now=utcnow(), reason=error.reason)
        return
    if done:
        services().doorbell.ring("send")


def _fetch_feed(campaign_id: int) -> None:
    """Fetch the data feed of a recurring campaign's copy; others were fetched at the launch."""
    known = feed.of_campaign(campaign_id)
    if known is not None and known.data is None:
        data = feed.fetch(known.url)
        with transaction():
            feed.keep(campaign_id, known.url, data, status="preparing", now=utcnow())


@job("send")
def send() -> None:
    """Serve every sending campaign for one slice of time."""
    serve_slice(runtime.engine())
