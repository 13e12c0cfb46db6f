"""Pages for recipients and machines: no login, no session, no cookie."""

from campaigns.public import (
    health,
    media_files,
    subscribe,
    track,
    unsubscribe,
    view,
    webhooks,
)

BLUEPRINTS = (
    subscribe.bp,
    unsubscribe.bp,
    track.bp,
    view.bp,
    media_files.bp,
    health.bp,
    webhooks.bp,
)
