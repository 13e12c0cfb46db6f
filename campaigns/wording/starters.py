"""Titles and descriptions of starter designs."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "starters.digest": N_("Digest"),
    "starters.digest_text": N_("A lead story and three short ones."),
    "starters.group_news": N_("News"),
    "starters.letter": N_("Letter"),
    "starters.letter_text": N_("One story, one button."),
}
