"""Content of the demo: a brand, images, templates, and a draft in two languages."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from campaigns.campaign import drafts, language_variants
from campaigns.campaign.models import CampaignList
from campaigns.config import Settings
from campaigns.content.brand_style import BrandStyle, Palette, SocialLink
from campaigns.content.library import brands, images, media, starters, templates
from campaigns.content.library.brand_input import BrandInput, texts_of
from campaigns.content.library.media import UploadedImage
from campaigns.content.library.storage import storage_of
from campaigns.db import db, new_public_id
from campaigns.paths import resource_root

STYLE = BrandStyle(
    light=Palette(
        accent="#0f6e6a", on_accent="#ffffff", heading="#231c17", text="#3a332d", muted="#6b5f55",
        background="#f6f1ea", surface="#fffdf9", border="#e7ddd0",
    ),
    dark=Palette(
        accent="#7fd1c7", on_accent="#10201f", heading="#f7f1e8", text="#ddd3c7", muted="#a99d90",
        background="#171310", surface="#211b17", border="#3b322b",
    ),
    heading_font="georgia",
    button_radius=24,
    corner_radius=10,
    footer="Roasted by the harbour, every Tuesday and Friday.",
    social=(
        SocialLink(network="instagram", url="https://social.example/harbourcoffee"),
        SocialLink(network="website", url="https://harbour-coffee.example/"),
        SocialLink(network="email", url="mailto:hello@harbour-coffee.example"),
    ),
)  # fmt: skip
IMAGES = {
    "hills": "Green hills at sunrise",
    "mug": "A coral mug of coffee with steam",
    "plant": "A green plant in a blue pot",
    "evening": "An evening audience under string lights",
}
"""Alternative text of each image. Their files are among the illustrations of starter designs."""
TEMPLATES = (
    ("Monthly newsletter", "newsletter", "Letters"),
    ("Open roastery", "event", "Events"),
    ("New coffees", "products", "Shop"),
)
"""Name, starter design and folder of each template."""


def fill_library(settings: Settings, list_ids: list[int], now: datetime) -> None:
    """Create all of it. The files of the images are written to the storage."""
    typed = BrandInput("Harbour Coffee", "", True, texts_of(STYLE))
    brand = brands.create(typed, None, now=now)
    uploaded = {name: _image(settings, name, alt, now) for name, alt in IMAGES.items()}
    for days, (name, design, folder) in enumerate(TEMPLATES, 2):
        starter = starters.find(design)
        if starter is not None:
            content = {
                "content_kind": "blocks",
                "source": _with_images(starter.document, uploaded),
                "brand_id": brand.id,
            }
            created_at = now - timedelta(days=days)
            templates.create(name, content, folder=folder, now=created_at)
    _draft(uploaded, list_ids, now)


def _draft(uploaded: Mapping[str, str], list_ids: list[int], now: datetime) -> None:
    draft = drafts.create(
        now=now,
        name="Spring coffees",
        subject="The spring coffees have landed",
        content_kind="blocks",
        source=_with_images(_read("spring.json"), uploaded),
    )
    draft.variables = {"code": "SPRING10"}
    draft.preheader = "Peach, honey, blueberry: two new lots from Colombia and Ethiopia"
    db.session.add_all(CampaignList(campaign_id=draft.id, list_id=one) for one in list_ids)
    german = {
        "subject": "Die Frühlingskaffees sind da",
        "preheader": "Pfirsich, Honig, Heidelbeere: zwei neue Lose aus Kolumbien und Äthiopien",
        "content_kind": "blocks",
        "source": _with_images(_read("spring.de.json"), uploaded),
        "inline_css": True,
    }
    language_variants.replace_all(draft.id, {"de": german}, editor_id=None, now=now)


def _read(name: str) -> str:
    """Return a document of the demo."""
    return (resource_root() / "templates" / "newsletter" / "demo" / name).read_text("utf-8")


def _image(settings: Settings, name: str, alt: str, now: datetime) -> str:
    """Add an image to the media library; returns its public id."""
    path = resource_root() / "static" / "img" / "placeholder" / f"{name}.png"
    data = path.read_bytes()
    public_id, prepared = new_public_id(), images.prepare(data)
    media.write(storage_of(settings), public_id, prepared)
    uploaded = UploadedImage(name=f"{name}.png", alt=alt, folder="", is_decorative=False)
    digest = media.digest_of(data)
    found = media.add(public_id, prepared, uploaded, upload_digest=digest, user_id=None, now=now)
    return found.public_id


def _with_images(document: str, uploaded: Mapping[str, str]) -> str:
    """Return the document with images of the media library instead of placeholders."""
    for name, public_id in uploaded.items():
        document = document.replace(f'"placeholder:{name}"', f'"media:{public_id}"')
    return json.dumps(json.loads(document), ensure_ascii=False)
