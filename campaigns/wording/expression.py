"""Reasons why a regular expression cannot be used, and what to write instead."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "expression.look_around": N_(
        "Look-ahead and look-behind are not supported. Enter the words themselves, separated by |,"
        " or use several rules."
    ),
    "expression.back_reference": N_(
        "References to an earlier group are not supported. Enter the words themselves, separated"
        " by |, or use several rules."
    ),
    "expression.condition": N_(
        "Conditions on a group are not supported. Enter the words themselves, separated by |, or"
        " use several rules."
    ),
    "expression.possessive": N_(
        "Atomic groups and possessive repeats are not supported. Remove the ?> or the extra +; the"
        " search is fast without them."
    ),
    "expression.end_of_text": N_("\\Z is not supported. Use $ for the end of the reply."),
    "expression.character_name": N_(
        "\\u, \\U and \\N are not supported. Type the character itself, or write it as \\x{20ac}."
    ),
    "expression.flags": N_(
        "Comments and the flags a, L, u and x are not supported. Leave them out."
    ),
    "expression.too_long": N_("The expression is longer than %(most)s characters. Shorten it."),
    "expression.no_character": N_("The expression contains something that is not a character."),
    "expression.too_large": N_(
        "The expression takes too much memory (%(error)s). Use smaller repeat counts."
    ),
    "expression.unusable": N_("This regular expression cannot be used (%(error)s). Correct it."),
}
