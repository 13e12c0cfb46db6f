"""Sender domains: their DKIM keys, and findings in DNS."""

from campaigns.wording.messages import N_, Message, Plural

SENTENCES: dict[str, Message] = {
    # Domains and keys
    "domain.already_set_up": N_("%(domain)s is already set up."),
    "domain.name_invalid": N_("This is not a domain name. Enter one such as news.example.org."),
    "domain.owned_by_service": N_(
        "%(domain)s belongs to %(service)s. Only its owner can add keys to its DNS."
    ),
    "domain.algorithm_missing": N_("Choose RSA or Ed25519."),
    "domain.key_already_waits": N_(
        "Another new key of this type is already waiting. Add its record to DNS, or discard it."
    ),
    "domain.selector_invalid": N_(
        "A selector can contain letters, digits and hyphens, for example s20260131."
    ),
    "domain.selector_too_long": N_("This selector is too long for the domain."),
    "domain.selector_taken": N_("This selector is already used. Every key needs its own."),
    "domain.selector_missing": N_("Too many keys were created today. Enter a selector yourself."),
    "domain.key_unreadable": N_(
        "The DKIM key of %(domain)s cannot be read because SECRET_KEY has changed. Add the old key"
        " to SECRET_KEY_FALLBACKS, or create new DKIM keys under Settings, Sender domains."
    ),
    # DNS lookups
    "domain.dns_timeout": N_("No name server answered within %(limit_seconds)s. Try again later."),
    "domain.dns_error": N_(
        "The name servers of the domain answered with an error. Ask whoever runs them."
    ),
    "domain.dns_not_configured": N_(
        "No name server is configured on this machine, so DNS could not be checked."
    ),
    "domain.dns_failed": N_("DNS could not be checked: %(error)s"),
    # The DKIM record
    "domain.record_found": N_("Found."),
    "domain.record_found_test": N_(
        "Found, but it says t=y (testing only). Remove that from the record."
    ),
    "domain.record_missing": N_(
        "There is no record with this name yet. New records can take an hour to appear."
    ),
    "domain.record_not_dkim": N_("There is a TXT record with this name, but it is not a DKIM key."),
    "domain.record_not_alone": N_(
        "There are several keys with this name. Keep only the one shown here."
    ),
    "domain.record_version": N_("The record does not start with v=DKIM1."),
    "domain.record_revoked": N_("The record says that this key is revoked (p= is empty)."),
    "domain.record_cut_off": N_(
        "The end of the key is missing. Some DNS forms cut off long values; enter it in pieces."
    ),
    "domain.record_other_key": N_("The record contains another key. Copy the whole value again."),
    "domain.record_algorithm": N_("The record should say k=%(algorithm)s."),
    "domain.record_forbids_sha256": N_("The record forbids SHA-256 (h=). Remove h= from it."),
    "domain.record_not_for_email": N_("The record is not for email (s=). Remove s= from it."),
    # Other checks of receivers
    "domain.spf_missing": N_(
        "There is no SPF record at %(domain)s. Your provider tells you which record to add."
    ),
    "domain.spf_not_alone": Plural(
        "There is %(count)s SPF record at %(domain)s.",
        "There are %(count)s SPF records at %(domain)s. Receivers ignore all of them; merge them"
        " into one.",
    ),
    "domain.spf_allows_everybody": N_(
        "The SPF record allows every server in the world (+all). Use ~all or -all instead."
    ),
    "domain.spf_found": N_("Found: %(record)s. It must list the servers that you send through."),
    "domain.dmarc_missing": N_(
        "There is no DMARC record. Large mailbox providers refuse bulk email without one. Add at"
        " least this record:"
    ),
    "domain.dmarc_not_alone": Plural(
        "There is %(count)s DMARC record at %(host)s.",
        "There are %(count)s DMARC records at %(host)s. Receivers ignore all of them; keep one.",
    ),
    "domain.dmarc_reports": N_(
        "Found at %(host)s. Receivers only report emails that fail the check."
    ),
    "domain.dmarc_quarantines": N_(
        "Found at %(host)s. Emails that fail the check go to the spam folder."
    ),
    "domain.dmarc_rejects": N_("Found at %(host)s. Emails that fail the check are refused."),
    "domain.dmarc_without_reports": N_("Add rua=mailto:… to receive the reports."),
    "domain.aligned": N_(
        "Signatures name %(domain)s, as the sender addresses do, so DMARC passes by DKIM."
    ),
    "domain.not_aligned": N_(
        "Without a signature that receivers can check, DMARC can pass only by SPF."
    ),
}
