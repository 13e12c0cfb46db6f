"""Segments: list, build, count, explain, duplicate and delete them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_login import current_user

from campaigns.access import access
from campaigns.addresses import InvalidAddressError, parse, shown_address
from campaigns.audience import subscribers
from campaigns.audience.mailbox_providers import OTHER
from campaigns.audience.models import Subscriber
from campaigns.audience.segments import explain, members, saved, tree
from campaigns.audience.segments.leaves import Context, Use
from campaigns.audience.segments.members import Count
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import Group, RulesError
from campaigns.campaign.usage import campaigns_by_segment
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.reason import ReasonError
from campaigns.web.deletion import Deletion, confirm_and_delete, in_use, quoted
from campaigns.web.page_links import page_links
from campaigns.web.saving import Answer, done, or_404
from campaigns.web.segments import describe, names, subjects
from campaigns.web.segments import draft as drafts
from campaigns.web.segments.draft import RulesDraft
from campaigns.web.segments.names import RuleNames
from campaigns.web.template_helpers import number
from campaigns.web.words import gettext as _
from campaigns.web.words import mailbox_name, ngettext, sentence

bp = Blueprint("segment_pages", __name__)

MAX_RULES = 20_000
"""Size of rules in a link to the builder, in characters."""


SIZE_SECONDS = 0.5
"""Time for a count in the list of segments."""


# --- The list


@bp.get("/segments")
@access("user")
def index() -> str:
    text = request.args.get("q", "").strip()[: saved.MAX_NAME]
    before, after = request.args.get("before"), request.args.get("after")
    page = saved.page(text, before=before, after=after)
    known = names.load()
    previous, following = page_links("segment_pages.index", page, **({"q": text} if text else {}))
    return render_template(
        "web/segments/index.html",
        segments=page.rows,
        used_by=_used_by(page.rows),
        sentences={one.id: _short(one, known) for one in page.rows},
        text=text,
        is_narrowed=bool(text or before or after),
        ideas=_ideas(known),
        previous=previous,
        following=following,
    )


def _used_by(segments: Sequence[Segment]) -> dict[int, str]:
    """Return the names of what uses each segment."""
    ids = [one.id for one in segments]
    campaigns, others = campaigns_by_segment(ids), _segments_with(ids)
    return {
        one: quoted(list(dict.fromkeys([*others.get(one, []), *campaigns.get(one, [])])))
        for one in ids
    }


def _segments_with(segment_ids: Sequence[int]) -> dict[int, list[str]]:
    """Return the names of the segments whose rules name each of these."""
    found: dict[int, list[str]] = {}
    for other in saved.choices():
        try:
            uses = tree.uses(tree.parse(other.rules))
        except RulesError:  # it cannot be used, and is shown so in the list
            continue
        for used in segment_ids:
            if Use("segment", used) in uses:
                found.setdefault(used, []).append(other.name)
    return found


def _short(segment: Segment, known: RuleNames) -> str:
    """Return what a segment says, or why its rules cannot be used."""
    try:
        return describe.people(tree.parse(segment.rules), known)
    except RulesError as error:
        return sentence(error.reason)


def _ideas(known: RuleNames) -> list[tuple[str, str]]:
    """Return segments to start from: (name, URL of the builder)."""
    lists = list(known.lists)
    ideas: list[tuple[str, list[Mapping[str, Any]]]] = [
        (_("Opened in the last 30 days"), [{"kind": "opened", "n": 1, "days": 30}]),
        (
            _("Subscribed but never clicked"),
            [
                {
                    "kind": "any",
                    "rules": [{"kind": "list", "list": int(one)} for one in lists[:10]],
                },
                {"kind": "sent", "n": 1},
                {"kind": "clicked", "count": "exactly", "n": 0},
            ],
        ),
        (_("Added this month"), [{"kind": "added", "op": "in_last_days", "values": [30]}]),
    ]
    return [(name, _builder_url(name, rules)) for name, rules in ideas]


def _builder_url(name: str, rules: list[Mapping[str, Any]]) -> str:
    stored = {"version": tree.VERSION, "root": {"kind": "all", "rules": rules}}
    return url_for("segment_pages.new", name=name, rules=json.dumps(stored, separators=(",", ":")))


@bp.get("/segments/<public_id>/size")
@access("user")
def size(public_id: str) -> str:
    """Count a segment, for the list, after the page."""
    segment = or_404(Segment, public_id)
    try:
        root, context = tree.parse(segment.rules), members.context_at(utcnow())
        known = names.load(tree.uses(root))
        for leaf in tree.leaves(root):
            drafts.check_leaf(leaf, known, context, segment.id)
        count = members.count(root, context, budget_seconds=SIZE_SECONDS)
    except ReasonError as error:
        return render_template("web/segments/_size.html", why=sentence(error.reason))
    return render_template("web/segments/_size.html", count=count)


# --- The builder


@dataclass(frozen=True, slots=True)
class Builder:
    """What the builder works with: the rules in the form, and the names of what they refer to."""

    draft: RulesDraft
    names: RuleNames
    context: Context
    root: Group | None
    """The rules, if they can be used."""

    @property
    def sentence(self) -> str:
        """The rules in words."""
        return describe.people(self.root, self.names) if self.root else ""


def _builder(
    draft: RulesDraft, known: RuleNames, *, segment_id: int = 0, with_blanks: bool = False
) -> Builder:
    context = members.context_at(utcnow())
    root = drafts.check(draft, known, context, segment_id=segment_id, with_blanks=with_blanks)
    return Builder(draft, known, context, root)


def _typed() -> tuple[RulesDraft, RuleNames]:
    """Return the rules of the posted form."""
    uses = [Use("campaign", int(one)) for one in _posted_ids(".campaigns.options")]
    uses += [Use("import", int(one)) for one in _posted_ids(".import.select")]
    known = names.load(uses)
    return drafts.from_form(request.form, subjects.all_subjects(known)), known


def _posted_ids(ending: str) -> list[str]:
    return [
        text
        for name, texts in request.form.lists()
        if name.endswith(ending)
        for text in texts
        if text.isascii() and text.isdigit() and len(text) < 19
    ][:1000]


def _stored(rules: Mapping[str, Any]) -> tuple[RulesDraft, RuleNames]:
    """Return stored rules as a form."""
    try:
        uses = tree.uses(tree.parse(rules))
    except RulesError:
        uses = set()
    known = names.load(uses)
    return drafts.from_stored(rules, subjects.all_subjects(known)), known


def _page(
    builder: Builder,
    form: Mapping[str, Any],
    segment: Segment | None,
    *,
    problems: Mapping[str, str] = {},
    conflict: bool = False,
) -> str:
    return render_template(
        "web/segments/form.html",
        segment=segment,
        form=form,
        problems=problems,
        conflict=conflict,
        focus="",
        groups=_groups(builder.draft),
        ops=subjects.OPS,
        count_ops=subjects.COUNT_OPS,
        note=subjects.note,
        builder=builder,
        draft=builder.draft,
    )


def _groups(draft: RulesDraft) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the options of the select "What", grouped."""
    found: dict[str, list[tuple[str, str]]] = {}
    for one in draft.subjects.values():
        found.setdefault(one.group, []).append((one.value, one.label))
    return list(found.items())


