"""CSV imports: upload, column mapping, progress, per-row errors."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import IO, Any, cast
from urllib.parse import quote

import sqlalchemy as sa
from flask import (
    Blueprint,
    Response,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask_login import current_user
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import MultiDict
from werkzeug.formparser import FormDataParser
from werkzeug.wrappers import Response as AnyResponse

from campaigns.access import access
from campaigns.audience import lists
from campaigns.audience.fields import definitions
from campaigns.audience.fields.notation import (
    DATE_ORDERS,
    DECIMAL_SIGNS,
    Notation,
)
from campaigns.audience.imports import mapping as import_mapping
from campaigns.audience.imports import preview as import_preview
from campaigns.audience.imports import problems as import_problems
from campaigns.audience.imports import runs, status_values, uploads
from campaigns.audience.imports.dialect import Dialect
from campaigns.audience.imports.mapping import Column, MappingError
from campaigns.audience.imports.preview import Preview
from campaigns.audience.imports.status_values import StatusValue
from campaigns.audience.models import AudienceList, ImportRun
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.reason import Reason, ReasonError
from campaigns.web import audience_labels
from campaigns.web.saving import or_404
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

bp = Blueprint("imports", __name__)

PAGE = 50
PROBLEMS_PAGE = 100
FORM_BYTES = 64 * 1024

Page = str | tuple[str, int]


# --- the upload --------------------------------------------------------------------------------


class UploadParser(FormDataParser):
    """Parses an upload form, and writes its file straight to the folder of uploads."""

    def __init__(self, stream_factory: Any = None, **options: Any) -> None:
        self._uploads: list[uploads.Upload] = []
        super().__init__(self._open, **options)

    def _open(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        upload = uploads.Upload(
            services().settings.uploads_dir, expected_bytes=total_content_length or 0
        )
        self._uploads.append(upload)
        return cast("IO[bytes]", upload)

    def parse(self, *args: Any, **options: Any) -> Any:
        """Parse the form; closes its files if the browser disconnects."""
        try:
            return super().parse(*args, **options)
        except BaseException:  # the browser disconnected: leave nothing behind
            for upload in self._uploads:
                upload.close()
            raise


@bp.url_value_preprocessor
def _allow_upload(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Raise the size limit before anything reads the form, but only for logged-in users."""
    if endpoint == "imports.upload" and current_user.is_authenticated:
        request.max_content_length = uploads.MAX_FILE_BYTES + FORM_BYTES
        request.form_data_parser_class = UploadParser


@bp.get("/imports/new")
@access("user")
def new() -> Page:
    chosen = _list_by_public_id(request.args.get("list", ""))
    return render_template("web/imports/new.html", chosen=chosen)


@bp.post("/imports")
@access("user")
def upload() -> Page | AnyResponse:
    chosen = _list_by_public_id(request.form.get("list", ""))
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return _upload_refused(_("Choose a file first."), chosen)
    uploads.sweep(services().settings.uploads_dir, now=utcnow())
    try:
        with transaction():
            run = runs.create(
                cast("uploads.Upload", sent.stream),
                sent.filename,
                list_id=chosen.id if chosen else None,
                now=utcnow(),
            )
    except uploads.UploadError as error:
        return _upload_refused(sentence(error.reason), chosen)
    return redirect(url_for("imports.mapping", public_id=run.public_id))


def _upload_refused(error: str, chosen: AudienceList | None) -> Page:
    return render_template("web/imports/new.html", chosen=chosen, error=error), 422


class BegunBeforeError(Exception):
    """The import was started already, by a double click."""


# --- the mapping -------------------------------------------------------------------------------


@bp.get("/imports/<public_id>/mapping")
@access("user")
def mapping(public_id: str) -> Page | AnyResponse:
    run = or_404(ImportRun, public_id)
    if run.status != "mapping":
        return redirect(url_for("imports.show", public_id=public_id))
    return _mapping_page(run, request.args)


@bp.post("/imports/<public_id>/preview")
@access("user")
def preview(public_id: str) -> Page | AnyResponse:
    """Show the part of the mapping page that depends on the dialect."""
    run = or_404(ImportRun, public_id)
    if run.status != "mapping":
        return _htmx_redirect(url_for("imports.show", public_id=public_id))
    return _mapping_page(run, request.form, template="web/imports/_preview.html")


