"""Reasons why a custom field, or a value of it, cannot be saved."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    # Values
    "fields.ambiguous_date": N_(
        "“%(value)s” can be read in two ways. Write the date as year, month and day: 1980-05-31."
    ),
    "fields.ambiguous_number": N_(
        "“%(value)s” can be read in two ways. Write it without a thousands separator."
    ),
    "fields.date_too_early": N_("“%(label)s” cannot be before %(limit_date)s."),
    "fields.date_too_late": N_("“%(label)s” cannot be after %(limit_date)s."),
    "fields.not_a_country": N_(
        "“%(value)s” is not a country. Use its name or its code, such as DE."
    ),
    "fields.not_a_date": N_("“%(value)s” is not a date. Write it as 1980-05-31."),
    "fields.not_a_language": N_(
        "“%(value)s” is not a language. Use its name or its code, such as de."
    ),
    "fields.not_a_number": N_("“%(value)s” is not a number."),
    "fields.not_a_time_zone": N_("“%(value)s” is not a time zone. Write it as Europe/Berlin."),
    "fields.not_a_url": N_(
        "“%(value)s” is not a web address. It must start with https:// or http://."
    ),
    "fields.not_an_option": N_(
        "“%(value)s” is not an option of “%(label)s”. The options are: %(known)s."
    ),
    "fields.not_yes_or_no": N_("“%(value)s” is neither yes nor no."),
    "fields.number_too_large": N_("“%(label)s” can be at most %(most)s."),
    "fields.number_too_small": N_("“%(label)s” must be at least %(least)s."),
    "fields.required": N_("Fill in “%(label)s”."),
    "fields.text_too_long": N_("“%(label)s” can have at most %(most)s characters."),
    "fields.text_too_short": N_("“%(label)s” needs at least %(least)s characters."),
    "fields.yes": N_("Yes"),
    "fields.no": N_("No"),
    # Definitions
    "fields.attribute_exists": N_(
        "Subscribers already have an attribute “%(key)s”. Turn it into a field to keep its values."
    ),
    "fields.bad_key": N_(
        "“%(key)s” cannot be a merge tag. Use lower-case letters, digits and _,"
        " start with a letter, and use at most %(most)s characters."
    ),
    "fields.bad_length": N_("Enter a number of characters from 1 to %(most)s."),
    "fields.change_running": N_(
        "The values of “%(label)s” are being changed. Wait until that is done."
    ),
    "fields.choose_notation": N_(
        "Some values can be read in two ways. Choose how they are written."
    ),
    "fields.help_too_long": N_("This text is too long. Use at most %(most)s characters."),
    "fields.key_taken": N_("The merge tag “%(key)s” is taken. Choose another one."),
    "fields.label_taken": N_("A field with this name already exists. Choose another name."),
    "fields.label_too_long": N_("The name is too long. Use at most %(most)s characters."),
    "fields.limits_crossed": N_("The upper limit is below the lower limit."),
    "fields.no_options": N_("Add at least one option."),
    "fields.option_too_long": N_("An option can have at most %(most)s characters."),
    "fields.option_twice": N_("The option “%(label)s” is there twice. Remove one."),
    "fields.option_with_separator": N_(
        "“%(label)s” contains a comma, semicolon or bar, which separates options in files."
        " Leave it out."
    ),
    "fields.too_many": N_("There can be at most %(most)s fields. Delete one first."),
    "fields.too_many_options": N_("A field can have at most %(most)s options."),
    "fields.unknown_type": N_("Choose a type."),
    "fields.without_label": N_("Give the field a name."),
}
