"""The compiled email of a template or a starter design, for scaled frames."""

import hashlib

from flask import Response, render_template, request

from campaigns.access import access
from campaigns.campaign.expand_content import content_of_template, sample_content
from campaigns.content.mime.compile import Content, TemplateProblemError
from campaigns.content.sources.source import ContentSource
from campaigns.context import services
from campaigns.web.content.preview import PREVIEW_CSP, render
from campaigns.web.static_files import tree
from campaigns.web.templates.blueprint import bp, starter_or_404, template_or_404


@bp.get("/templates/<public_id>/thumbnail")
@access("user")
def thumbnail(public_id: str) -> Response:
    template = template_or_404(public_id)
    return email_in_frame(content_of_template(template, base_url=services().settings.base_url))


@bp.get("/templates/starters/<name>/thumbnail")
@access("user")
def starter_thumbnail(name: str) -> Response:
    source = ContentSource("blocks", starter_or_404(name).document)
    return email_in_frame(sample_content(source, None, base_url=services().settings.base_url))


def email_in_frame(content: Content, *, style: str = "") -> Response:
    """Return the compiled email with these rules added, or its problems.

    Browsers keep it, and ask whether it changed: the tag is a hash of everything that it is made
    from, so nothing is compiled for the answer.
    """
    made_from = f"{tree().hash}{style}{content!r}".encode("utf-8", "surrogatepass")
    tag = hashlib.sha256(made_from).hexdigest()[:32]
    is_known = request.if_none_match.contains(tag)
    answer = (
        Response(status=304) if is_known else Response(_page(content, style), mimetype="text/html")
    )
    answer.set_etag(tag)
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.headers["Content-Security-Policy"] = PREVIEW_CSP
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _page(content: Content, style: str) -> str:
    if not content.source.text.strip():
        return render_template("web/content/preview_problem.html", problems=())
    try:
        rendered = render(content, None)
    except TemplateProblemError as error:
        return render_template("web/content/preview_problem.html", problems=error.problems)
    if not rendered.html:
        return render_template("web/content/preview_text.html", text=rendered.text)
    return rendered.html.replace("</head>", f"<style>{style}</style></head>", 1)
