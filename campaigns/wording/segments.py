"""Reasons why the rules of a segment cannot be used or saved."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "segments.bad_value": N_("A rule has no usable value (%(name)s). Choose it again."),
    "segments.changed_meanwhile": N_(
        "Someone else has changed this segment. Reload the page to see their version."
    ),
    "segments.description_too_long": N_(
        "The description is too long. Use at most %(most)s characters."
    ),
    "segments.malformed": N_("These rules are damaged. Remove them and build them again."),
    "segments.name_taken": N_("There is a segment with this name already. Choose another name."),
    "segments.name_too_long": N_("The name is too long. Use at most %(most)s characters."),
    "segments.newer_version": N_(
        "These rules were saved by a newer version of Campaigns. Upgrade to use them."
    ),
    "segments.too_deep": N_("Groups can be nested to %(most)s levels. Move the rules up."),
    "segments.too_many_rules": N_("A segment can have at most %(most)s rules. Remove some."),
    "segments.unknown_rule": N_(
        "This version of Campaigns does not know the rule “%(kind)s”. Remove it, or upgrade."
    ),
    "segments.without_name": N_("Give the segment a name."),
}
