"""Who counts as a recipient, in one place for every page."""

from campaigns.reports.balance import Balance


def recipients_of(balance: Balance) -> int:
    """Return how many of the audience the campaign is sent to.

    Suppressed and unsubscribed people belong to the audience, but are skipped. The review page
    counts the same way before the launch.
    """
    return balance.rows - balance.skipped
