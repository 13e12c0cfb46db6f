"""Reply rules: what a server's words do to the speed of sending."""

from flask import abort, flash, redirect, render_template, request, url_for

from campaigns.access import access
from campaigns.accounts.workspace import lock_workspace
from campaigns.audience.mailbox_providers import NAMES
from campaigns.clock import utcnow
from campaigns.providers.presets import PRESETS
from campaigns.throttling import editing, rules
from campaigns.throttling.builtin import RULES
from campaigns.throttling.editing import RuleInput
from campaigns.throttling.rule import Rule, describe
from campaigns.web.saving import Answer, check_seen, done, refused, saving, seen_again
from campaigns.web.settings.blueprint import bp
from campaigns.web.words import gettext as _
from campaigns.web.words import mailbox_name, sentence
from campaigns.wording.messages import N_

ACTS = {
    "slow": N_("Limit the emails per minute for a set time"),
    "halve": N_("Halve the speed, then speed up gradually"),
    "at_once": N_("Limit the emails sent at the same time, then increase gradually"),
    "suspend": N_(
        "Pause for a set time, then limit the emails sent at the same time (0: no limit)"
    ),
    "pause_campaign": N_("Pause the campaign until someone resumes it"),
    "pause_provider": N_("Pause all campaigns of the account until someone resumes them"),
}


@bp.get("/settings/rules")
@access("user")
def reply_rules() -> str:
    shown = rules.all_rules()
    ours = {rule.key: rule for rule in RULES}
    return render_template(
        "web/settings/rules.html",
        tab="rules",
        rules=[
            (rule, sentence(describe(rule)), _where(rule), _origin(rule, ours)) for rule in shown
        ],
    )


@bp.route("/settings/rules/new", methods=["GET", "POST"])
@access("user")
def new_rule() -> Answer:
    return _save("") if request.method == "POST" else _form("", RuleInput())


@bp.route("/settings/rules/<key>", methods=["GET", "POST"])
@access("user")
def edit_rule(key: str) -> Answer:
    rule = _found(key)
    if request.method == "POST":
        return _save(key)
    typed = _stored(rule)
    problems = {"pattern": sentence(rule.refused)} if rule.refused else {}
    return _form(key, typed, problems, is_refused=bool(rule.refused))


@bp.post("/settings/rules/<key>/turn")
@access("user")
def turn_rule(key: str) -> Answer:
    """Turn a rule on or off, or restore its default; a rule of your own is deleted by that."""
    is_own = _found(key).key not in {rule.key for rule in RULES}
    do = request.form.get("do", "")
    back = url_for("settings.reply_rules", _anchor=f"rule-{key}")
    with saving() as problems:
        if do == "delete":
            editing.delete_rule(key)
        else:
            editing.turn_rule(key, is_on=do == "on", now=utcnow())
    if problems:
        why = _("The rule stays off.")
        flash(f"{why} {problems['pattern']}", "danger")
        return redirect(back)
    deleted = _("Rule deleted") if is_own else _("Default restored")
    return done({"on": _("Rule turned on"), "delete": deleted}.get(do, _("Rule turned off")), back)


def _save(key: str) -> Answer:
    typed = RuleInput.read(request.form)
    with saving() as problems:
        if key:
            lock_workspace()
            check_seen(_stored(_found(key)).model_dump())
        editing.save_rule(key, _without_our_note(key, typed), now=utcnow())
    if problems:
        return refused(_form(key, typed, problems), problems)
    return done(_("Rule saved"), url_for("settings.reply_rules"))


def _stored(rule: Rule) -> RuleInput:
    """Return what the form contains."""
    return RuleInput.of(rule).model_copy(update={"note": sentence(rule.note)})


def _without_our_note(key: str, typed: RuleInput) -> RuleInput:
    """Return the input without the note of a built-in rule, which depends on the language."""
    notes = {rule.key: sentence(rule.note) for rule in RULES}
    is_ours = typed.note.strip() == notes.get(key)
    return typed.model_copy(update={"note": ""}) if is_ours else typed


def _form(
    key: str,
    typed: RuleInput,
    problems: dict[str, str] | None = None,
    *,
    is_refused: bool = False,
) -> str:
    return render_template(
        "web/settings/rule.html",
        tab="rules",
        key=key,
        form=typed,
        problems=problems or {},
        seen=seen_again(_stored(_found(key)).model_dump(), problems) if key else "",
        is_refused=is_refused,
        acts={key: _(text) for key, text in ACTS.items()},
        presets=[
            ("", _("All providers")),
            *((p.key, sentence(p.name)) for p in PRESETS if p.key != "own"),
        ],
        groups={group: mailbox_name(group) for group in NAMES},
    )


def _found(key: str) -> Rule:
    return next((rule for rule in rules.all_rules() if rule.key == key), None) or abort(404)


def _where(rule: Rule) -> list[str]:
    """Return where it applies, if not everywhere."""
    at = {preset.key: sentence(preset.name) for preset in PRESETS}
    parts = []
    if rule.preset in at:
        parts.append(_("accounts at %(provider)s", provider=at[rule.preset]))
    if rule.mailbox_group:
        parts.append(_("replies from %(provider)s", provider=mailbox_name(rule.mailbox_group)))
    if rule.per_hour > 1:
        parts.append(_("after %(count)s replies in an hour", count=rule.per_hour))
    return parts


def _origin(rule: Rule, ours: dict[str, Rule]) -> str:
    """Return own, changed, or empty for an unchanged built-in rule."""
    if rule.key not in ours:
        return "own"
    return "" if ours[rule.key] == rule else "changed"
