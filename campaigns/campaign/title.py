"""A campaign's title, and its subject as rendered for a recipient."""

from functools import lru_cache

from campaigns.content.mime.compile import (
    Content,
    RenderError,
    TemplateProblemError,
    compile_content,
)
from campaigns.messages import Recipient
from campaigns.tokens import Signer

UNKNOWN = "…"
"""Placeholder for values that differ between campaigns, such as the name of the list."""


def title_of(name: str, subject: str) -> str:
    """Return a campaign's name, or its subject if it has none; "" for an untitled campaign."""
    return name or as_read(subject)


def as_read(subject: str, organization: str = UNKNOWN) -> str:
    """Return the subject with its merge tags filled in for a recipient without a name.

    A subject that cannot be rendered is returned as it was written.
    """
    is_template = "{{" in subject or "{%" in subject
    return _rendered(subject, organization) if is_template else subject


@lru_cache(maxsize=1024)
def _rendered(subject: str, organization: str) -> str:
    content = Content(
        subject=subject,
        preheader="",
        sender_name=organization,
        sender_address="",
        reply_to="",
        identity=organization,
        postal_address="",
        campaign_public_id="",
        base_url="",
        list_names={0: UNKNOWN},
        track_opens=False,
        track_clicks=False,
        use_return_path=False,
    )
    nobody = Recipient(delivery_id=0, subscriber_id=0, list_id=0, address="", name="")
    try:
        return compile_content(content, Signer(["for a title only"])).preview(nobody).subject
    except (TemplateProblemError, RenderError):
        return subject