@bp.post("/imports/<public_id>/start")
@access("user")
def start(public_id: str) -> Page | AnyResponse:
    run = or_404(ImportRun, public_id)
    form = request.form
    try:
        with transaction():
            list_id = _chosen_list(form)
            if not runs.start(run.id, _choices(run, form, list_id), now=utcnow()):
                raise BegunBeforeError  # rolls back the new list
    except (ReasonError, IntegrityError, BegunBeforeError) as error:
        run = or_404(ImportRun, public_id)
        if run.status != "mapping":  # a double click
            return redirect(url_for("imports.show", public_id=public_id))
        taken = Reason("audience.list_name_taken")
        reason = error.reason if isinstance(error, ReasonError) else taken
        return _mapping_page(run, form, error=sentence(reason))
    services().doorbell.ring("import", run.id)
    return redirect(url_for("imports.show", public_id=public_id))


@bp.post("/imports/<public_id>/discard")
@access("user")
def discard(public_id: str) -> AnyResponse:
    run = or_404(ImportRun, public_id)
    path = runs.path_of(run, services().settings.uploads_dir)
    with transaction():
        gone = runs.discard(run.id)
    if gone:
        path.unlink(missing_ok=True)
        flash(_("Import discarded"), "success")
    return redirect(url_for("imports.index"))


def _chosen_list(form: MultiDict[str, str]) -> int:
    wanted = form.get("list", "")
    if wanted != "new":
        found = _list_by_public_id(wanted)
        if found is None:
            raise MappingError("import_mapping.no_list")
        return found.id
    return lists.create(form.get("list_name", ""), now=utcnow()).id


def _dialect(run: ImportRun, form: MultiDict[str, str]) -> Dialect:
    """Return the chosen dialect; missing values are as detected."""
    return runs.check_dialect(
        Dialect(form.get("encoding", run.encoding), form.get("delimiter", run.delimiter))
    )


def _choices(run: ImportRun, form: MultiDict[str, str], list_id: int) -> runs.Choices:
    dialect = _dialect(run, form)
    has_header = form.get("header") == "yes"
    previewed = _reading(dialect, has_header=has_header)
    if form.get("previewed", previewed) != previewed:
        raise MappingError("import_mapping.not_previewed")
    seen = _preview(run, dialect, has_header)
    if seen is None:
        raise MappingError("import_file.missing")
    columns = _columns(form, len(seen.columns))
    import_mapping.check(columns)
    notations = _notations(seen, columns, form)
    values = _status_values(run, dialect, seen, columns, form)
    return runs.Choices(
        list_id=list_id,
        dialect=dialect,
        has_header=has_header,
        columns=columns,
        titles=seen.titles,
        header_row=seen.header_row,
        statuses=status_values.checked_statuses(values, seen.titles),
        notations=notations,
        leaves_out=form.get("bad_values") == "leave_out",
        update_existing="update" in form,
        consent_source=form.get("consent_source", ""),
    )


def _reading(dialect: Dialect, *, has_header: bool) -> str:
    """Return how a preview reads the file, to notice a start that was not previewed."""
    return f"{dialect.encoding}/{dialect.delimiter}/{has_header}"


def _chosen(form: MultiDict[str, str], seen: Preview) -> dict[int, Column]:
    """Return the columns that someone chose by index: those that are not as they were guessed."""
    count = len(seen.columns)
    if f"column_{count - 1}" not in form or f"column_{count}" in form:
        return {}  # other columns than before
    return {
        index: one
        for index, one in enumerate(_columns(form, count))
        if form.get(f"guess_{index}") != f"{one.role}:{one.attribute}"
    }


def _columns(form: MultiDict[str, str], count: int) -> tuple[Column, ...]:
    columns = []
    for index in range(count):
        role, _, key = form.get(f"column_{index}", "ignore").partition(":")
        name = form.get(f"attribute_{index}", "").strip() if role == "attribute" else key
        columns.append(Column(role, name))
    return tuple(columns)


