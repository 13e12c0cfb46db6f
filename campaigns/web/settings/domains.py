"""Sender domains: their DKIM keys, the records for DNS, whether those are found there."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.inputs import InvalidInputError
from campaigns.providers.domains import dmarc, keys, policies, records, standing
from campaigns.providers.domains.dns import Resolver, SystemResolver
from campaigns.providers.models import DkimKey, SenderDomain
from campaigns.reason import Reason
from campaigns.web.deletion import Deletion, deletion_page
from campaigns.web.settings.blueprint import Answer, bp
from campaigns.web.shown_addresses import shown_address, shown_domain
from campaigns.web.words import gettext as _
from campaigns.web.words import in_words, sentence
from campaigns.web_limits import limiter

resolver: Resolver = SystemResolver()

MOST_SENDERS = 5
"""Sender addresses that are named before a domain is deleted."""


@bp.get("/settings/domains", endpoint="domains")
@access("user")
def index() -> str:
    return render_template("web/settings/domains.html", tab="domains", domains=standing.overview())


@bp.route("/settings/domains/new", methods=["GET", "POST"])
@access("user")
def new_domain() -> Answer:
    if request.method != "POST":
        return _new_page(request.args.get("name", ""))
    name = request.form.get("name", "")
    try:
        with transaction():
            domain = keys.set_up(name, services().vault, now=utcnow())
    except InvalidInputError as error:
        return _new_page(name, error.problems), 422
    return redirect(url_for("settings.domain", public_id=domain.public_id))


@bp.get("/settings/domains/<public_id>")
@access("user")
def domain(public_id: str) -> str:
    return _page(_found(public_id))


@bp.post("/settings/domains/<public_id>/check")
@access("user")
@limiter.limit("20/minute")
def check_domain(public_id: str) -> Answer:
    """Look into DNS, in some seconds at most. Answers htmx with the part that has changed."""
    domain = _found(public_id)
    name, questions = domain.name, records.questions(domain)
    db.session.rollback()  # no transaction stays open while we talk to the name servers
    with ThreadPoolExecutor(max_workers=6) as threads:
        others = [threads.submit(look, name, resolver) for look in (policies.spf, dmarc.dmarc)]
        answers = list(threads.map(partial(records.ask, resolver=resolver), questions))
        asked = [other.result() for other in others]
    with transaction():
        domain = _found(public_id)
        begun = records.note(domain, answers, now=utcnow())
    if not request.headers.get("HX-Request"):
        return _back(domain)
    seen = standing.view(domain)
    return render_template(
        "web/settings/_domain.html",
        domain=seen,
        begun=begun,
        policies=[
            {**asdict(policy), "text": " ".join(map(sentence, policy.reasons))}
            for policy in (
                *asked,
                policies.alignment(name, is_signed=seen.standing == "signed"),
            )
        ],
        now=utcnow(),
        is_part=True,
    )


@bp.post("/settings/domains/<public_id>/keys")
@access("user")
def new_key(public_id: str) -> Answer:
    form = request.form
    try:
        with transaction():
            domain = _found(public_id)
            algorithm, selector = form.get("algorithm", ""), form.get("selector", "")
            keys.make_key(domain, algorithm, selector, services().vault, now=utcnow())
    except InvalidInputError as error:
        return _page(_found(public_id), form, error.problems), 422
    flash(_("Key created. Add its record to DNS, then check DNS."), "success")
    return _back(domain)


@bp.post("/settings/domains/<public_id>/keys/<key_id>/sign")
@access("user")
def sign_with_key(public_id: str, key_id: str) -> Answer:
    """Whatever DNS says: somebody knows better, or takes an older key back."""
    return _move(public_id, key_id, keys.activate, _("Email is now signed with %(selector)s."))


@bp.post("/settings/domains/<public_id>/keys/<key_id>/retire")
@access("user")
def retire_key(public_id: str, key_id: str) -> Answer:
    return _move(public_id, key_id, keys.retire, _("Email is no longer signed with %(selector)s."))


@bp.post("/settings/domains/<public_id>/keys/<key_id>/discard")
@access("user")
def discard_key(public_id: str, key_id: str) -> Answer:
    done = _("Key %(selector)s deleted. Remove its record from DNS.")
    return _move(public_id, key_id, keys.discard, done)


def _move(public_id: str, key_id: str, move: Callable[..., bool], done: str) -> Response:
    """Make one guarded move of a key and say what came of it."""
    with transaction():
        domain = _found(public_id)
        key = _found_key(domain, key_id)
        selector, did_it = key.selector, move(key, now=utcnow())
    if did_it:
        flash(done % {"selector": selector}, "success")
    else:
        flash(_("Someone else changed this key first."), "warning")
    return _back(domain)


@bp.route("/settings/domains/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete_domain(public_id: str) -> Answer:
    domain = _found(public_id)
    if request.method != "POST":
        return _delete_page(domain)
    with transaction():
        keys.delete(_found(public_id))
    flash(_("Domain deleted. Remove its records from DNS."), "success")
    return redirect(url_for("settings.domains"))


def _delete_page(domain: SenderDomain) -> str:
    seen = standing.view(domain)
    effects = [_("Its keys are deleted for good. If you add it again, you get new records.")]
    if seen.senders:
        names = ", ".join(shown_address(address) for address in seen.senders[:MOST_SENDERS])
        effects.insert(0, _("Its sender addresses stay: %(addresses)s.", addresses=names))
    if seen.signing:
        effects.insert(
            0,
            _(
                "Email from this domain, including campaigns being sent now, is no longer signed."
                " Mailbox providers may reject it or put it into spam."
            ),
        )
    back = url_for("settings.domain", public_id=domain.public_id)
    name = shown_domain(domain.name)
    page = Deletion(
        title=_("Delete %(domain)s", domain=name),
        button=_("Delete domain"),
        back=back,
        above=[(url_for("settings.domains"), _("Sender domains")), (back, name)],
        effects=effects,
    )
    return deletion_page(page)


def _back(domain: SenderDomain) -> Response:
    return redirect(url_for("settings.domain", public_id=domain.public_id))


def _new_page(name: str, problems: Mapping[str, Reason | str] | None = None) -> str:
    return render_template(
        "web/settings/new_domain.html", tab="domains", name=name, problems=in_words(problems or {})
    )


def _page(
    domain: SenderDomain,
    form: Mapping[str, str] | None = None,
    problems: Mapping[str, Reason | str] | None = None,
) -> str:
    return render_template(
        "web/settings/domain.html",
        tab="domains",
        domain=standing.view(domain),
        form=form or {},
        problems=in_words(problems or {}),
        now=utcnow(),
    )


def _found(public_id: str) -> SenderDomain:
    return keys.find(public_id) or abort(404)


def _found_key(domain: SenderDomain, public_id: str) -> DkimKey:
    return keys.find_key(domain, public_id) or abort(404)
