"""The translations of each language, loaded once."""

import functools
from gettext import NullTranslations
from pathlib import Path

from babel import Locale
from babel.support import Translations

from campaigns.formatting import DEFAULT_LOCALE as DEFAULT_LOCALE  # re-exported

DIRECTORY = Path(__file__).resolve().parent.parent / "translations"
"""Contains `<locale>/LC_MESSAGES/messages.mo`. English needs none: messages are in English."""


def languages() -> dict[str, str]:
    """Return the available locales with their native names: {"de": "Deutsch"}."""
    found = {path.parent.parent.name for path in DIRECTORY.glob("*/LC_MESSAGES/messages.mo")}
    locales = sorted({DEFAULT_LOCALE, *found})
    return {name: Locale.parse(name).get_display_name() or name for name in locales}


@functools.cache
def catalog(locale: str = DEFAULT_LOCALE) -> NullTranslations:
    """Return the translations of a locale such as "de"; those missing stay in English."""
    return Translations.load(DIRECTORY, [locale])