@bp.route("/segments/new", methods=["GET", "POST"])
@access("user")
def new() -> Answer:
    if request.method == "POST":
        return _save(None)
    rules = _rules_in_link()
    draft, known = _stored(rules or ONE_BLANK_RULE)
    problems = {}
    if rules is None and request.args.get("rules"):
        problems[""] = _("The rules in this link cannot be read. Build them below.")
    form = {"name": request.args.get("name", "")[: saved.MAX_NAME]}
    return _page(_builder(draft, known), form, None, problems=problems)


ONE_BLANK_RULE: Mapping[str, Any] = {
    "version": tree.VERSION,
    "root": {"kind": "all", "rules": [{}]},
}


def _rules_in_link() -> Mapping[str, Any] | None:
    """Return the rules in the URL; None without any, or if they cannot be read."""
    text = request.args.get("rules", "")
    return (drafts.read_json(text) or None) if len(text) <= MAX_RULES else None


@bp.route("/segments/<public_id>/edit", methods=["GET", "POST"])
@access("user")
def edit(public_id: str) -> Answer:
    segment = or_404(Segment, public_id)
    if request.method == "POST":
        return _save(segment)
    draft, known = _stored(segment.rules)
    builder = _builder(draft, known, segment_id=segment.id)
    form = {
        "name": segment.name,
        "description": segment.description,
        "version": segment.version,
    }
    return _page(builder, form, segment)


