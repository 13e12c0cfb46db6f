"""The definition of recipients, for all pages."""

from campaigns.reports.balance import Balance


def recipients_of(balance: Balance) -> int:
    """Return the number of recipients within the audience.

    Suppressed and unsubscribed people belong to the audience, but are skipped. The review page
    counts the same way before the launch.
    """
    return balance.rows - balance.skipped
