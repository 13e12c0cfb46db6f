"""The kinds of content in words."""

from flask_babel import lazy_gettext

from campaigns.web.content.blueprint import bp

KIND_WORDS = {
    "blocks": lazy_gettext("Blocks"),
    "markdown": lazy_gettext("Markdown"),
    "html": lazy_gettext("HTML"),
    "mjml": lazy_gettext("MJML"),
    "text": lazy_gettext("Plain text"),
}


@bp.app_template_global("kind_word")
def kind_word(kind: str) -> str:
    """Return the name of a kind of content."""
    return str(KIND_WORDS[kind])
