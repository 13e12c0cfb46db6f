"""The gallery: own templates, and starter designs."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from flask import render_template, request

from campaigns import formatting
from campaigns.access import access
from campaigns.audience.paging import Page, fetch, number_key
from campaigns.content.library import starters, templates
from campaigns.content.library.models import Template
from campaigns.content.library.starters import StarterDesign
from campaigns.web.page_links import page_links
from campaigns.web.template_helpers import locale
from campaigns.web.templates.blueprint import bp, starter_or_404, template_or_404
from campaigns.web.words import sentence

PAGE_SIZE = 24


@bp.get("/templates")
@access("user")
def index() -> str:
    text = request.args.get("q", "").strip()[: templates.MAX_NAME]
    folder = request.args.get("folder")
    is_archived = bool(request.args.get("archived"))
    page = _page(text, folder, is_archived=is_archived)
    kept = {"q": text or None, "folder": folder, "archived": "1" if is_archived else None}
    previous, following = page_links("templates.index", page, **kept)
    is_first = not previous and folder is None and not is_archived
    return render_template(
        "web/templates/index.html",
        rows=page.rows,
        groups=list(_starter_groups(text)) if is_first else [],
        text=text,
        folder=folder,
        folders=templates.folders(),
        is_archived=is_archived,
        has_archived=templates.has_any(is_archived=True),
        has_any=bool(page.rows) or templates.has_any(),
        previous=previous,
        following=following,
    )


@bp.get("/templates/<public_id>")
@access("user")
def show(public_id: str) -> str:
    """Show a template at full size, with everything that can be done with it."""
    template = template_or_404(public_id)
    languages = [formatting.language(code, locale()) for code in template.variants]
    return render_template("web/templates/show.html", template=template, languages=languages)


@bp.get("/templates/starters/<name>")
@access("user")
def show_starter(name: str) -> str:
    return render_template("web/templates/starter.html", starter=starter_or_404(name))


def _page(text: str, folder: str | None, *, is_archived: bool) -> Page[Template]:
    """Return one page of templates, newest first."""
    return fetch(
        templates.matching(text, folder=folder, is_archived=is_archived),
        Template.id.expression,
        name="id",
        descending=True,
        before=number_key(request.args.get("before")),
        after=number_key(request.args.get("after")),
        size=PAGE_SIZE,
    )


def _starter_groups(text: str) -> Iterator[tuple[str, Sequence[StarterDesign]]]:
    """Yield the starter designs by group, those whose title contains the text."""
    found = [one for one in starters.all() if text.lower() in sentence(one.title).lower()]
    for group, ones in groupby(found, lambda one: one.group):
        yield sentence(group), list(ones)
