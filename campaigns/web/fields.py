"""Custom fields: create, change, order and delete them; attributes become fields."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.audience.fields import changes, definitions, promotion, uses
from campaigns.audience.fields.definitions import WITH_OPTIONS, Definition, FieldError, FieldInput
from campaigns.audience.fields.models import Field
from campaigns.audience.fields.notation import DATE_ORDERS, DECIMAL_SIGNS, Notation
from campaigns.audience.fields.promotion import ConversionPreview, SampledPeople
from campaigns.audience.fields.types import TYPES
from campaigns.audience.fields.uses import FieldUses
from campaigns.campaign.usage import FieldUse, campaigns_using_fields
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import transaction
from campaigns.web import field_inputs
from campaigns.web.audience_labels import DATE_ORDER_LABELS, DECIMAL_SIGN_LABELS, FIELD_TYPE_LABELS
from campaigns.web.deletion import Deletion, deletion_page, in_use, quoted
from campaigns.web.saving import Answer, done, or_404
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

if TYPE_CHECKING:
    from campaigns.audience.fields.notation import DateOrder, DecimalSign

bp = Blueprint("custom_fields", __name__)


@dataclass(frozen=True, slots=True)
class UsesShown:
    """Everything that uses a field."""

    inside: FieldUses
    campaigns: Sequence[FieldUse]

    @property
    def planned(self) -> list[str]:
        """The titles of campaigns that are not drafts."""
        return [use.title for use in self.campaigns if use.is_planned]


def _uses(fields: Sequence[Field]) -> dict[str, UsesShown]:
    keys = [field.key for field in fields]
    campaigns, inside = campaigns_using_fields(keys), uses.uses_of_all()
    return {key: UsesShown(inside.get(key, FieldUses()), campaigns[key]) for key in keys}


# --- The list


@bp.get("/fields")
@access("user")
def index() -> str:
    fields = definitions.all_fields()
    return render_template(
        "web/fields/index.html",
        fields=fields,
        types=FIELD_TYPE_LABELS,
        uses=_uses(fields),
        others=field_inputs.known_attributes(),
        **_changes(),
    )


@bp.get("/fields/progress")
@access("user")
def progress() -> str:
    return render_template("web/fields/_changes.html", **_changes())


def _changes() -> dict[str, Any]:
    """Return the changes in progress, and the recent ones that left values aside."""
    found = changes.recent()
    is_open = any(one.status == "running" for one in found)
    told = [one for one in found if one.status == "running" or one.people_kept]
    return {"changes": told, "is_open": is_open}


@bp.post("/fields/<public_id>/move")
@access("user")
def move(public_id: str) -> Response:
    field = or_404(Field, public_id)
    with transaction():
        definitions.move(field.id, -1 if request.form.get("direction") == "up" else 1)
    return redirect(url_for("custom_fields.index", _anchor=f"field-{public_id}"))


# --- Create and change


@bp.route("/fields/new", methods=["GET", "POST"])
@access("user")
def new() -> Answer:
    if request.method != "POST":
        return _form_page(None, request.args)
    try:
        with transaction():
            key = definitions.key_from(request.form.get("label", ""))
            if key in field_inputs.known_attributes():
                raise FieldError("fields.attribute_exists", field="label", key=key)
            definitions.create(_typed(request.form), now=utcnow())
    except FieldError as error:
        return _form_page(None, request.form, error), 422
    return done(_("Field created"), url_for("custom_fields.index"))


@bp.route("/fields/<public_id>/edit", methods=["GET", "POST"])
@access("user")
def edit(public_id: str) -> Answer:
    field = or_404(Field, public_id)
    if request.method != "POST":
        return _form_page(field, _stored(field))
    change_id = 0
    try:
        with transaction():
            before = Definition.of(or_404(Field, public_id))
            typed = dataclasses.replace(_typed(request.form), type=before.type)
            field = definitions.change(field.id, typed, keeps_options=True, now=utcnow())
            if _has_lost_options(before, field):
                written = Notation()
                change = changes.start_conversion(field, written=written, now=utcnow())
                change_id = change.id
    except FieldError as error:
        return _form_page(or_404(Field, public_id), request.form, error), 422
    if change_id:
        services().doorbell.ring("fields", change_id)
    return done(_("Changes saved"), url_for("custom_fields.index"))


def _has_lost_options(before: Definition, field: Field) -> bool:
    keys = {option["key"] for option in field.options}
    return any(option["key"] not in keys for option in before.options)


def _typed(form: Mapping[str, str]) -> FieldInput:
    many = cast("MultiDict[str, str]", form)
    options = [
        *zip(many.getlist("option_key"), many.getlist("option_label"), strict=False),
        *(("", line) for line in form.get("options", "").splitlines()),
    ]
    return FieldInput(
        label=form.get("label", ""),
        type=form.get("type", "text"),
        options=options,
        fallback=form.get("fallback", ""),
        help=form.get("help", ""),
        least=form.get("least", ""),
        most=form.get("most", ""),
        is_required="is_required" in form,
    )


def _stored(field: Field) -> MultiDict[str, str]:
    """Return what the form contains."""
    form = MultiDict(
        {
            "label": field.label,
            "type": field.type,
            "fallback": field.fallback,
            "help": field.help,
            "least": str(field.rules.get("least", "")),
            "most": str(field.rules.get("most", "")),
        }
    )
    if field.rules.get("required"):
        form["is_required"] = "1"
    form.setlist("option_key", [str(option["key"]) for option in field.options])
    form.setlist("option_label", [str(option["label"]) for option in field.options])
    return form


def _form_page(
    field: Field | None, form: MultiDict[str, str], error: FieldError | None = None
) -> str:
    type_ = field.type if field else form.get("type", "text")
    return render_template(
        "web/fields/form.html",
        entry=field,
        form=form,
        options=list(zip(form.getlist("option_key"), form.getlist("option_label"), strict=False)),
        types=FIELD_TYPE_LABELS,
        kind=TYPES.get(type_, TYPES["text"]),
        has_options=type_ in WITH_OPTIONS,
        error=sentence(error.reason) if error else "",
        error_field=error.field if error else "",
        attribute=error.reason.params.get("key")
        if error and error.reason.code == "fields.attribute_exists"
        else "",
    )


# --- The merge tag


@bp.route("/fields/<public_id>/key", methods=["GET", "POST"])
@access("user")
def key(public_id: str) -> Answer:
    """Rename the merge tag, once no campaign shows it."""
    field = or_404(Field, public_id)
    used = _uses([field])[field.key]
    if request.method != "POST" or used.campaigns:
        return _key_page(field, used, field.key), 422 if request.method == "POST" else 200
    change_id = 0
    try:
        with transaction():
            wanted = request.form.get("key", "")
            if wanted in field_inputs.known_attributes():
                raise FieldError("fields.key_taken", field="key", key=wanted)
            before = definitions.rename_key(field.id, wanted, now=utcnow())
            field = or_404(Field, public_id)
            if field.key != before:
                uses.rename_in_segments(before, field.key, now=utcnow())
                change_id = changes.start_rename(field, before, now=utcnow()).id
    except FieldError as error:
        wrong = sentence(error.reason)
        return _key_page(or_404(Field, public_id), used, request.form.get("key", ""), wrong), 422
    if change_id:
        services().doorbell.ring("fields", change_id)
    return done(_("Merge tag renamed"), url_for("custom_fields.index"))


def _key_page(field: Field, used: UsesShown, typed: str, error: str = "") -> str:
    return render_template("web/fields/key.html", entry=field, used=used, typed=typed, error=error)


# --- Delete


@bp.route("/fields/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete(public_id: str) -> Answer:
    field = or_404(Field, public_id)
    if request.method != "POST":
        return deletion_page(_deletion(field))
    try:
        with transaction():
            page = _deletion(or_404(Field, public_id))
            if page.kept_because:
                return deletion_page(page), 422
            definition = Definition.of(field)
            definitions.delete(field.id)
            is_kept = "delete_values" not in request.form
            change = changes.start_removal(definition, is_kept=is_kept, now=utcnow())
            change_id = change.id
    except FieldError as error:
        page = _deletion(or_404(Field, public_id))
        return deletion_page(
            dataclasses.replace(
                page, kept_title=_("Try again later"), kept_because=sentence(error.reason)
            )
        ), 422
    services().doorbell.ring("fields", change_id)
    return done(_("Field deleted"), url_for("custom_fields.index"))


def _deletion(field: Field) -> Deletion:
    used = _uses([field])[field.key]
    drafts = [use.title for use in used.campaigns if not use.is_planned]
    effects = [_("Subscriber forms no longer show it, and imports no longer fill it.")]
    if drafts:
        effects.append(
            _("These drafts show it, and need another merge tag: %(names)s.", names=quoted(drafts))
        )
    if used.inside.lists:
        names = quoted([entry.name for entry in used.inside.lists])
        effects.append(
            _("The sign-up forms of these lists no longer ask for it: %(names)s.", names=names)
        )
    effects.append(
        _("Its values stay with each subscriber as attributes, unless you delete them too.")
    )
    return Deletion(
        title=_("Delete “%(name)s”", name=field.label),
        button=_("Delete field"),
        back=url_for("custom_fields.index"),
        above=[(url_for("custom_fields.index"), _("Fields"))],
        effects=effects,
        kept_title=_("This field is in use"),
        kept_because=_needed_by(used),
        options=[
            (
                "delete_values",
                _("Delete the values too"),
                _("They are removed from every subscriber. This cannot be undone."),
            )
        ],
    )


def _needed_by(used: UsesShown) -> str:
    """Return why the field cannot be deleted; empty if it can."""
    if used.inside.segments:
        names = quoted([segment.name for segment in used.inside.segments])
        return _("These segments use it: %(names)s. Change their rules first.", names=names)
    return in_use(used.planned)


# --- Attributes become fields, and fields change their type


@bp.get("/fields/attributes")
@access("user")
def attributes() -> str:
    people = promotion.sample()
    return render_template(
        "web/fields/attributes.html",
        attributes=promotion.attributes(people),
        people=people,
        types=FIELD_TYPE_LABELS,
    )


@bp.route("/fields/attributes/promote", methods=["GET", "POST"])
@access("user")
def promote() -> Answer:
    """Preview an attribute as a field of a type; convert it on POST."""
    attribute = request.values.get("attribute", "")
    people = promotion.sample()
    texts = people.texts(attribute)
    if not texts or attribute in {one.key for one in definitions.all_fields()}:
        abort(404)
    if request.method != "POST":
        return _conversion_page(None, attribute, texts, people, request.args)
    try:
        with transaction():
            _check_notation(texts, request.form)
            field = definitions.create(_typed(request.form), key=attribute, now=utcnow())
            change_id = changes.start_conversion(
                field, written=_notation(request.form), attribute=attribute, now=utcnow()
            ).id
    except FieldError as error:
        return _conversion_page(None, attribute, texts, people, request.form, error), 422
    services().doorbell.ring("fields", change_id)
    return done(_("Field created"), url_for("custom_fields.index"))


@bp.route("/fields/<public_id>/type", methods=["GET", "POST"])
@access("user")
def change_type(public_id: str) -> Answer:
    """Preview a field as another type; convert its values on POST."""
    field = or_404(Field, public_id)
    people = promotion.sample()
    before = Definition.of(field)
    texts = people.texts(field.key, before)
    if request.method != "POST":
        form = request.args if "type" in request.args else _stored(field)
        return _conversion_page(field, field.key, texts, people, form)
    try:
        with transaction():
            _check_notation(texts, request.form)
            stored = FieldInput(field.label, fallback=field.fallback, help=field.help)
            typed = dataclasses.replace(
                _typed(request.form), label=stored.label, fallback=stored.fallback, help=stored.help
            )
            field = definitions.change(field.id, typed, now=utcnow())
            change_id = changes.start_conversion(
                field, written=_notation(request.form), before=before, now=utcnow()
            ).id
    except FieldError as error:
        entry = or_404(Field, public_id)
        return _conversion_page(entry, entry.key, texts, people, request.form, error), 422
    services().doorbell.ring("fields", change_id)
    return done(_("Type changed"), url_for("custom_fields.index"))


def _notation(form: Mapping[str, str]) -> Notation:
    dates = next((one for one in DATE_ORDERS if one == form.get("dates")), "")
    numbers = next((one for one in DECIMAL_SIGNS if one == form.get("numbers")), "")
    return Notation(cast("DateOrder", dates), cast("DecimalSign", numbers))


def _check_notation(texts: Sequence[str], form: Mapping[str, str]) -> None:
    """Refuse to convert values with two readings before someone has chosen one."""
    found = promotion.preview(texts, _draft(form), _notation(form))
    if found.detected.is_ambiguous and _notation(form) == Notation():
        raise FieldError("fields.choose_notation", field="dates")


def _draft(form: Mapping[str, str]) -> Definition:
    """Return the field that the form describes, as far as it can be read."""
    typed = _typed(form)
    labels = [label for _, label in typed.options if label.strip()]
    options = tuple({"key": label, "label": label} for label in labels)
    return Definition("", typed.label, typed.type if typed.type in TYPES else "text", options)


def _conversion_page(
    field: Field | None,
    attribute: str,
    texts: Sequence[str],
    people: SampledPeople,
    form: MultiDict[str, str],
    error: FieldError | None = None,
) -> str:
    form = form.copy()
    if "type" not in form:
        form["type"] = promotion.suggest(texts)
    form.setdefault("label", attribute.replace("_", " ").capitalize())
    type_ = form["type"]
    if type_ in WITH_OPTIONS and not form.get("options") and not form.getlist("option_label"):
        found = promotion.options_in(texts, several=type_ == "choices")
        form["options"] = "\n".join(found[: definitions.MAX_OPTIONS])
    preview = promotion.preview(texts, _draft(form), _notation(form))
    return render_template(
        "web/fields/convert.html",
        entry=field,
        attribute=attribute,
        form=form,
        types=FIELD_TYPE_LABELS,
        segments=uses.uses_of(field.key).segments if field else (),
        date_orders=DATE_ORDER_LABELS,
        decimal_signs=DECIMAL_SIGN_LABELS,
        has_options=type_ in WITH_OPTIONS,
        people=people,
        preview=preview,
        examples=_examples(preview, _draft(form)),
        max_problems=promotion.PROBLEMS,
        error=sentence(error.reason) if error else "",
        error_field=error.field if error else "",
    )


def _examples(preview: ConversionPreview, draft: Definition) -> list[tuple[str, str]]:
    return [(text, field_inputs.shown_text(draft, value)) for text, value in preview.examples]
