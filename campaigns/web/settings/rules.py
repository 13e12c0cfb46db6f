"""Reply rules: what a server's words do to the speed of sending."""

from flask import abort, flash, redirect, render_template, request, url_for

from campaigns.access import access
from campaigns.audience.mailbox_providers import NAMES, name_of
from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.inputs import InvalidInputError
from campaigns.providers.presets import PRESETS
from campaigns.throttling import editing, rules
from campaigns.throttling.builtin import RULES
from campaigns.throttling.editing import RuleInput
from campaigns.throttling.rule import Rule, describe
from campaigns.web.settings.blueprint import Answer, bp
from campaigns.web.words import in_words, sentence

ACTS = {
    "slow": "Slow down: at most so many mails a minute, for so many minutes",
    "halve": "Halve: half as much as now, then slowly more",
    "at_once": "One by one: so many at the same time, then slowly more",
    "suspend": "Wait: nothing for so many minutes, then so many at a time (0: all)",
    "pause_campaign": "Pause the campaign until somebody resumes it",
    "pause_provider": "Pause all campaigns of the account until somebody resumes them",
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
    if request.method != "POST":
        return _form("", RuleInput())
    return _save("")


@bp.route("/settings/rules/<key>", methods=["GET", "POST"])
@access("user")
def edit_rule(key: str) -> Answer:
    rule = _found(key)
    if request.method == "POST":
        return _save(key)
    typed = RuleInput(
        rule.note, rule.pattern, rule.act, str(rule.amount), str(rule.minutes),
        str(rule.per_hour), rule.preset, rule.mailbox_group, rule.whole_account,
    )  # fmt: skip
    if rule.refused:
        return _form(key, typed, {"pattern": sentence(rule.refused)}, is_refused=True)
    return _form(key, typed)


@bp.post("/settings/rules/<key>/turn")
@access("user")
def turn_rule(key: str) -> Answer:
    """On, off, or back to how it came; a rule of one's own is deleted by that."""
    _found(key)
    do = request.form.get("do", "")
    try:
        with transaction():
            if do == "delete":
                editing.delete_rule(key)
            else:
                editing.turn_rule(key, is_on=do == "on", now=utcnow())
    except InvalidInputError as error:
        flash(f"The rule stays off. {sentence(error.problems['pattern'])}", "danger")
        return redirect(url_for("settings.reply_rules", _anchor=f"rule-{key}"))
    said = {"on": "The rule is on.", "off": "The rule is off.", "delete": "Done."}
    flash(said.get(do, "The rule is off."), "success")
    return redirect(url_for("settings.reply_rules", _anchor=f"rule-{key}"))


def _save(key: str) -> Answer:
    form = request.form
    typed = RuleInput(
        note=form.get("note", ""),
        pattern=form.get("pattern", ""),
        act=form.get("act", ""),
        amount=form.get("amount", ""),
        minutes=form.get("minutes", ""),
        per_hour=form.get("per_hour", ""),
        preset=form.get("preset", ""),
        mailbox_group=form.get("mailbox_group", ""),
        whole_account="whole_account" in form,
    )
    try:
        with transaction():
            editing.save_rule(key, typed, now=utcnow())
    except InvalidInputError as error:
        return _form(key, typed, in_words(error.problems)), 422
    flash("The rule is saved. It holds from the next reply on.", "success")
    return redirect(url_for("settings.reply_rules"))


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
        is_refused=is_refused,
        acts=ACTS,
        presets=[
            ("", "every provider"),
            *((p.key, sentence(p.name)) for p in PRESETS if p.key != "own"),
        ],
        groups=NAMES,
    )


def _found(key: str) -> Rule:
    return next((rule for rule in rules.all_rules() if rule.key == key), None) or abort(404)


def _where(rule: Rule) -> str:
    """Where it holds, if not everywhere."""
    at = {preset.key: sentence(preset.name) for preset in PRESETS}
    parts = [f"at {at[rule.preset]}" if rule.preset in at else ""]
    parts.append(f"from {name_of(rule.mailbox_group)}" if rule.mailbox_group else "")
    parts.append(f"{rule.per_hour} times in an hour" if rule.per_hour > 1 else "")
    return ", ".join(part for part in parts if part)


def _origin(rule: Rule, ours: dict[str, Rule]) -> str:
    """own, changed, or empty for one as it came."""
    if rule.key not in ours:
        return "own"
    return "" if ours[rule.key] == rule else "changed"
