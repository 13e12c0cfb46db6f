"""Check the sender address, its account and its DKIM signature."""

from campaigns.addresses import shown_domain, shown_sender
from campaigns.campaign.preflight.checks import Check, passed, problem, warning
from campaigns.db import db
from campaigns.providers.domains import standing
from campaigns.providers.domains.standing import DomainView
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.reason import Reason


def warnings_of(sender: SenderAddress) -> list[Reason]:
    """Return what is wrong with email from this address."""
    found = (check(sender), *check_signature(sender))
    return [row.reason for row in found if row.level != "ok" and row.reason is not None]


def check(sender: SenderAddress | None) -> Check:
    """Check that an address is chosen and that its account works."""
    if sender is None:
        has_any = db.session.query(SenderAddress.id).first() is not None
        if has_any:
            return problem("sender", "message", "preflight.no_sender")
        return problem("sender", "senders", "preflight.no_sender_set_up")
    account = db.session.get(ProviderAccount, sender.provider_id)
    if account is not None and account.trouble:
        why = Reason.unpack(account.trouble)
        return warning("sender", "senders", "preflight.trouble", account=account.name, why=why)
    return passed("sender", "preflight.from", sender=shown_sender(sender.name, sender.address))


def check_signature(sender: SenderAddress | None) -> list[Check]:
    """Check that email is signed with DKIM.

    No row without a sender, nor for the domains of free mailbox providers.
    """
    if sender is None:
        return []
    domain = standing.look_up(sender.address)
    if domain.signing:
        return [_signed(domain)]
    if domain.freemail:
        return []
    name = shown_domain(domain.name)
    account = db.session.get(ProviderAccount, sender.provider_id)
    if account is not None and account.rewrites_return_path:
        return [
            passed("signature", "preflight.signed_by_service", account=account.name, domain=name)
        ]
    return [warning("signature", "domains", "preflight.unsigned", domain=name)]


def _signed(domain: DomainView) -> Check:
    selectors = ", ".join(key.selector for key in domain.signing)
    params = {
        "domain": shown_domain(domain.name),
        "selectors": selectors,
        "count": len(domain.signing),
    }
    if domain.standing == "broken":
        return warning("signature", "domains", "preflight.signed_not_in_dns", **params)
    return passed("signature", "preflight.signed", **params)
