"""Labels for the choices that the audience's pages offer."""

from flask_babel import lazy_gettext

ROLES = {
    "ignore": lazy_gettext("Do not import"),
    "address": lazy_gettext("Email address"),
    "name": lazy_gettext("Name"),
    "first_name": lazy_gettext("First name"),
    "last_name": lazy_gettext("Last name"),
    "attribute": lazy_gettext("Attribute"),
    "status": lazy_gettext("Status"),
}
"""What a column of an imported file can become."""

MEANINGS = {
    "subscribed": lazy_gettext("Subscribed"),
    "pending": lazy_gettext("Pending confirmation"),
    "unsubscribed": lazy_gettext("Unsubscribed"),
    "blocked": lazy_gettext("Suppressed (blocked)"),
    "bounced": lazy_gettext("Suppressed (bounced)"),
    "complained": lazy_gettext("Suppressed (spam complaint)"),
    "skip": lazy_gettext("Skip these rows"),
}
"""What a value of a status column can mean."""

SUPPRESSION_REASONS = {
    "manual": lazy_gettext("Added by hand"),
    "complaint": lazy_gettext("Spam complaint"),
    "hard_bounce": lazy_gettext("Hard bounce"),
    "erased": lazy_gettext("Asked to be forgotten"),
}
"""Why an address is on the suppression list."""
