"""What pages say about bulk actions."""

from collections.abc import Callable

from campaigns.audience.bulk.models import BulkRun
from campaigns.web.words import gettext as _
from campaigns.web.words import ngettext

_Sentence = Callable[[int], str]


def title(run: BulkRun) -> str:
    """Return what a run does, such as “Add tag “VIP””."""
    text = _title(run)
    return _("Undo: %(action)s", action=text) if run.undoes_id else text


def _title(run: BulkRun) -> str:
    name = str(run.params.get("name", ""))
    match run.action:
        case "tag":
            return _("Add tag “%(name)s”", name=name)
        case "untag":
            return _("Remove tag “%(name)s”", name=name)
        case "subscribe":
            return _("Add to “%(list)s”", list=name)
        case "unsubscribe":
            return _("Remove from “%(list)s”", list=name)
        case "suppress":
            return _("Suppress")
        case "erase":
            return _("Delete")
    label = run.params["label"]
    if run.params["value"] is None:
        return _("Clear “%(field)s”", field=label)
    return _("Set “%(field)s” to “%(value)s”", field=label, value=run.params.get("shown", ""))


def outcome_sentences(run: BulkRun) -> list[str]:
    """Return a sentence for each outcome of a run, that of the changed subscribers first."""
    found = run.outcomes
    texts = [_changed(run, found.get("changed", 0))]
    for name, sentence_of in (_UNDO_OTHERS if run.undoes_id else _others(run)).items():
        if found.get(name):
            texts.append(sentence_of(found[name]))
    missing = run.matched - sum(found.values())
    if run.status == "done" and missing > 0:
        texts.append(
            ngettext(
                "%(count)s had been deleted or no longer matched.",
                "%(count)s had been deleted or no longer matched.",
                missing,
            )
        )
    return texts


def _changed(run: BulkRun, count: int) -> str:
    name = str(run.params.get("name", ""))
    if run.undoes_id:
        return ngettext(
            "Undone for %(count)s subscriber.", "Undone for %(count)s subscribers.", count
        )
    match run.action:
        case "tag":
            return ngettext(
                "Added the tag “%(name)s” to %(count)s subscriber.",
                "Added the tag “%(name)s” to %(count)s subscribers.",
                count,
                name=name,
            )
        case "untag":
            return ngettext(
                "Removed the tag “%(name)s” from %(count)s subscriber.",
                "Removed the tag “%(name)s” from %(count)s subscribers.",
                count,
                name=name,
            )
        case "subscribe":
            return ngettext(
                "Added %(count)s subscriber to “%(list)s”.",
                "Added %(count)s subscribers to “%(list)s”.",
                count,
                list=name,
            )
        case "unsubscribe":
            return ngettext(
                "Removed %(count)s subscriber from “%(list)s”.",
                "Removed %(count)s subscribers from “%(list)s”.",
                count,
                list=name,
            )
        case "suppress":
            return ngettext(
                "Suppressed %(count)s address.", "Suppressed %(count)s addresses.", count
            )
        case "erase":
            return ngettext(
                "Deleted %(count)s subscriber.", "Deleted %(count)s subscribers.", count
            )
    return ngettext(
        "Changed “%(field)s” of %(count)s subscriber.",
        "Changed “%(field)s” of %(count)s subscribers.",
        count,
        field=run.params["label"],
    )


def _others(run: BulkRun) -> dict[str, _Sentence]:
    return {
        "already": _ALREADY[run.action],
        "left_themselves": lambda count: ngettext(
            "%(count)s had unsubscribed and was not added. If they asked to come back,"
            " resubscribe them on their own page.",
            "%(count)s had unsubscribed and were not added. If they asked to come back,"
            " resubscribe them on their own pages.",
            count,
        ),
        "suppressed": lambda count: ngettext(
            "%(count)s is suppressed and was not added.",
            "%(count)s are suppressed and were not added.",
            count,
        ),
        "too_many_values": lambda count: ngettext(
            "%(count)s has 100 values already and was not changed.",
            "%(count)s have 100 values already and were not changed.",
            count,
        ),
    }


_ALREADY: dict[str, _Sentence] = {
    "tag": lambda count: ngettext("%(count)s had it already.", "%(count)s had it already.", count),
    "untag": lambda count: ngettext(
        "%(count)s did not have it.", "%(count)s did not have it.", count
    ),
    "subscribe": lambda count: ngettext(
        "%(count)s was already on it.", "%(count)s were already on it.", count
    ),
    "unsubscribe": lambda count: ngettext(
        "%(count)s was not on it.", "%(count)s were not on it.", count
    ),
    "suppress": lambda count: ngettext(
        "%(count)s was suppressed already.", "%(count)s were suppressed already.", count
    ),
    "erase": lambda count: "",
    "set_field": lambda count: ngettext(
        "%(count)s had this value already.", "%(count)s had this value already.", count
    ),
}

_UNDO_OTHERS: dict[str, _Sentence] = {
    "changed_since": lambda count: ngettext(
        "%(count)s has changed since and was left unchanged.",
        "%(count)s have changed since and were left unchanged.",
        count,
    ),
    "left_themselves": lambda count: ngettext(
        "%(count)s has unsubscribed since and was not added again.",
        "%(count)s have unsubscribed since and were not added again.",
        count,
    ),
    "suppressed": lambda count: ngettext(
        "%(count)s is suppressed and was not added again.",
        "%(count)s are suppressed and were not added again.",
        count,
    ),
}
