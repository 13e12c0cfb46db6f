"""Reasons why the rules of a segment cannot be used or saved."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "segments.bad_days": N_("Enter a number of days from 0 to %(most)s."),
    "segments.bad_value": N_("A rule has no usable value (%(name)s). Choose it again."),
    "segments.blank_value": N_("A rule has no value. Enter one, or remove the rule."),
    "segments.blank_rule": N_("Complete this rule, or remove it."),
    "segments.broken_segment": N_(
        "The segment “%(name)s” cannot be used. Open it and fix its rules, or remove this rule."
    ),
    "segments.changed_meanwhile": N_(
        "Someone else has changed this segment. Reload the page to see their version."
    ),
    "segments.cycle": N_(
        "This rule leads back to the segment itself: %(path)s. Choose another segment."
    ),
    "segments.deleted_campaign": N_(
        "A campaign of this rule was deleted. Choose others, or remove the rule."
    ),
    "segments.deleted_import": N_(
        "The import of this rule was deleted. Choose another, or remove the rule."
    ),
    "segments.deleted_list": N_(
        "The list of this rule was deleted. Choose another, or remove the rule."
    ),
    "segments.deleted_segment": N_(
        "The segment of this rule was deleted. Choose another, or remove the rule."
    ),
    "segments.deleted_tag": N_(
        "A tag of this rule was deleted. Choose others, or remove the rule."
    ),
    "segments.description_too_long": N_(
        "The description is too long. Use at most %(most)s characters."
    ),
    "segments.field_being_changed": N_(
        "The values of “%(label)s” are being changed. Try again when that is done: see Fields."
    ),
    "segments.field_gone": N_(
        "There is no field “%(key)s”, and nobody has an attribute of this name."
        " Choose another field, or remove the rule."
    ),
    "segments.malformed": N_("These rules are damaged. Remove them and build them again."),
    "segments.name_taken": N_("A segment with this name already exists. Choose another name."),
    "segments.name_too_long": N_("The name is too long. Use at most %(most)s characters."),
    "segments.newer_version": N_(
        "These rules were saved by a newer version of Campaigns. Upgrade to use them."
    ),
    "segments.not_a_date": N_("“%(value)s” is not a date. Enter one like 2026-05-31."),
    "segments.not_a_number": N_("“%(value)s” is not a number. Enter one like 12 or 12.5."),
    "segments.operator_does_not_fit": N_(
        "The field “%(key)s” has another type now. Choose its comparison again."
    ),
    "segments.refers_to_itself": N_(
        "The segment refers to itself through another one. Remove the rule about a segment."
    ),
    "segments.too_deep": N_("Groups can be nested to %(most)s levels. Move the rules up."),
    "segments.too_large": N_("This rule is too large to show. Remove it."),
    "segments.too_many_rules": N_("A segment can have at most %(most)s rules. Remove some."),
    "segments.too_many_references": N_(
        "Segments can refer to each other over at most %(most)s levels."
        " Use the rules of the other segment directly."
    ),
    "segments.too_many_rules_in_all": N_(
        "A segment can have at most %(most)s rules, including those of the segments it refers to."
        " Remove some."
    ),
    "segments.too_many_texts_in_all": N_(
        "Including the segments that they refer to, the rules can search for at most %(most)s"
        " texts inside values. Remove some."
    ),
    "segments.too_many_values": N_("A rule can have at most %(most)s values. Remove some."),
    "segments.unknown_rule": N_(
        "This version of Campaigns does not know the rule “%(kind)s”. Remove it, or upgrade."
    ),
    "segments.used_by_segments": N_(
        "Other segments use this one: %(names)s. Change their rules first."
    ),
    "segments.value_too_long": N_("A value is too long. Use at most %(most)s characters."),
    "segments.without_name": N_("Give the segment a name."),
}
