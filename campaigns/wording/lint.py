"""Problems of a campaign's content, except links and images."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "lint.encoded_field": N_("“%(text)s” is an encoded merge tag. Write %(meant)s instead."),
    "lint.encoded_field_in_link": N_(
        "The address of “%(target)s” contains an encoded merge tag. Write %(meant)s instead."
    ),
    "lint.formatting_in_field": N_("A merge tag has formatting inside. Write %(meant)s instead."),
    "lint.merge_tag": N_(
        "“%(tag)s” is a merge tag of another program. Use a merge tag of Campaigns instead."
    ),
    "lint.merge_tag_meant": N_(
        "“%(tag)s” is a merge tag of another program. Use %(meant)s instead."
    ),
    "lint.merge_tag_meant_as_link": N_(
        "“%(tag)s” is a merge tag of another program. Use a link to %(meant)s instead."
    ),
    "lint.placeholder_text": N_("“%(text)s” is placeholder text. Replace it with your own words."),
    "lint.starter_text": N_(
        "“%(text)s” comes from the template you started with. Replace it with your own words."
    ),
    "lint.text_after_field": N_(
        "The address of “%(target)s” has %(text)s after {{ %(field)s }}, which is a complete"
        " address. Remove the part after it."
    ),
    "lint.text_before_field": N_(
        "The address of “%(target)s” has %(text)s before {{ %(field)s }}, which is a complete"
        " address. Remove the part before it."
    ),
}
