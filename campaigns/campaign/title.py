"""What a campaign is called."""

UNTITLED = "Untitled campaign"


def title_of(name: str, subject: str) -> str:
    """Return a campaign's name, its subject if it has none, or "Untitled campaign"."""
    return name or subject or UNTITLED
