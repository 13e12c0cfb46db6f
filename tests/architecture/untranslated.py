"""Files whose text does not go through gettext yet. The list only gets shorter.

Groups are separate, so that branches that shorten it do not conflict.
"""

UNTRANSLATED: set[str] = set()
