"""Problems of a document of blocks, and what the editor shows in an empty block."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    # The document cannot be read
    "blocks.bad_value": N_(
        "The field %(field)s of the block “%(kind)s” cannot be %(value)s. Change it."
    ),
    "blocks.duplicate_id": N_("Two blocks have the id %(id)s. Give one of them another id."),
    "blocks.field_missing": N_("The block “%(kind)s” has no field %(field)s. Add it."),
    "blocks.list_too_long": N_(
        "The field %(field)s of the block “%(kind)s” has more than %(most)s entries. Remove some."
    ),
    "blocks.newer_version": N_(
        "This content was written by a newer version of Campaigns. Update Campaigns to edit it."
    ),
    "blocks.no_document": N_("The content is not a block document. Restore an earlier version."),
    "blocks.no_type": N_("A block in “%(kind)s” has no type. Add it."),
    "blocks.not_compiled": N_("The blocks cannot be compiled. Restore an earlier version."),
    "blocks.not_json": N_("The content is not valid JSON. Restore an earlier version."),
    "blocks.too_deep": N_("The document is nested too deeply. Restore an earlier version."),
    "blocks.too_large": N_(
        "The document is larger than %(kilobytes)s KB. Delete blocks, or shorten their HTML."
    ),
    "blocks.too_many": N_("The document has more than %(most)s blocks. Delete some."),
    "blocks.unknown_block": N_(
        "There is no block of the type “%(tag)s”. Delete it, or update Campaigns."
    ),
    "blocks.unknown_field": N_("The block “%(kind)s” has no field %(field)s. Remove it."),
    "blocks.unwritable": N_(
        "The block “%(kind)s” has a character that no email can contain. Write its text again."
    ),
    "blocks.value_too_long": N_(
        "%(field)s of the block “%(kind)s” has more than %(most)s characters. Shorten it."
    ),
    "blocks.two_footers": N_("An email has one footer. Delete the others."),
    # Something in a block cannot be used
    "blocks.bad_colour": N_("%(value)s is not a color. Choose one from the palette."),
    "blocks.bad_field": N_("“%(name)s” is not a field. Choose one from the list."),
    "blocks.bad_merge_tag": N_("A merge tag has no field. Delete it and insert it again."),
    "blocks.footer_hidden": N_(
        "The footer cannot be hidden, because it has the unsubscribe link. Remove its condition."
    ),
    "blocks.media_missing": N_("This image is no longer in the media library. Choose another one."),
    "blocks.html_unbalanced": N_(
        "The HTML has %(tag)s without its counterpart, which would break the email. Correct it."
    ),
    "blocks.not_in_heading": N_("A heading cannot contain a list (%(what)s). Use a text block."),
    "blocks.repeat_without_field": N_(
        "“%(name)s” does not hold a list. Choose what to repeat the blocks for."
    ),
    "blocks.saved_in_saved": N_("A saved block cannot contain another one. Remove it there."),
    "blocks.saved_missing": N_("The saved block was deleted. Remove it here, or save it again."),
    "blocks.saved_unreadable": N_(
        "The saved block cannot be read. Remove it here, or save it again."
    ),
    "blocks.tag_in_background": N_(
        "A background image cannot have merge tags. Use the same image for everyone."
    ),
    "blocks.text_too_deep": N_(
        "The lists in this text are nested too deeply. Use at most %(most)s levels."
    ),
    "blocks.unknown_mark": N_("Emails cannot show this text format: %(what)s. Remove it."),
    "blocks.unknown_node": N_(
        "The text contains something that emails cannot show: %(what)s. Remove it."
    ),
    "blocks.unsafe_image": N_(
        "The image address %(url)s cannot be used. Use one that begins with https://."
    ),
    "blocks.unsafe_link": N_(
        "The link %(url)s cannot be used. Links begin with https://, mailto: or tel:."
    ),
    # Unfinished blocks
    "blocks.button_empty": N_("The button has no label. Write one, or delete the button."),
    "blocks.button_without_link": N_("The button has no link. Add one, or delete the button."),
    "blocks.heading_empty": N_("The heading is empty. Write one, or delete the block."),
    "blocks.html_empty": N_("The block has no HTML. Write some, or delete the block."),
    "blocks.image_empty": N_("No image is chosen. Choose one, or delete the block."),
    "blocks.image_without_alt": N_(
        "The image has no alt text. Describe it for people who do not see images."
    ),
    "blocks.no_profiles": N_(
        "No social profile is set. Add one here or to the brand, or delete the block."
    ),
    "blocks.product_without_title": N_("The product has no title. Write one, or delete the block."),
    "blocks.repeat_empty": N_("This repeat block is empty. Add blocks to it, or delete it."),
    "blocks.text_empty": N_("The text is empty. Write something, or delete the block."),
    "blocks.video_without_link": N_("The video has no link. Add one, or delete the block."),
    # Words of blocks in emails
    "blocks.email": N_("Email"),
    "blocks.watch_video": N_("Watch the video"),
    "blocks.website": N_("Website"),
    # Shown in empty blocks
    "blocks.button_here": N_("Button"),
    "blocks.heading_here": N_("Heading"),
    "blocks.html_here": N_("HTML"),
    "blocks.profiles_here": N_("Social profiles"),
    "blocks.text_here": N_("Write your text here"),
}
