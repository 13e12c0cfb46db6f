"""Reasons why a link or an image does not work. `target` names it."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "target.attached_image": N_(
        "“%(target)s” refers to an attached file, but campaigns carry no attachments."
        " Put the image on your website and use its https:// address."
    ),
    "target.bad_email_address": N_(
        "“%(target)s” has an email address that cannot exist. Check its spelling."
    ),
    "target.bad_host": N_(
        "“%(target)s” leads to “%(host)s”, which is not a host name. Check its spelling."
    ),
    "target.bad_port": N_("“%(target)s” has the port “%(port)s”, which does not exist. Remove it."),
    "target.bare_host": N_(
        "“%(target)s” leads to “%(host)s”, which is not a complete host name. Add its ending."
    ),
    "target.dead_way_out": N_(
        "“%(target)s” leads nowhere, so nobody can unsubscribe with it. Use %(meant)s."
    ),
    "target.embedded_image": N_(
        "“%(target)s” is embedded as data:, which many email clients block."
        " Put the image on your website and use its https:// address."
    ),
    "target.incomplete": N_("“%(target)s” is not a complete address. Start it with https://."),
    "target.internal_host": N_(
        "“%(target)s” leads to %(host)s, which recipients cannot reach. Use a public address."
    ),
    "target.merge_tag": N_(
        "“%(target)s” uses a merge tag of another program. Use a merge tag of Campaigns instead."
    ),
    "target.no_email_address": N_("“%(target)s” has no email address. Enter one."),
    "target.no_host": N_("“%(target)s” has no host name. Complete it."),
    "target.no_phone_number": N_("“%(target)s” has no phone number. Enter one."),
    "target.no_source": N_("“%(target)s” is not the address of an image. Enter its address."),
    "target.no_source_unnamed": N_("An image has no source. Enter its address."),
    "target.no_such_place": N_(
        "“%(target)s” leads to a place that is not in this email. Give that place the id “%(id)s”."
    ),
    "target.none": N_("“%(target)s” has no target. Enter one."),
    "target.none_unnamed": N_("A link has no target. Enter one."),
    "target.on_computer": N_(
        "“%(target)s” points to a file on your computer. Put it on your website first."
    ),
    "target.placeholder_image": N_(
        "“%(target)s” is a placeholder image. Use an image of your own."
    ),
    "target.placeholder_link": N_(
        "“%(target)s” still leads to a placeholder. Enter your own address."
    ),
    "target.scheme_twice": N_("“%(target)s” starts with https:// twice. Remove one."),
    "target.space_in_host": N_("“%(target)s” has a space in its host name. Remove it."),
    "target.unsupported_scheme": N_(
        "“%(target)s” starts with “%(scheme)s”, which email clients do not open. Use https://."
    ),
    "target.user_before_host": N_(
        "“%(target)s” has “%(user)s@” before its host. Use mailto: for an email address."
    ),
}
