"""What must be changed in MJML before it can be compiled."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "mjml.attribute_twice": N_("<%(tag)s> has the attribute “%(attribute)s” twice. Remove one."),
    "mjml.comment_not_closed": N_("A comment is never closed. Add --> at its end."),
    "mjml.condition_not_here": N_(
        "Conditions and loops cannot stand directly in <%(tag)s>."
        " Put them around it or into a text."
    ),
    "mjml.html_outside": N_("<%(tag)s> is HTML. Put it into an <mj-text> or <mj-raw>."),
    "mjml.include": N_(
        "<mj-include> cannot be used, as there are no files to include."
        " Paste the content, or use a snippet."
    ),
    "mjml.misspelled_attribute": N_(
        "<%(tag)s> has no attribute “%(attribute)s”. Did you mean “%(meant)s”?"
    ),
    "mjml.misspelled_tag": N_("MJML has no <%(tag)s>. Did you mean <%(meant)s>?"),
    "mjml.no_attributes": N_("<%(tag)s> has no attributes. Remove “%(attribute)s”."),
    "mjml.no_body": N_("There is no <mj-body>. Put the content into <mjml><mj-body>."),
    "mjml.not_closed": N_("<%(tag)s> is not closed. Add </%(tag)s>."),
    "mjml.not_compiled": N_(
        "This MJML cannot be compiled. Remove what you added last, and check the sizes and colors."
    ),
    "mjml.not_opened": N_("</%(tag)s> closes nothing. Remove it, or add <%(tag)s> before it."),
    "mjml.outside": N_("<%(tag)s> is outside of <mjml>. Put it into <mjml><mj-body>."),
    "mjml.page_too_long": N_(
        "This MJML becomes an email of more than %(kilobytes)s KB. Use fewer elements."
    ),
    "mjml.stray_bracket": N_("There is a “<” that begins no tag. Write &lt; for the character."),
    "mjml.tag_among_attributes": N_(
        "A merge tag in <%(tag)s> is outside of a value in quotes. Put it into the value."
    ),
    "mjml.tag_not_used": N_(
        "%(tag)s has no effect here. Sizes and other settings of the layout must be fixed values."
    ),
    "mjml.text_outside": N_(
        "There is text directly in <%(tag)s>, which would be lost. Put it into an <mj-text>."
    ),
    "mjml.too_deep": N_("The elements are nested more than %(most)s levels deep. Use fewer."),
    "mjml.too_many_images": N_(
        "A carousel can have at most %(most)s images. Remove some, or use a second carousel."
    ),
    "mjml.too_much_repeated": N_(
        "There are too many elements for such long attributes."
        " Shorten those in <mj-attributes> and around other elements."
    ),
    "mjml.twice": N_("There is a second <%(tag)s>. Move its content into the first."),
    "mjml.unknown_attribute": N_("<%(tag)s> has no attribute “%(attribute)s”. It has: %(known)s."),
    "mjml.unknown_network": N_(
        "There is no icon for “%(name)s”. Add src with the address of one, or use: %(known)s."
    ),
    "mjml.unknown_tag": N_("MJML has no <%(tag)s>. Remove it, or check its spelling."),
    "mjml.wrong_place": N_("<%(tag)s> cannot be in <%(inside)s>. It can be in: %(places)s."),
}
