"""Problems of a campaign's template."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    # Forbidden tags and expressions
    "template.call": N_(
        "Nothing can be called in a template, so ( ) after a name does not work."
        " Use a merge tag or a filter instead, such as {{ subscriber.name|upper }}."
    ),
    "template.chained_comparison": N_(
        "Only two values can be compared at a time. Put “and” between comparisons."
    ),
    "template.fixed_item_only": N_(
        'Only a fixed name or number can be used in [ ]. Use ["name"] instead.'
    ),
    "template.half_character": N_(
        "A text contains half of a character (\\ud...). Use the character itself."
    ),
    "template.name_taken": N_("The name %(name)s is taken. Choose another name."),
    "template.name_with_underscore": N_("The name %(name)s begins with _. Choose another name."),
    "template.no_autoescape": N_(
        "{%% autoescape %%} is not available. Values are always escaped, so remove the tag."
    ),
    "template.no_block": N_("{%% block %%} is not available. Remove the tag and keep its text."),
    "template.no_dict": N_(
        "Groups of values in { } are not available. Use subscriber attributes instead."
    ),
    "template.no_dunder": N_(
        "Names that begin with __ are not available. Use the attribute’s own name instead."
    ),
    "template.no_extends": N_(
        "{%% extends %%} is not available. Paste the whole HTML into this campaign instead."
    ),
    "template.no_filter_block": N_(
        "{%% filter %%} is not available. Use a filter on a value instead."
    ),
    "template.no_import": N_(
        "{%% %(tag)s %%} is not available. Paste the text into this campaign instead."
    ),
    "template.no_macro": N_(
        "{%% %(tag)s %%} is not available. Use {%% if %%} and {%% for %%} instead."
    ),
    "template.no_recursive_loop": N_(
        "Recursive loops are not available. Use a plain {%% for %%} instead."
    ),
    "template.no_set_block": N_(
        "{%% set %%} without = is not available. Use {%% set x = ... %%} instead."
    ),
    "template.no_slice": N_(
        "Parts of a list ([1:3]) are not available. Use the filters first or last instead."
    ),
    "template.no_star": N_("* is not available here. List the values one by one."),
    "template.no_with": N_("{%% with %%} is not available. Use {%% set x = ... %%} instead."),
    "template.not_available": N_(
        "This is not available in templates. Use {{ }}, {%% if %%} and {%% for %%} instead."
    ),
    "template.one_loop_name": N_("A loop has one name only. Use {%% for item in list %%} instead."),
    "template.plain_name_only": N_(
        "Only one plain name can be set at a time. Use {%% set x = ... %%} instead."
    ),
    "template.plain_values_only": N_(
        "A list can contain plain values only. Use text or numbers in it."
    ),
    "template.power": N_("Powers (**) are not available. Use * instead."),
    "template.raw": N_('{%% raw %%} is not available. To show braces, write {{ "{{" }}.'),
    # Unknown names
    "template.misspelled_attribute": N_(
        "No subscriber seems to have the attribute %(name)s. Did you mean {{ %(meant)s }}?"
    ),
    "template.misspelled_field": N_(
        "Unknown merge tag {{ %(name)s }}. Did you mean {{ %(meant)s }}?"
    ),
    "template.misspelled_field_of": N_(
        "Unknown merge tag {{ %(name)s }}. Did you mean {{ %(meant)s }}? Available: %(all)s."
    ),
    "template.misspelled_filter": N_(
        "There is no filter called %(name)s. Did you mean %(meant)s? Available: %(known)s."
    ),
    "template.misspelled_test": N_(
        "There is no test called %(name)s. Did you mean %(meant)s? Available: %(known)s."
    ),
    "template.unknown_attribute": N_(
        "No subscriber seems to have the attribute %(name)s. Where it is missing, it stays empty."
    ),
    "template.unknown_field": N_("Unknown merge tag {{ %(name)s }}."),
    "template.unknown_field_of": N_("Unknown merge tag {{ %(name)s }}. Available: %(all)s."),
    "template.in_language": N_("%(name)s: %(problem)s"),
    "template.unknown_segment": N_(
        "There is no segment %(segment)s. It may have been deleted: choose another one."
    ),
    "template.too_many_segments": N_(
        "The content names more than %(most)s segments. Use fewer of them."
    ),
    "template.segment_without_id": N_(
        'Name the segment, as in {%% if in_segment["…"] %%} with the id from its page.'
    ),
    "template.unknown_filter": N_("There is no filter called %(name)s. Available: %(known)s."),
    "template.unknown_tag": N_(
        "There is no {%% %(tag)s %%} tag. Use {%% if %%}, {%% for %%} or {%% set %%} instead."
    ),
    "template.unknown_test": N_("There is no test called %(name)s. Available: %(known)s."),
    "template.in_line": N_("Line %(line)s: %(problem)s"),
    # Syntax errors
    "template.block_not_closed": N_(
        "An {%% if %%} or {%% for %%} is never closed. Add {%% endif %%} or {%% endfor %%}."
    ),
    "template.comment_not_closed": N_("A comment {# is never closed. Add #} where it ends."),
    "template.crosses_markup": N_(
        "This {%% %(tag)s %%} and its opening tag are in different kinds of places. Put both"
        " into the text, or both into comments, tags, attributes or hidden elements."
    ),
    "template.element_not_closed": N_(
        "A hidden <%(element)s> is never closed, so everything after it would be invisible."
        " Add </%(element)s> where it ends."
    ),
    "template.empty_field": N_(
        "A merge tag is empty. Write a name in it, such as {{ subscriber.name }}."
    ),
    "template.html_not_closed": N_(
        "A comment, tag or style sheet that begins here or later never ends."
        " Add -->, > or </style> where it ends."
    ),
    "template.syntax": N_(
        "The template cannot be read: %(detail)s. Put {{ }} around one complete value."
    ),
    "template.tag_not_closed": N_("A template tag is never closed. Add }} or %%} where it ends."),
    "template.three_braces": N_(
        "A merge tag has two braces on each side. Write {{ subscriber.name }}, with no third brace."
    ),
    "template.unexpected_character": N_(
        "A character does not belong here. Put quotes around text."
    ),
    # Misplaced merge tags
    "template.field_in_script": N_(
        "A merge tag cannot be used in a script. Use it in the text instead."
    ),
    "template.field_in_tag": N_(
        "A merge tag cannot stand alone inside an HTML tag. Use it as the value of an attribute,"
        ' in quotes, such as title="{{ subscriber.name }}".'
    ),
    "template.loop_in_link": N_(
        "A loop or {%% set %%} cannot be used in the address of a link. Put it around the link."
    ),
    # Limits
    "template.bad_date_format": N_(
        "The filter date does not know this format. Use one such as %(example)s."
    ),
    "template.bad_decimals": N_(
        "The filter number takes 0 to %(most)s decimal places, for example number(2)."
    ),
    "template.unknown_currency": N_(
        'There is no currency “%(currency)s”. Use its code of three letters, as in money("EUR").'
    ),
    "template.bad_round": N_(
        "The filter round takes 0 to 10 decimal places, for example round(2)."
    ),
    "template.bad_truncate": N_(
        "The filter truncate takes a length from 1 to %(most)s, for example truncate(80)."
    ),
    "template.join_too_long": N_(
        "The joined text is longer than %(kilobytes)s KB. Use a shorter separator."
    ),
    "template.list_as_text": N_(
        "A whole list or group of values cannot be used in text."
        " Use one of its values, or a {%% for %%} loop."
    ),
    "template.list_too_big": N_(
        "A list contains more than %(kilobytes)s KB of text. Use a shorter list."
    ),
    "template.list_too_long": N_("A list contains more than %(most)s values. Use a shorter list."),
    "template.loop_over_no_list": N_(
        "{%% for %%} works with lists only. Use an attribute that holds a list of values."
    ),
    "template.nested_too_deep": N_("Lists and quotes are nested too deeply. Use fewer levels."),
    "template.nested_list": N_("A list contains other lists. Use a list of plain values."),
    "template.not_a_number": N_(
        "%(operator)s works with numbers only. Use numbers, or join text with the ~ sign."
    ),
    "template.number_too_large": N_("A number is too large. Use one up to %(most)s."),
    "template.result_too_long": N_(
        "The result is longer than %(kilobytes)s KB. Use less text in loops."
    ),
    "template.script": N_("Scripts never run in emails. Remove the <script>."),
    "template.images_not_read": N_(
        "The images to embed cannot be read. Check the storage of the media library, then resume."
    ),
    "template.images_too_large": N_(
        "The embedded images have %(size_bytes)s, more than the limit of %(most_bytes)s."
        " Use smaller images, or turn off “Embed images in the email”."
    ),
    "template.source_too_long": N_("The text is longer than %(kilobytes)s KB. Shorten it."),
    "template.tag_too_long": N_(
        "A template tag is longer than %(most)s characters, or never ends."
        " Close it with }} or %%}, and keep long text outside of tags."
    ),
    "template.tags_too_long": N_(
        "The template tags add up to more than %(kilobytes)s KB. Use fewer."
    ),
    "template.too_complex": N_("The template is too complex. Use fewer nested tags."),
    "template.too_deep": N_("The template is nested too deeply. Use simpler expressions."),
    "template.too_deep_to_inline": N_(
        "The elements are nested more than %(most)s levels deep. Close those that are left open,"
        " or turn off Inline CSS."
    ),
    "template.too_many_iterations": N_(
        "The loops repeat more than %(most)s times. Use shorter lists."
    ),
    "template.too_many_cells": N_(
        "The tables have more than %(most)s cells. Make them shorter, or link to a page with them."
    ),
    "template.too_many_columns": N_(
        "The table has more than %(most)s columns. Use fewer, so that it can be read in an email."
    ),
    "template.too_many_links": N_("There are more than %(most)s links. Use fewer."),
    "template.too_many_nested_loops": N_(
        "Loops are nested too deeply. Nest at most %(most)s of them."
    ),
    "template.too_much_css": N_(
        "Moving the style sheets into the elements takes too long. Use fewer rules, avoid “~” in"
        " selectors, or turn off Inline CSS."
    ),
    "template.too_many_tags": N_("There are more than %(most)s template tags. Use fewer."),
    "template.too_slow": N_("The template takes too long. Make its loops shorter."),
    "template.unbalanced": N_(
        "The HTML has %(tag)s without its counterpart, which may break the email. Correct it."
    ),
    "template.value_does_not_fit": N_(
        "A value does not fit here. Use text, a number or a list where each is expected."
    ),
    "template.value_too_long": N_(
        "A value is longer than %(kilobytes)s KB. Put long text directly into the template."
    ),
}
