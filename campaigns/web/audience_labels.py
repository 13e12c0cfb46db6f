"""Labels for choices on audience pages."""

from flask_babel import lazy_gettext

from campaigns.audience.imports.dialect import ENCODINGS
from campaigns.web.words import gettext as _

ROLES = {
    "ignore": lazy_gettext("Do not import"),
    "address": lazy_gettext("Email address"),
    "name": lazy_gettext("Name"),
    "first_name": lazy_gettext("First name"),
    "last_name": lazy_gettext("Last name"),
    "attribute": lazy_gettext("Attribute"),
    "status": lazy_gettext("Status"),
    "tags": lazy_gettext("Tags"),
}
"""Roles of a column in an imported file."""

_ENCODING_USES = {
    "cp1252": lazy_gettext("Western European"),
    "utf-16-le": lazy_gettext("Unicode text from Excel"),
    "utf-16-be": lazy_gettext("Unicode, big-endian"),
    "cp1250": lazy_gettext("Central European"),
    "cp1251": lazy_gettext("Cyrillic"),
    "cp1253": lazy_gettext("Greek"),
    "cp1254": lazy_gettext("Turkish"),
    "iso8859-15": lazy_gettext("Western European"),
    "cp1255": lazy_gettext("Hebrew"),
    "cp1256": lazy_gettext("Arabic"),
    "cp1257": lazy_gettext("Baltic"),
    "cp1258": lazy_gettext("Vietnamese"),
    "koi8-r": lazy_gettext("Cyrillic"),
    "mac_roman": lazy_gettext("Excel for Mac"),
    "cp850": lazy_gettext("MS-DOS, Western European"),
    "cp437": lazy_gettext("MS-DOS"),
    "cp932": lazy_gettext("Japanese"),
    "cp949": lazy_gettext("Korean"),
    "gb18030": lazy_gettext("Chinese"),
    "big5": lazy_gettext("Traditional Chinese"),
}
"""Where an encoding is used; UTF-8 is used everywhere."""

FIELD_TYPE_LABELS = {
    "text": lazy_gettext("Text"),
    "number": lazy_gettext("Number"),
    "date": lazy_gettext("Date"),
    "boolean": lazy_gettext("Yes or no"),
    "choice": lazy_gettext("Single choice"),
    "choices": lazy_gettext("Multiple choice"),
    "country": lazy_gettext("Country"),
    "time_zone": lazy_gettext("Time zone"),
    "language": lazy_gettext("Language"),
    "url": lazy_gettext("Web address"),
}
"""Types of custom fields."""

DATE_ORDER_LABELS = {
    "": lazy_gettext("Detect automatically"),
    "day_first": lazy_gettext("Day first (31/5/1980)"),
    "month_first": lazy_gettext("Month first (5/31/1980)"),
}
"""Orders of day and month in a column."""

DECIMAL_SIGN_LABELS = {
    "": lazy_gettext("Detect automatically"),
    "point": lazy_gettext("Point (1,234.50)"),
    "comma": lazy_gettext("Comma (1.234,50)"),
}
"""Signs before the fraction of a number."""

DELIMITERS = {
    ",": lazy_gettext("Comma (,)"),
    ";": lazy_gettext("Semicolon (;)"),
    "\t": lazy_gettext("Tab"),
    "|": lazy_gettext("Pipe (|)"),
    "~": lazy_gettext("Tilde (~)"),
    "^": lazy_gettext("Caret (^)"),
    ":": lazy_gettext("Colon (:)"),
}
"""What separates the fields of an imported file."""

MEANINGS = {
    "subscribed": lazy_gettext("Subscribed"),
    "pending": lazy_gettext("Pending confirmation"),
    "unsubscribed": lazy_gettext("Unsubscribed"),
    "blocked": lazy_gettext("Suppressed (blocked)"),
    "bounced": lazy_gettext("Suppressed (bounced)"),
    "complained": lazy_gettext("Suppressed (spam complaint)"),
    "skip": lazy_gettext("Skip these rows"),
}
"""Meanings of a value in a status column."""

SUBSCRIPTION_SOURCES = {
    "form": lazy_gettext("Sign-up page"),
    "page": lazy_gettext("Unsubscribe page"),
    "import": lazy_gettext("Import"),
    "manual": lazy_gettext("Added manually"),
}
"""What subscribed someone to a list."""

BANDS = {
    "new": lazy_gettext("New"),
    "engaged": lazy_gettext("Engaged"),
    "cooling": lazy_gettext("Cooling"),
    "inactive": lazy_gettext("Inactive"),
}
"""Bands of engagement."""

SUPPRESSION_REASONS = {
    "manual": lazy_gettext("Added manually"),
    "complaint": lazy_gettext("Spam complaint"),
    "hard_bounce": lazy_gettext("Bounced"),
    "erased": lazy_gettext("Asked to be forgotten"),
}
"""Reasons of suppressions."""

SUPPRESSION_SOURCES = {
    "bounce": lazy_gettext("Bounce"),
    "campaign": lazy_gettext("Campaign"),
    "complaint": lazy_gettext("Complaint"),
    "import": lazy_gettext("Import"),
}
"""What put an address on the suppression list, unless a person did: then it is their address."""


def encodings() -> dict[str, str]:
    """Return each encoding that a file can have, with its label."""
    return {key: _encoding(key, name) for key, name in ENCODINGS.items()}


def _encoding(key: str, name: str) -> str:
    if key not in _ENCODING_USES:
        return name
    return _("%(encoding)s (%(use)s)", encoding=name, use=_ENCODING_USES[key])
