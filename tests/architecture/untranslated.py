"""Files whose text does not go through gettext yet. The list only gets shorter.

Groups stand apart so that branches that shorten it do not meet.
"""

UNTRANSLATED: set[str] = set()
