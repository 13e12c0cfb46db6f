"""Reasons why the variables of a campaign cannot be saved."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "variables.bad_name": N_(
        "“%(name)s” cannot be a name. Use letters from a to z, digits and underscores, and begin"
        " with a letter."
    ),
    "variables.no_name": N_("The value “%(value)s” has no name. Enter one."),
    "variables.too_long": N_("The value of %(name)s is longer than %(most)s characters."),
    "variables.too_many": N_("A campaign can have at most %(most)s variables."),
    "variables.twice": N_("There are two variables called %(name)s. Rename or remove one of them."),
}
