"""Sentences stored by versions before codes."""

from campaigns.wording.messages import Message

SENTENCES: dict[str, Message] = {"legacy.text": "%(text)s"}
