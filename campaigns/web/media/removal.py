"""Move and delete images. What is shown by something that can still be sent is not deleted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from flask import flash, redirect, request, url_for

from campaigns.access import access
from campaigns.campaign.media_uses import MediaUse, shown_before, uses_of
from campaigns.clock import utcnow
from campaigns.content.library import media
from campaigns.content.library.models import Media
from campaigns.content.library.storage import StorageError, storage_of
from campaigns.context import services
from campaigns.db import transaction
from campaigns.web.deletion import Deletion, deletion_page, quoted
from campaigns.web.media.blueprint import bp
from campaigns.web.saving import Answer, done, or_404
from campaigns.web.words import gettext as _
from campaigns.web.words import ngettext, sentence

MOST_SELECTED = 100
NAMED = 5


@dataclass(frozen=True, slots=True)
class Removal:
    """What happens to each of the chosen images.

    `kept`: something shows them that can still be sent. `hidden`: only sent emails or earlier
    versions show them, so their files stay.
    """

    chosen: Sequence[Media]
    kept: Mapping[str, Sequence[MediaUse]] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()

    @property
    def removed(self) -> list[Media]:
        """The images that leave the library."""
        return [medium for medium in self.chosen if medium.public_id not in self.kept]


def _removal(public_ids: Sequence[str], before: Collection[str] | None = None) -> Removal:
    """Find out what happens to images. `before`: what `shown_before` returned for them."""
    if before is None:
        before = shown_before(public_ids)
    chosen = media.chosen(public_ids)
    ids = [medium.public_id for medium in chosen]
    uses = uses_of(ids)
    live = {one: [use for use in found if not use.is_over] for one, found in uses.items()}
    kept = {one: found for one, found in live.items() if found}
    hidden = {one for one, found in uses.items() if found} | set(before)
    return Removal(chosen, kept, frozenset(hidden - kept.keys()))


@bp.route("/media/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete(public_id: str) -> Answer:
    or_404(Media, public_id, deleted_at=None)
    back = url_for("media.details", public_id=public_id)
    if request.method != "POST":
        return _ask(_removal([public_id]), back)
    return _remove([public_id], back)


@bp.post("/media/selected")
@access("user")
def selected() -> Answer:
    """Move the selected images; deleting asks first."""
    form, library = request.form, url_for("media.index")
    public_ids = form.getlist("image") or form.get("images", "").split(",")
    public_ids = [one for one in public_ids if one][:MOST_SELECTED]
    if not public_ids:
        flash(_("Select at least one image first."), "warning")
        return redirect(library)
    match form.get("action", ""):
        case "move":
            with transaction():
                media.move(public_ids, form.get("folder", ""))
            return done(_("Images moved"), library)
        case "delete":
            return _remove(public_ids, library)
    return _ask(_removal(public_ids), library)


def _remove(public_ids: Sequence[str], back: str) -> Answer:
    erases = "erase" in request.form
    before = shown_before(public_ids)  # takes long, and decides only whether files stay
    with transaction():
        removal = _removal(public_ids, before)
        if not removal.removed:
            return _ask(removal, back), 422
        paths = [path for medium in removal.removed for path in _take(medium, removal, erases)]
    try:
        storage_of(services().settings).delete(paths)
    except StorageError as error:
        flash(sentence(error.reason), "warning")
    said = ngettext("Image deleted", "%(count)s images deleted", len(removal.removed))
    return done(said, url_for("media.index"))


def _take(medium: Media, removal: Removal, erases: bool) -> Sequence[str]:
    """Take an image out of the library. Returns the paths of the files to delete."""
    if medium.public_id in removal.hidden:
        media.take_out(medium.id, now=utcnow(), is_erased=erases)
        return media.paths_of(medium) if erases else ()
    media.delete(medium.id)
    return media.paths_of(medium)


def _ask(removal: Removal, back: str) -> str:
    if len(removal.chosen) == 1:
        title = _("Delete “%(name)s”", name=removal.chosen[0].name)
        button = _("Delete image")
    else:
        title = button = _("Delete images")
    is_hidden = bool(removal.hidden)
    page = Deletion(
        title=title,
        button=button,
        back=back,
        above=[(url_for("media.index"), _("Media"))],
        effects=_effects(removal),
        kept_title=_("In use"),
        kept_because=_kept_because(removal) if not removal.removed else "",
        options=[_erase_option()] if is_hidden else [],
        values={
            "images": ",".join(medium.public_id for medium in removal.removed),
            "action": "delete",
        },
    )
    return deletion_page(page)


def _erase_option() -> tuple[str, str, str]:
    return (
        "erase",
        _("Delete the file from sent emails, too"),
        _("Emails that show it then show its alt text, for example after a complaint."),
    )


def _effects(removal: Removal) -> list[str]:
    removed, hidden = removal.removed, removal.hidden
    effects = []
    if len(removal.chosen) > 1:
        effects.append(
            ngettext("%(count)s image is deleted.", "%(count)s images are deleted.", len(removed))
        )
    if removal.kept:
        effects.append(_kept_because(removal))
    if hidden and len(removal.chosen) == 1:
        effects.append(
            _(
                "Sent emails or earlier versions show it. Its file stays on the server, so these"
                " emails keep working."
            )
        )
    elif hidden:
        effects.append(
            ngettext(
                "Sent emails or earlier versions show %(count)s of them. Its file stays on the"
                " server, so these emails keep working.",
                "Sent emails or earlier versions show %(count)s of them. Their files stay on the"
                " server, so these emails keep working.",
                len(hidden),
            )
        )
    if len(hidden) < len(removed):
        effects.append(_("Addresses that you copied to other places stop working."))
    return effects


def _kept_because(removal: Removal) -> str:
    uses = dict.fromkeys(use for found in removal.kept.values() for use in found)
    names = quoted([use.title for use in uses][:NAMED])
    more = len(uses) - NAMED
    if len(removal.chosen) == 1:
        if more > 0:
            return _(
                "It is shown in %(names)s and %(count)s more. Replace it there first.",
                names=names,
                count=more,
            )
        return _("It is shown in %(names)s. Replace it there first.", names=names)
    count = len(removal.kept)
    return ngettext(
        "%(count)s image stays, because it is shown in %(names)s. Replace it there first.",
        "%(count)s images stay, because they are shown in %(names)s. Replace them there first.",
        count,
        names=names if more <= 0 else names + " …",
    )
