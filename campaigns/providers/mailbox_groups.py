"""Mailbox groups: who runs a recipient's mailbox. Limits and replies go by them."""

OTHER = "other"

NAMES = {
    "google": "Gmail",
    "outlook": "Outlook.com",
    "yahoo": "Yahoo",
    "apple": "iCloud",
    OTHER: "everybody else",
}


def name_of(group: str) -> str:
    """What people call it."""
    return NAMES.get(group, group)
