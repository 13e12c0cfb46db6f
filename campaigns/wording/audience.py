"""Reasons why an address, a subscriber, a subscription or a list cannot be saved."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "address.control_character": N_("The address contains a line break or control character."),
    "address.invisible_character": N_(
        "There is an invisible character (%(name)s) between “%(before)s” and “%(after)s”."
        " Delete it and retype this part."
    ),
    "address.missing": N_("Enter your email address."),
    "address.several": N_("This field contains %(count)s addresses. Keep only one of them."),
    "address.syntax": N_("This is not a valid email address. %(detail)s"),
    "address.too_long": N_("The address is too long. It can have at most %(most)s bytes."),
    "audience.list_archived": N_("This list is archived. Unarchive it first."),
    "audience.list_description_too_long": N_(
        "The description is too long. Use at most %(most)s characters."
    ),
    "audience.list_gone": N_("Someone else has deleted this list."),
    "audience.list_import_running": N_(
        "The file “%(file_name)s” is being imported into this list. Wait until it is done."
    ),
    "audience.list_name_taken": N_("A list with this name already exists. Choose another name."),
    "audience.list_name_too_long": N_("The name is too long. Use at most %(most)s characters."),
    "audience.list_without_name": N_("Give the list a name."),
    "audience.subscriber_address_taken": N_("A subscriber with this address already exists."),
    "audience.attribute_name_too_long": N_(
        "The name of an attribute can have at most %(most)s characters."
    ),
    "audience.attribute_reserved": N_(
        "“%(name)s” is a built-in merge tag. Choose another name for the attribute."
    ),
    "audience.attribute_twice": N_("The attribute “%(name)s” is there twice. Remove one."),
    "audience.attribute_value_too_long": N_(
        "The value of “%(name)s” is too long. Use at most %(most)s characters."
    ),
    "audience.attribute_without_name": N_("Give the value “%(value)s” a name."),
    "audience.bad_attribute_name": N_(
        "“%(name)s” cannot be the name of an attribute."
        " Use letters, digits and _, and start with a letter."
    ),
    "audience.field_gone": N_(
        "A field that you changed was renamed or deleted. Its value is now an attribute."
    ),
    "audience.subscriber_gone": N_("Someone else has deleted this subscriber."),
    "audience.subscriber_name_too_long": N_(
        "The name is too long. Use at most %(most)s characters."
    ),
    "audience.too_many_attributes": N_(
        "A subscriber can have at most %(most)s attributes. Remove some."
    ),
    "audience.left_themselves": N_(
        "This person unsubscribed. Subscribe them again only if they asked for it:"
        " select “They asked to come back”."
    ),
    "audience.suppressed": N_(
        "This address is on the suppression list and gets no email. Remove the suppression first."
    ),
}