def _notations(
    seen: Preview, columns: Sequence[Column], form: MultiDict[str, str]
) -> dict[int, Notation]:
    """Return how each field column is written, as chosen or detected.

    Raises MappingError if someone must choose.
    """
    types = {one.key: one.type for one in definitions.all_fields()}
    found: dict[int, Notation] = {}
    for index, (column, shown) in enumerate(zip(columns, seen.columns, strict=True)):
        type_ = types.get(column.attribute, "") if column.role == "field" else ""
        chosen = form.get(f"notation_{index}", "")
        detected = shown.detected(type_)
        if type_ == "date" and chosen in DATE_ORDERS:
            found[index] = Notation(dates=chosen)
        elif type_ == "number" and chosen in DECIMAL_SIGNS:
            found[index] = Notation(numbers=chosen)
        elif detected.is_ambiguous:
            raise MappingError("import_mapping.unclear_notation", title=shown.title)
        else:
            found[index] = detected.notation
    return found


def _status_values(
    run: ImportRun,
    dialect: Dialect,
    seen: Preview,
    columns: Sequence[Column],
    form: MultiDict[str, str],
) -> dict[int, list[StatusValue]]:
    """Return the values of status columns, with their meanings in the form."""
    chosen = {}
    for index, column in enumerate(columns):
        if column.role == "status":
            keys = form.getlist(f"status_value_{index}")
            meanings = form.getlist(f"status_{index}")
            chosen[index] = dict(zip(keys, meanings, strict=False))
    try:
        with runs.path_of(run, services().settings.uploads_dir).open("rb") as file:
            return status_values.status_values(
                file, dialect, columns, seen.titles, header_row=seen.header_row, chosen=chosen
            )
    except (FileNotFoundError, IsADirectoryError):
        return {}


def _preview(run: ImportRun, dialect: Dialect, has_header: bool | None) -> Preview | None:
    """Return the preview; None if the file was deleted."""
    try:
        with runs.path_of(run, services().settings.uploads_dir).open("rb") as file:
            return import_preview.preview(file, dialect, has_header, definitions.all_definitions())
    except (FileNotFoundError, IsADirectoryError):
        return None


def _mapping_page(
    run: ImportRun,
    form: MultiDict[str, str],
    *,
    error: str = "",
    template: str = "web/imports/mapping.html",
) -> Page:
    try:
        dialect = _dialect(run, form)
    except MappingError:
        dialect = Dialect(run.encoding, run.delimiter)
    wanted = {"yes": True, "no": False}.get(form.get("header", ""))
    seen = _preview(run, dialect, wanted)
    if seen is None:
        error = sentence(Reason("import_file.missing"))
        seen = Preview(header_row=0, columns=(), rows=())
    kept = _chosen(form, seen)
    chosen = [kept.get(index, column.guess) for index, column in enumerate(seen.columns)]
    try:
        statuses = _status_values(run, dialect, seen, chosen, form)
    except MappingError as too_many:
        error, statuses = error or sentence(too_many.reason), {}
    page = render_template(
        template,
        run=run,
        dialect=dialect,
        seen=seen,
        previewed=_reading(dialect, has_header=seen.has_header),
        chosen=chosen,
        kept=kept,
        form=form,
        error=error,
        statuses=statuses,
        meanings=audience_labels.MEANINGS,
        lists=_lists(),
        encodings=audience_labels.encodings(),
        delimiters=audience_labels.DELIMITERS,
        roles=audience_labels.ROLES,
        fields=definitions.all_definitions(),
        notations={
            "date": audience_labels.DATE_ORDER_LABELS,
            "number": audience_labels.DECIMAL_SIGN_LABELS,
        },
        attribute_name=import_mapping.attribute_name,
    )
    return (page, 422) if error else page


# --- progress and result -----------------------------------------------------------------------


@bp.get("/imports")
@access("user")
def index() -> Page:
    before = request.args.get("before", type=int)
    statement = (
        sa.select(ImportRun, AudienceList)
        .outerjoin(AudienceList, AudienceList.id == ImportRun.list_id)
        .order_by(ImportRun.id.desc())
        .limit(PAGE + 1)
    )
    if before:
        statement = statement.where(ImportRun.id < before)
    rows = db.session.execute(statement).all()
    older = url_for("imports.index", before=rows[PAGE - 1][0].id) if len(rows) > PAGE else ""
    newest = url_for("imports.index") if before else ""
    return render_template("web/imports/index.html", rows=rows[:PAGE], older=older, newest=newest)


