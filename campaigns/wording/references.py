"""What a source refers to and is not there."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "reference.unknown_image": N_(
        "The image “media:%(id)s” is not in the media library. Choose another image."
    ),
    "reference.not_alone": N_(
        "%(tag)s does more than show a snippet. Write only {{ snippet.name }}."
    ),
    "reference.recursive": N_(
        "The snippets contain each other: %(path)s. Remove one of them from the other."
    ),
    "reference.unknown_snippet": N_(
        "There is no snippet “%(key)s”. Create it, or check its spelling."
    ),
}
