"""Sender domains: their DKIM keys, the records for DNS, whether those are found there."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.addresses import shown_address, shown_domain
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.providers.domains import dmarc, keys, policies, records, standing
from campaigns.providers.domains.dns import Resolver, SystemResolver
from campaigns.providers.models import DkimKey, SenderDomain
from campaigns.web.deletion import Deletion, confirm_and_delete
from campaigns.web.saving import Answer, or_404, saving
from campaigns.web.settings.blueprint import bp
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence
from campaigns.web_limits import limiter

resolver: Resolver = SystemResolver()

MAX_SENDERS = 5
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
    with saving() as problems:
        domain = keys.set_up(name, services().vault, now=utcnow())
    if problems:
        return _new_page(name, problems), 422
    return _back(domain)


@bp.get("/settings/domains/<public_id>")
@access("user")
def domain(public_id: str) -> str:
    return _page(or_404(SenderDomain, public_id))


@bp.post("/settings/domains/<public_id>/check")
@access("user")
@limiter.limit("20/minute")
def check_domain(public_id: str) -> Answer:
    """Query DNS, for a few seconds at most. Answers htmx with the part that has changed."""
    domain = or_404(SenderDomain, public_id)
    name, questions = domain.name, records.questions(domain)
    db.session.rollback()  # no transaction stays open while we talk to the name servers
    with ThreadPoolExecutor(max_workers=6) as threads:
        others = [threads.submit(look, name, resolver) for look in (policies.spf, dmarc.dmarc)]
        answers = list(threads.map(partial(records.ask, resolver=resolver), questions))
        asked = [other.result() for other in others]
    with transaction():
        domain = or_404(SenderDomain, public_id)
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
    with saving() as problems:
        domain = or_404(SenderDomain, public_id)
        algorithm, selector = form.get("algorithm", ""), form.get("selector", "")
        keys.make_key(domain, algorithm, selector, services().vault, now=utcnow())
    if problems:
        return _page(or_404(SenderDomain, public_id), form, problems), 422
    flash(_("Key created. Add its record to DNS, then check DNS."), "success")
    return _back(domain)


@bp.post("/settings/domains/<public_id>/keys/<key_id>/sign")
@access("user")
def sign_with_key(public_id: str, key_id: str) -> Answer:
    """Activate a key without a DNS check, or reactivate an older one."""
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
    """Change the state of a key, unless someone else did, and show the result."""
    with transaction():
        domain = or_404(SenderDomain, public_id)
        key = or_404(DkimKey, key_id, domain_id=domain.id)
        selector, did_it = key.selector, move(key, now=utcnow())
    if did_it:
        flash(done % {"selector": selector}, "success")
    else:
        flash(_("Someone else changed this key first."), "warning")
    return _back(domain)


@bp.route("/settings/domains/<public_id>/delete", methods=["GET", "POST"])
@access("user")
def delete_domain(public_id: str) -> Answer:
    return confirm_and_delete(
        lambda: _deletion(or_404(SenderDomain, public_id)),
        lambda: keys.delete(or_404(SenderDomain, public_id)),
        message=_("Domain deleted. Remove its records from DNS."),
        to=url_for("settings.domains"),
    )


def _deletion(domain: SenderDomain) -> Deletion:
    seen = standing.view(domain)
    effects = [_("Its keys are deleted for good. If you add it again, you get new records.")]
    if seen.senders:
        names = ", ".join(shown_address(address) for address in seen.senders[:MAX_SENDERS])
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
    return Deletion(
        title=_("Delete %(domain)s", domain=name),
        button=_("Delete domain"),
        back=back,
        above=[(url_for("settings.domains"), _("Sender domains")), (back, name)],
        effects=effects,
    )


def _back(domain: SenderDomain) -> Response:
    return redirect(url_for("settings.domain", public_id=domain.public_id))


def _new_page(name: str, problems: Mapping[str, str] | None = None) -> str:
    return render_template(
        "web/settings/new_domain.html", tab="domains", name=name, problems=problems or {}
    )


def _page(
    domain: SenderDomain,
    form: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
) -> str:
    return render_template(
        "web/settings/domain.html",
        tab="domains",
        domain=standing.view(domain),
        form=form or {},
        problems=problems or {},
        now=utcnow(),
    )
