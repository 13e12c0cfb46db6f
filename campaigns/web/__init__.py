"""Pages behind login: one module per group of screens."""

from campaigns.web import (
    calendar,
    campaigns,
    forgotten,
    home,
    imports,
    lists,
    login,
    mailbox,
    reports,
    restored,
    second_chances,
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
    second_chances.bp,
    lists.bp,
    subscribers.bp,
    imports.bp,
    suppressions.bp,
    settings.bp,
    mailbox.bp,
)
