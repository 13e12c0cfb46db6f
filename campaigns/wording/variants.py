"""Reasons why a language variant of a campaign cannot be saved."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "variants.gone": N_("This language has been removed. Reload the page."),
    "variants.locked": N_(
        "This campaign is no longer a draft, so its languages cannot be changed."
    ),
    "variants.main_language": N_(
        "This is the language of the campaign itself. Choose another one."
    ),
    "variants.too_many": N_("A campaign can have at most %(most)s languages besides its own."),
    "variants.unknown_language": N_("There is no language “%(language)s”. Choose one of the list."),
}