def _save(segment: Segment | None) -> Answer:
    draft, known = _typed()
    segment_id = segment.id if segment else 0
    builder = _builder(draft, known, segment_id=segment_id, with_blanks=True)
    if builder.root is None:
        return _page(builder, request.form, segment), 422
    typed = {
        "root": builder.root,
        "description": request.form.get("description", ""),
        "editor_id": current_user.user.id,
        "now": utcnow(),
    }
    name = request.form.get("name", "")
    try:
        with transaction():
            if segment is None:
                saved.create(name, **typed)
            else:
                saved.change(segment.id, _version(), name=name, **typed)
    except saved.SegmentConflictError:
        return _page(builder, request.form, segment, conflict=True), 409
    except saved.SegmentError as error:
        problems = {error.field: sentence(error.reason)}
        return _page(builder, request.form, segment, problems=problems), 422
    message = _("Changes saved") if segment else _("Segment created")
    return done(message, url_for("segment_pages.index"))


def _version() -> int:
    text = request.form.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


@bp.post("/segments/preview")
@access("user")
def preview() -> Answer:
    """Answer the form with its rules after a change, with its count, or with why someone is in."""
    draft, known = _typed()
    part = request.form.get("part", "count")
    done_, focus = drafts.act(draft, request.form.get("do", "")) if part == "rules" else ("", "")
    edited = saved.find(request.form.get("segment", ""))
    builder = _builder(draft, known, segment_id=edited.id if edited else 0)
    if part == "why":
        return render_template("web/segments/_why.html", **_why(builder.root, builder))
    values: dict[str, Any] = {
        "builder": builder,
        "draft": draft,
        "groups": _groups(draft),
        "ops": subjects.OPS,
        "count_ops": subjects.COUNT_OPS,
        "note": subjects.note,
        "said": _announcement(done_),
        "focus": focus,
    }
    if part == "rules":
        return render_template("web/segments/_changed.html", **values)
    return render_template("web/segments/_counted.html", **values, **_figures(builder))


def _announcement(done_: str) -> str:
    return {
        "add_rule": _("Rule added."),
        "add_group": _("Group added."),
        "remove": _("Removed."),
        "up": _("Moved up."),
        "down": _("Moved down."),
    }.get(done_, "")


COUNT_SECONDS = {"": 1.5, "1": 3.0, "2": 6.0}
"""Time for a count by its round: an estimate is refined twice."""


def _figures(builder: Builder) -> dict[str, Any]:
    """Return the count, the mailbox providers and a few people of usable rules."""
    root, context = builder.root, builder.context
    if root is None:
        return {"counted": "", "has_problem": builder.draft.has_problem()}
    turn = request.form.get("round", "")
    turn = turn if turn in COUNT_SECONDS else ""
    count = members.count(root, context, budget_seconds=COUNT_SECONDS[turn])
    next_turn = str(int(turn or "0") + 1)
    return {
        "counted": _counted(count),
        "next_round": next_turn if count.margin and next_turn in COUNT_SECONDS else "",
        "providers": _largest(members.by_mailbox_provider(root, context)),
        "people": members.sample(root, context),
    }


