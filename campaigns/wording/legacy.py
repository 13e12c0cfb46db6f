"""Sentences that a version before codes has stored in the database."""

from campaigns.wording.messages import Message

SENTENCES: dict[str, Message] = {"legacy.text": "%(text)s"}
