"""Snippets: list, create, change and delete them."""

from collections.abc import Mapping

from flask import Response, render_template, request, url_for

from campaigns.access import access
from campaigns.audience import subscribers
from campaigns.audience.paging import fetch, number_key
from campaigns.campaign import library_uses
from campaigns.campaign.expand_content import sample_content
from campaigns.clock import utcnow
from campaigns.content.library import snippets
from campaigns.content.library.models import Snippet
from campaigns.content.library.snippets import SnippetConflictError, SnippetError
from campaigns.content.mime.compile import Content, Problem, check_content, lint_content
from campaigns.content.sources.source import ContentSource
from campaigns.context import services
from campaigns.db import transaction
from campaigns.web.deletion import Deletion, confirm_and_delete
from campaigns.web.page_links import page_links
from campaigns.web.saved_content.blueprint import PAGE_SIZE, bp, uses_in_words
from campaigns.web.saving import Answer, done, or_404
from campaigns.web.templates.thumbnails import email_in_frame
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

MAX_PROBLEMS_SHOWN = 20


@bp.get("/snippets")
@access("user")
def snippet_index() -> str:
    text = request.args.get("q", "").strip()[: snippets.MAX_NAME]
    page = fetch(
        snippets.matching(text),
        Snippet.id.expression,
        name="id",
        descending=True,
        before=number_key(request.args.get("before")),
        after=number_key(request.args.get("after")),
        size=PAGE_SIZE,
    )
    previous, following = page_links("saved_content.snippet_index", page, q=text or None)
    return render_template(
        "web/saved_content/snippets.html",
        rows=page.rows,
        text=text,
        previous=previous,
        following=following,
    )


@bp.route("/snippets/new", methods=["GET", "POST"])
@access("user")
def new_snippet() -> Answer:
    if request.method != "POST":
        return _form(None, {"key": "", "name": "", "source": "", "format": "text"})
    typed = {name: request.form.get(name, "") for name in ("key", "name", "source", "format")}
    try:
        with transaction():
            created = snippets.create(typed["key"], typed["name"], _html(typed), now=utcnow())
    except SnippetError as error:
        return _form(None, typed, error=error), 422
    return done(_("Snippet created"), url_for("saved_content.snippet", public_id=created.public_id))


@bp.route("/snippets/<public_id>", methods=["GET", "POST"])
@access("user")
def snippet(public_id: str) -> Answer:
    found = or_404(Snippet, public_id)
    if request.method != "POST":
        return _form(found, {"name": found.name, **_shown(found.source)})
    typed = {name: request.form.get(name, "") for name in ("name", "source", "format")}
    version = number_key(request.form.get("version")) or 0
    try:
        with transaction():
            name, source = typed["name"], _html(typed)
            snippets.save(found.id, version, name=name, source=source, now=utcnow())
    except SnippetConflictError as error:
        return _form(or_404(Snippet, public_id), typed, error=error, version=version), 409
    except SnippetError as error:
        return _form(or_404(Snippet, public_id), typed, error=error, version=version), 422
    return done(_("Snippet saved"), url_for("saved_content.snippet", public_id=public_id))


def _html(typed: Mapping[str, str]) -> str:
    """Return the HTML of what was typed, which may be plain text."""
    source = typed["source"]
    return snippets.html_of(source) if typed["format"] == "text" else source


def _shown(source: str) -> Mapping[str, str]:
    """Return the source as plain text if it is no more than that."""
    text = snippets.text_of(source)
    if text is None:
        return {"source": source, "format": "html"}
    return {"source": text, "format": "text"}


def _form(
    found: Snippet | None,
    typed: Mapping[str, str],
    *,
    error: SnippetError | None = None,
    version: int | None = None,
) -> str:
    return render_template(
        "web/saved_content/snippet.html",
        snippet=found,
        # Plain text cannot hold what other HTML says.
        has_choice=found is None or snippets.text_of(found.source) is not None,
        typed=typed,
        version=version if version is not None else found.version if found else 0,
        problems=_problems(found)[:MAX_PROBLEMS_SHOWN] if found else [],
        uses=library_uses.uses_of_snippet(found.key) if found else [],
        error=sentence(error.reason) if error else "",
        error_field=error.field if error else "",
    )


def _problems(found: Snippet) -> list[Problem]:
    """Return what the checker finds in an email that is nothing but this snippet."""
    content = _content(found)
    listed = check_content(content, subscribers.known_attributes())
    listed += [one.problem for one in lint_content(content) if one.kind != "starter"]
    return sorted(listed, key=lambda problem: (not problem.blocks, problem.line))


def _content(found: Snippet) -> Content:
    source = ContentSource("html", found.source)
    return sample_content(source, None, base_url=services().settings.base_url)


@bp.get("/snippets/<public_id>/preview")
@access("user")
def snippet_preview(public_id: str) -> Response:
    """Return the compiled snippet, for a frame."""
    return email_in_frame(_content(or_404(Snippet, public_id)))


@bp.route("/snippets/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete_snippet(public_id: str) -> Answer:
    found = or_404(Snippet, public_id)
    return confirm_and_delete(
        lambda: _deletion(found),
        lambda: snippets.delete(found.id),
        message=_("Snippet deleted"),
        to=url_for("saved_content.snippet_index"),
    )


def _deletion(found: Snippet) -> Deletion:
    uses = library_uses.uses_of_snippet(found.key)
    return Deletion(
        title=_("Delete snippet “%(name)s”", name=found.name),
        button=_("Delete snippet"),
        back=url_for("saved_content.snippet", public_id=found.public_id),
        above=[(url_for("saved_content.snippet_index"), _("Snippets"))],
        effects=[
            *uses_in_words(uses),
            _("Scheduled and sent campaigns keep it."),
            _("This cannot be undone."),
        ],
    )
