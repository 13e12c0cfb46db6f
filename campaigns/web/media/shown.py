"""What pages and scripts show of a medium."""

from typing import Any

from campaigns.content.library import media
from campaigns.content.library.media import StoredImage
from campaigns.content.library.models import Media

KINDS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WebP"}


def shown(medium: Media) -> dict[str, Any]:
    """Return a medium for scripts; addresses are those of this installation."""
    image = media.email_image(medium)
    return {
        "id": medium.public_id,
        "src": f"media:{medium.public_id}",
        "url": address(medium, image),
        "thumbnail": address(medium, media.thumbnail(medium)),
        "original": address(medium, media.master_of(medium)),
        "name": medium.name,
        "alt": medium.alt,
        "is_decorative": medium.is_decorative,
        "folder": medium.folder,
        "width": image.width,
        "height": image.height,
        "master_width": medium.width,
        "master_height": medium.height,
        "kind": KINDS[medium.content_type],
        "is_animated": is_animated(medium),
    }


def address(medium: Media, image: StoredImage) -> str:
    """Return the address of a file on the pages of this installation."""
    return f"/{media.path(medium, image)}"


def is_animated(medium: Media) -> bool:
    """Return whether it moves, so that it is kept as it was uploaded."""
    return any(variant.is_still for variant in media.variants_of(medium))
