"""Pages behind login: one module per group of screens."""

from campaigns.web import (
    bulk,
    calendar,
    campaigns,
    dev,
    forgotten,
    home,
    imports,
    lists,
    login,
    mailbox,
    reports,
    resend,
    restored,
    settings,
    subscribers,
    suppressions,
)

BLUEPRINTS = (
    login.bp,
    forgotten.bp,
    home.bp,
    campaigns.bp,
    calendar.bp,
    reports.bp,
    restored.bp,
    resend.bp,
    lists.bp,
    subscribers.bp,
    bulk.bp,
    imports.bp,
    suppressions.bp,
    settings.bp,
    mailbox.bp,
    dev.bp,
)
