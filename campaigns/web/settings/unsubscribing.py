"""Whether people can unsubscribe by email from an account's emails, in a sentence per domain."""

from datetime import datetime

from campaigns.clock import utcnow
from campaigns.providers import return_domains
from campaigns.providers.models import ProviderAccount, ReturnDomain
from campaigns.web.template_helpers import current_workspace, moment
from campaigns.web.words import gettext as _


def unsubscribing(account: ProviderAccount) -> list[tuple[bool, str]]:
    """Return for each domain whether unsubscribing by email is offered, and why."""
    if account.rewrites_return_path:
        words = _("Unsubscribing by email is not offered: the provider uses its own return path.")
        return [(False, words)]
    now, proofs = utcnow(), return_domains.proofs_of(account.id)
    found = [(domain, proofs.get(domain)) for domain in return_domains.domains_of(account.id)]
    return [_ways_to_leave(domain, proof, now) for domain, proof in found]


def _ways_to_leave(domain: str, proof: ReturnDomain | None, now: datetime) -> tuple[bool, str]:
    state = return_domains.state_of(proof, now=now)
    if proof is None or state == "unproven":
        words = _(
            "Unsubscribing by email is not offered for %(domain)s: no bounce test has come back"
            " to its return addresses yet.",
            domain=domain,
        )
        to_do = "" if current_workspace().demo else _("Send a bounce test.")
        return False, f"{words} {to_do}".strip()
    match state:
        case "stale":
            return False, _(
                "Unsubscribing by email is not offered for %(domain)s: nothing has come to its"
                " return addresses since %(day)s. Send a bounce test.",
                domain=domain,
                day=moment(proof.came_at, "day"),
            )
        case "stopped":
            return False, _(
                "Unsubscribing by email is not offered for %(domain)s: the mailbox or listener"
                " that received its bounces is not working. Check it on this page.",
                domain=domain,
            )
    return True, _(
        "Campaigns launched from now on also offer to unsubscribe by email: the bounce test of"
        " %(day)s came back to the return address at %(domain)s.",
        domain=domain,
        day=moment(proof.proven_at, "day"),
    )