@bp.get("/imports/<public_id>")
@access("user")
def show(public_id: str) -> Page | AnyResponse:
    run = or_404(ImportRun, public_id)
    if run.status == "mapping":
        return redirect(url_for("imports.mapping", public_id=public_id))
    return render_template("web/imports/show.html", **_state(run))


@bp.get("/imports/<public_id>/progress")
@access("user")
def progress(public_id: str) -> Page:
    return render_template("web/imports/_state.html", **_state(or_404(ImportRun, public_id)))


@bp.post("/imports/<public_id>/retry")
@access("user")
def retry(public_id: str) -> AnyResponse:
    run = or_404(ImportRun, public_id)
    with transaction():
        again = runs.retry(run.id)
    if again:
        services().doorbell.ring("import", run.id)
    return redirect(url_for("imports.show", public_id=public_id))


@bp.get("/imports/<public_id>/failed.csv")
@access("user")
def failed_rows(public_id: str) -> Response:
    run = or_404(ImportRun, public_id)

    def chunks() -> Iterator[str]:
        for chunk in import_problems.failed_rows(run, sentence):
            yield chunk
            db.session.rollback()  # no transaction stays open while the browser downloads

    stem = run.file_name.rpartition(".")[0] or run.file_name
    answer = Response(stream_with_context(chunks()), mimetype="text/csv")
    answer.headers.set("Content-Disposition", "attachment", **_file_names(f"{stem}-failed.csv"))
    return answer


def _file_names(name: str) -> dict[str, str]:
    """Return the header parameters for a file name: in ASCII, and encoded (RFC 6266)."""
    name = "".join(char for char in name if char.isprintable())
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    if plain == name:
        return {"filename": name}
    return {"filename": plain, "filename*": f"UTF-8''{quote(name, safe='')}"}


def _state(run: ImportRun) -> dict[str, Any]:
    """Return the state of a running or finished import, for the page."""
    is_open = run.status in {"queued", "running"}
    now = utcnow()
    seconds = ((run.finished_at or now) - run.started_at).total_seconds() if run.started_at else 0.0
    left = None
    if is_open and run.position and seconds > 2:
        left = seconds / run.position * (run.size_bytes - run.position)
    problems, next_page = ([], "") if is_open else _problems(run)
    return {
        "run": run,
        "list": db.session.get(AudienceList, run.list_id) if run.list_id else None,
        "is_open": is_open,
        "rate": int(run.rows_read / seconds) if seconds >= 1 and run.rows_read else None,
        "seconds": seconds,
        "left_seconds": left,
        "problems": problems,
        "next_page": next_page,
        "first_page": url_for("imports.show", public_id=run.public_id)
        if "after" in request.args
        else "",
        "max_problems": import_problems.MAX_PROBLEMS,
    }


def _problems(run: ImportRun) -> tuple[list[Any], str]:
    row, _, key = request.args.get("after", "").partition("-")
    after = (int(row), int(key)) if _is_key(row) and _is_key(key) else (0, 0)
    wanted = import_problems.problems_of(run.id, after=after, limit=PROBLEMS_PAGE + 1)
    found = list(db.session.scalars(wanted))
    if len(found) <= PROBLEMS_PAGE:
        return found, ""
    last = found[PROBLEMS_PAGE - 1]
    return found[:PROBLEMS_PAGE], url_for(
        "imports.show", public_id=run.public_id, after=f"{last.row_number}-{last.id}"
    )


def _is_key(text: str) -> bool:
    return text.isdecimal() and len(text) <= 18


def _lists() -> list[AudienceList]:
    return list(lists.choices())


def _list_by_public_id(public_id: str) -> AudienceList | None:
    return lists.find_active(public_id) if public_id else None


def _htmx_redirect(target: str) -> Response:
    return Response(status=204, headers={"HX-Redirect": target})