MOST_PROVIDERS = 6
"""Number of mailbox providers that the summary shows by name."""


def _largest(numbers: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the names of the largest mailbox providers with their numbers, and the rest."""
    found = [(mailbox_name(group), people) for group, people in numbers.items() if group != OTHER]
    rest = sum(people for _name, people in found[MOST_PROVIDERS:]) + numbers.get(OTHER, 0)
    return found[:MOST_PROVIDERS] + ([(mailbox_name(OTHER), rest)] if rest else [])


def _counted(count: Count) -> str:
    """Return a count in words, with its margin if it is an estimate."""
    if count.margin is None:
        return ngettext("%(count)s subscriber", "%(count)s subscribers", count.people)
    return _(
        "About %(count)s subscribers (± %(margin)s)",
        count=number(count.people),
        margin=number(count.margin),
    )


# --- Why someone is in or not


@bp.get("/segments/<public_id>/why")
@access("user")
def why(public_id: str) -> str:
    segment = or_404(Segment, public_id)
    draft, known = _stored(segment.rules)
    builder = _builder(draft, known)
    return render_template("web/segments/why.html", segment=segment, **_why(builder.root, builder))


def _why(root: Group | None, builder: Builder) -> dict[str, Any]:
    """Return what explains one person: who, and the outcome of each rule."""
    person, problem = _person()
    if root is None and person is not None:
        problem = _("Complete the rules first.")
    outcome = None
    if person is not None and root is not None:
        outcome = explain.explain(root, person.id, builder.context)
    return {
        "person": person,
        "who": request.values.get("who", "") or (shown_address(person.address) if person else ""),
        "problem": problem,
        "outcome": outcome,
        "names": builder.names,
        "describe": describe,
    }


def _person() -> tuple[Subscriber | None, str]:
    """Return the person asked about, and what is wrong with the question."""
    if public_id := request.args.get("subscriber", ""):
        return or_404(Subscriber, public_id), ""
    typed = request.values.get("who", "").strip()[:254]
    if not typed:
        return None, _("Enter an email address.") if "who" in request.values else ""
    try:
        found = subscribers.find_by_address(parse(typed).normal)
    except InvalidAddressError as error:
        return None, sentence(error.reason)
    return found, "" if found else _("There is no subscriber with this address.")


# --- Duplicate and delete


@bp.post("/segments/<public_id>/duplicate")
@access("user")
def duplicate(public_id: str) -> Answer:
    with transaction():
        copy = saved.duplicate(
            or_404(Segment, public_id).id,
            lambda name, number: _("%(name)s (copy %(number)s)", name=name, number=number),
            editor_id=current_user.user.id,
            now=utcnow(),
        )
        to = url_for("segment_pages.edit", public_id=copy.public_id)
    return done(_("Segment duplicated"), to)


@bp.route("/segments/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete(public_id: str) -> Answer:
    segment = or_404(Segment, public_id)
    return confirm_and_delete(
        lambda: _deletion(segment),
        lambda: saved.delete(segment.id),
        message=_("Segment deleted"),
        to=url_for("segment_pages.index"),
    )


def _deletion(segment: Segment) -> Deletion:
    return Deletion(
        title=_("Delete “%(name)s”", name=segment.name),
        button=_("Delete segment"),
        back=url_for("segment_pages.index"),
        above=[(url_for("segment_pages.index"), _("Segments"))],
        effects=[_("Its rules are deleted. Subscribers stay as they are.")],
        kept_title=_("This segment is in use"),
        kept_because=_kept_because(segment),
    )


def _kept_because(segment: Segment) -> str:
    """Return why a segment cannot be deleted; empty if nothing uses it."""
    others = _segments_with([segment.id]).get(segment.id, [])
    if others:
        return _("Other segments use it: %(names)s. Change them first.", names=quoted(others))
    return in_use(campaigns_by_segment([segment.id]).get(segment.id, []))
