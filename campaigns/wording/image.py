"""Reasons why a file cannot become an image of the media library."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "image.damaged": N_(
        "The file is damaged or incomplete. Open it in an image program, save it again, and upload"
        " that file."
    ),
    "image.empty": N_("The file is empty. Choose another one."),
    "image.heic": N_(
        "Browsers and email clients cannot show HEIC photos. Export the photo as JPEG, then upload"
        " that file."
    ),
    "image.long_animation": N_(
        "The animation has too many or too large frames. Shorten it to fewer than %(frames)s"
        " frames, or make it smaller."
    ),
    "image.no_image": N_("This is not an image. Choose a JPEG, PNG, GIF, WebP or AVIF file."),
    "image.other_kind": N_(
        "This is a %(kind)s file, which emails cannot show. Export it as JPEG or PNG, then upload"
        " that file."
    ),
    "image.storage_unavailable": N_(
        "The storage for images cannot be reached, so nothing was changed. Try again in a minute."
    ),
    "image.svg": N_(
        "Email clients do not show SVG, and it can contain scripts. Export it as PNG at twice its"
        " size, then upload that file."
    ),
    "image.too_large": N_(
        "The file is larger than %(most_bytes)s. Scale the image down or compress it, then upload"
        " it again."
    ),
    "image.side_too_long": N_(
        "The image is %(width)s by %(height)s pixels. No side may be longer than %(most)s pixels."
        " Crop it or scale it down, then upload it again."
    ),
    "image.too_many_pixels": N_(
        "The image has more than %(pixels)s pixels. Scale it down to a width of %(width)s pixels,"
        " then upload it again."
    ),
}
