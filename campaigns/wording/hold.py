"""Reasons why email waits, and the limits of an account."""

from campaigns.wording.messages import N_, Message, Plural

SENTENCES: dict[str, Message] = {
    "hold.this_account": N_("The account"),
    "hold.other_providers": N_("Every other mailbox provider"),
    "hold.several": "%(reasons)s",
    "hold.several_more": Plural(
        "%(reasons)s And %(count)s more reason.", "%(reasons)s And %(count)s more reasons."
    ),
    "hold.retried": N_("Retried at %(until_at)s."),
    "hold.account_waits": N_("%(account)s waits. %(why)s"),
    "hold.account_waits_until": N_("%(account)s waits until %(until_at)s. %(why)s"),
    "hold.probe": N_(
        "%(account)s did not work just now. %(why)s One email at a time tests whether it works"
        " again."
    ),
    "hold.account_slow": N_("%(account)s sends %(rate_per_second)s. %(why)s"),
    "hold.learned": N_(
        "%(name)s asked for less email at a time. Sending slows down, then gradually speeds up"
        " again."
    ),
    "hold.group_waits": N_("%(group)s waits. %(why)s"),
    "hold.group_waits_until": N_("%(group)s waits until %(until_at)s. %(why)s"),
    "hold.group_rate": N_("%(group)s gets %(rate_per_second)s. %(why)s"),
    "hold.at_once": Plural(
        "%(group)s gets %(count)s email at a time. %(why)s",
        "%(group)s gets %(count)s emails at a time. %(why)s",
    ),
    "hold.warm_up": Plural(
        "%(name)s is warming up: %(count)s email in 24 hours for now.",
        "%(name)s is warming up: %(count)s emails in 24 hours for now.",
    ),
    "hold.warm_up_until": Plural(
        "%(name)s is warming up: %(count)s email in 24 hours for now. Sending continues at"
        " %(until_at)s.",
        "%(name)s is warming up: %(count)s emails in 24 hours for now. Sending continues at"
        " %(until_at)s.",
    ),
    "hold.second_used_up": Plural(
        "%(account)s has reached its limit of %(count)s email per second. Sending continues at"
        " %(until_at)s.",
        "%(account)s has reached its limit of %(count)s emails per second. Sending continues at"
        " %(until_at)s.",
    ),
    "hold.minute_used_up": Plural(
        "%(account)s has reached its limit of %(count)s email per minute. Sending continues at"
        " %(until_at)s.",
        "%(account)s has reached its limit of %(count)s emails per minute. Sending continues at"
        " %(until_at)s.",
    ),
    "hold.hour_used_up": Plural(
        "%(account)s has reached its limit of %(count)s email per hour. Sending continues at"
        " %(until_at)s.",
        "%(account)s has reached its limit of %(count)s emails per hour. Sending continues at"
        " %(until_at)s.",
    ),
    "hold.day_used_up": Plural(
        "%(account)s has reached its limit of %(count)s email in 24 hours. Sending continues at"
        " %(until_at)s.",
        "%(account)s has reached its limit of %(count)s emails in 24 hours. Sending continues"
        " at %(until_at)s.",
    ),
    "hold.pace": N_("The campaign is limited to %(rate_per_second)s."),
    "hold.turn": N_("%(account)s is also sending other campaigns."),
    "throttle.said": N_("%(note)s The server said: “%(quote)s”"),
    "throttle.limit_second": Plural(
        "%(account)s may send %(count)s email per second.",
        "%(account)s may send %(count)s emails per second.",
    ),
    "throttle.limit_minute": Plural(
        "%(account)s may send %(count)s email per minute.",
        "%(account)s may send %(count)s emails per minute.",
    ),
    "throttle.limit_hour": Plural(
        "%(account)s may send %(count)s email per hour.",
        "%(account)s may send %(count)s emails per hour.",
    ),
    "throttle.limit_day": Plural(
        "%(account)s may send %(count)s email in 24 hours.",
        "%(account)s may send %(count)s emails in 24 hours.",
    ),
    "throttle.group_rate": N_("%(group)s gets %(rate_per_second)s."),
    "throttle.warm_up_begins": Plural(
        "%(name)s is warming up: %(count)s email on the first day, then more.",
        "%(name)s is warming up: %(count)s emails on the first day, then more.",
    ),
}
