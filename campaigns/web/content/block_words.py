"""The words of the block editor, by the names under which its scripts ask for them."""

from campaigns.web.words import gettext as _


def block_words() -> dict[str, str]:
    """Return every sentence of static/js/blocks; "{name}" stands for a parameter there."""
    return _types() | _new() | _said() | _palette() | _tools() | _inspector() | _conditions()


def _types() -> dict[str, str]:
    return {
        "type_email": _("Email"),
        "type_section": _("Section"),
        "type_column": _("Column"),
        "type_heading": _("Heading"),
        "type_text": _("Text"),
        "type_image": _("Image"),
        "type_logo": _("Logo"),
        "type_button": _("Button"),
        "type_divider": _("Divider"),
        "type_spacer": _("Spacer"),
        "type_social": _("Social links"),
        "type_product": _("Product"),
        "type_quote": _("Quote"),
        "type_video": _("Video"),
        "type_html": _("HTML"),
        "type_repeat": _("Repeat"),
        "type_saved": _("Saved block"),
        "type_footer": _("Legal footer"),
        "columns_1": _("1 column"),
        "columns_2": _("2 columns"),
        "columns_3": _("3 columns"),
        "columns_4": _("4 columns"),
        "columns_narrow_wide": _("Narrow and wide"),
        "columns_wide_narrow": _("Wide and narrow"),
    }


def _new() -> dict[str, str]:
    return {
        "new_heading": _("Add your heading"),
        "new_text": _("Write your text here."),
        "new_button": _("Read more"),
        "new_product": _("Product name"),
        "new_product_button": _("Shop now"),
        "new_quote": _("What did they say?"),
        "new_author": _("Name"),
        "new_footer": _("You are receiving this email because you signed up for our newsletter."),
    }


def _said() -> dict[str, str]:
    """Return what screen readers announce, and the labels of the canvas."""
    return {
        "added": _("%(what)s added", what="{what}"),
        "duplicated": _("%(what)s duplicated", what="{what}"),
        "deleted": _("%(what)s deleted", what="{what}"),
        "copied": _("%(what)s copied", what="{what}"),
        "pasted": _("%(what)s pasted", what="{what}"),
        "moved": _("%(what)s moved", what="{what}"),
        "moved_up": _("%(what)s moved up", what="{what}"),
        "moved_down": _("%(what)s moved down", what="{what}"),
        "is_first": _("%(what)s is already first", what="{what}"),
        "is_last": _("%(what)s is already last", what="{what}"),
        "now_on_all": _("%(what)s is shown on all screens", what="{what}"),
        "now_not_on_phones": _("%(what)s is hidden on phones", what="{what}"),
        "now_not_on_computers": _("%(what)s is hidden on computers", what="{what}"),
        "unlinked": _("%(what)s replaced by a copy", what="{what}"),
        "edit_what": _("Edit %(what)s", what="{what}"),
        "block_saved": _("Block saved"),
        "undone": _("Undone"),
        "redone": _("Redone"),
        "nothing_to_undo": _("Nothing to undo"),
        "nothing_to_redo": _("Nothing to redo"),
        "canvas_offline": _("The email cannot be shown: you are offline. Your changes are kept."),
        "canvas_logged_out": _("You are logged out. Log in in another tab, then continue here."),
        "canvas_failed": _("The email cannot be shown right now. Your changes are kept."),
    }


def _palette() -> dict[str, str]:
    return {
        "blocks": _("Blocks"),
        "layouts": _("Layouts"),
        "saved_blocks": _("Saved blocks"),
        "add_block": _("Add block"),
        "add_what": _("Add %(what)s", what="{what}"),
        "has_condition": _("Only some recipients see it"),
    }


def _tools() -> dict[str, str]:
    return {
        "tools": _("Block tools"),
        "settings": _("Settings"),
        "is_locked": _("Required by law, so it stays last"),
        "move_up": _("Move up"),
        "move_down": _("Move down"),
        "drag_to_move": _("Drag to move"),
        "duplicate": _("Duplicate"),
        "delete": _("Delete"),
        "hide_or_show": _("Hide on phones or computers"),
        "add_below": _("Add block below"),
        "text_of_block": _("Text of the block"),
        "mark_bold": _("Bold"),
        "mark_italic": _("Italic"),
        "mark_underline": _("Underline"),
        "mark_strike": _("Strikethrough"),
        "mark_link": _("Link"),
        "mark_colour": _("Text color"),
        "bullet_list": _("Bulleted list"),
        "numbered_list": _("Numbered list"),
        "insert_merge_tag": _("Insert merge tag"),
        "link_address": _("Link address"),
        "apply": _("Apply"),
        "remove_link": _("Remove link"),
    }


