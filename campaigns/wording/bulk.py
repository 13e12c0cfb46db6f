"""Reasons why a bulk action, or a change of a tag, cannot be carried out."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "bulk.field_changed": N_(
        "This field was changed or deleted in the meantime. Start again when Fields shows no"
        " change in progress."
    ),
    "bulk.list_gone": N_("This list was deleted. Choose another one."),
    "bulk.no_merge_target": N_("Choose another tag that exists."),
    "bulk.no_undo": N_("This can no longer be undone."),
    "bulk.nobody": N_("Nobody matches this selection now. Change it, then try again."),
    "bulk.segment_gone": N_("This segment was deleted. Choose another one."),
    "bulk.tag_gone": N_("This tag was deleted. Choose another one."),
    "bulk.tag_name_taken": N_("A tag with this name already exists. Merge the two instead."),
    "bulk.tag_name_too_long": N_("The name of a tag can have at most %(most)s characters."),
    "bulk.tag_separator": N_("The name of a tag cannot contain a comma or a semicolon."),
    "bulk.tag_without_name": N_("Give the tag a name."),
    "bulk.too_many_tags": N_("Use at most %(most)s tags at once."),
}