def _inspector() -> dict[str, str]:
    return (
        _fields()
        | _values()
        | _hints()
        | {
            "more_options": _("More options"),
            "who_sees_it": _("Visibility"),
            "own_colour": _("Custom color"),
            "own_colour_of": _("Custom color: %(what)s", what="{what}"),
            "from_library": _("From your media library"),
            "choose_image": _("Choose image"),
            "replace_image": _("Replace image"),
            "remove_image": _("Remove"),
            "save_as_block": _("Save as block"),
            "edit_everywhere": _("Edit saved block"),
            "edit_copy": _("Edit a copy here"),
            "network": _("Network"),
            "profile_address": _("Profile address"),
            "add_profile": _("Add profile"),
            "remove_profile": _("Remove profile"),
        }
    )


def _fields() -> dict[str, str]:
    return {
        "field_level": _("Level"),
        "field_align": _("Alignment"),
        "field_colour": _("Color"),
        "field_text_colour": _("Text color"),
        "field_background": _("Background color"),
        "field_surface": _("Content background"),
        "field_size": _("Size"),
        "field_src": _("Image"),
        "field_image": _("Image"),
        "field_alt": _("Alt text"),
        "field_link": _("Link"),
        "field_video_link": _("Video link"),
        "field_width": _("Width"),
        "field_height": _("Height"),
        "field_radius": _("Rounded corners"),
        "field_dark_src": _("Image in dark mode"),
        "field_is_flush": _("Reach the edges of the section"),
        "field_label": _("Button text"),
        "field_is_wide": _("Full width"),
        "field_thickness": _("Thickness"),
        "field_entries": _("Profiles"),
        "field_title": _("Title"),
        "field_text": _("Description"),
        "field_price": _("Price"),
        "field_old_price": _("Previous price"),
        "field_layout": _("Layout"),
        "field_author": _("Name"),
        "field_role": _("Role"),
        "field_code": _("HTML"),
        "field_each": _("List to repeat for"),
        "field_limit": _("Maximum number of items"),
        "field_columns": _("Columns"),
        "field_padding_top": _("Space above"),
        "field_padding_bottom": _("Space below"),
        "field_stacks": _("Stack columns on phones"),
        "field_is_full": _("Background across the whole window"),
        "field_background_image": _("Background image"),
        "field_vertical_align": _("Vertical alignment"),
        "field_shows_social": _("Show social links"),
        "field_own_text": _("Use custom text"),
        "field_hide_on": _("Screens"),
        "field_when": _("Recipients"),
    }


def _values() -> dict[str, str]:
    return {
        "level_1": _("Large"),
        "level_2": _("Medium"),
        "level_3": _("Small"),
        "align_left": _("Left"),
        "align_center": _("Center"),
        "align_right": _("Right"),
        "to_top": _("Top"),
        "to_middle": _("Middle"),
        "to_bottom": _("Bottom"),
        "image_top": _("Image on top"),
        "image_left": _("Image on the left"),
        "size_of_brand": _("Brand"),
        "full_width": _("Full"),
        "equal_width": _("Equal"),
        "as_brand": _("Brand"),
        "on_all": _("All screens"),
        "not_on_phones": _("Hidden on phones"),
        "not_on_computers": _("Hidden on computers"),
        "colour_usual": _("Default"),
        "colour_accent": _("Brand: accent"),
        "colour_on_accent": _("Brand: text on accent"),
        "colour_heading": _("Brand: heading"),
        "colour_text": _("Brand: text"),
        "colour_muted": _("Brand: muted"),
        "colour_background": _("Brand: background"),
        "colour_surface": _("Brand: surface"),
        "colour_border": _("Brand: border"),
    }


def _hints() -> dict[str, str]:
    return {
        "hint_text": _("Click the text in the email to edit it."),
        "hint_footer": _("Your postal address and the unsubscribe link are always shown here."),
        "hint_repeat": _("Its blocks are shown once per item of a list, for example a product."),
        "hint_video": _("Email clients cannot play videos, so a picture links to it."),
        "hint_html": _("For code that no block covers. It is sent as you write it."),
        "hint_saved": _("A change to a saved block reaches every draft that shows it."),
        "sample_content": _("This came with the design. Replace it before you send."),
        "hint_email": _("Select a block in the email to change it."),
        "hint_alt": _("Shown when images are off, and read aloud to people who cannot see them."),
        "hint_social": _("Shows the profiles of your brand."),
        "hint_logo": _("Shows the logo of your brand."),
    }


def _conditions() -> dict[str, str]:
    return {
        "seen_by_everyone": _("Everyone"),
        "seen_by_field": _("Only if a field matches"),
        "seen_by_segment": _("Only a segment"),
        "condition_field": _("Field"),
        "condition_op": _("Comparison"),
        "condition_value": _("Value"),
        "condition_in": _("In or not in the segment"),
        "condition_segment": _("Segment"),
        "in_segment": _("Is in"),
        "not_in_segment": _("Is not in"),
        "deleted_segment": _("Deleted segment"),
        "op_is": _("is"),
        "op_is_not": _("is not"),
        "op_contains": _("contains"),
        "op_has_value": _("has a value"),
        "op_no_value": _("has no value"),
        "op_at_least": _("is at least"),
        "op_at_most": _("is at most"),
    }
