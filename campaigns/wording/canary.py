"""Verdicts of test groups, and problems of their plans."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "canary.all_providers": N_("all mailbox providers"),
    "canary.other_providers": N_("all other mailbox providers"),
    "canary.passed": N_(
        "The test group passed. Of %(count)s emails, %(refusals_percent)s were refused,"
        " %(deferrals_percent)s were deferred, %(bounces_percent)s bounced later and"
        " %(complaints_percent)s led to complaints."
    ),
    "canary.stopped": N_(
        "The test group had poor results. %(why)s Nothing more is sent until you decide."
    ),
    "canary.unsure": N_(
        "The result of the test group is not clear. %(why)s Read the server replies, then decide."
    ),
    "canary.refusals_above": N_(
        "Of the first %(count)s emails to %(whom)s, %(share_percent)s were refused"
        " (above %(limit_percent)s)."
    ),
    "canary.deferrals_above": N_(
        "Of the first %(count)s emails to %(whom)s, %(share_percent)s were deferred"
        " (above %(limit_percent)s)."
    ),
    "canary.bounces_above": N_(
        "Of the first %(count)s emails to %(whom)s, %(share_percent)s bounced later"
        " (above %(limit_percent)s)."
    ),
    "canary.complaints_above": N_(
        "Of the first %(count)s emails to %(whom)s, %(share_percent)s led to complaints"
        " (above %(limit_percent)s)."
    ),
    "canary.refusals_not_below": N_(
        "Of the first %(count)s emails to %(whom)s, %(share_percent)s were refused"
        " (not below %(limit_percent)s)."
    ),
    "canary.deferrals_not_below": N_(
        "Of the first %(count)s emails to %(whom)s, %(share_percent)s were deferred"
        " (not below %(limit_percent)s)."
    ),
    "canary.bounces_not_below": N_(
        "Of the first %(count)s emails to %(whom)s, %(share_percent)s bounced later"
        " (not below %(limit_percent)s)."
    ),
    "canary.complaints_not_below": N_(
        "Of the first %(count)s emails to %(whom)s, %(share_percent)s led to complaints"
        " (not below %(limit_percent)s)."
    ),
    "canary.percent": N_("The test group can be %(least_percent)s to %(most_percent)s in size."),
    "canary.minutes": N_("The test group can be observed for 1 to %(most)s minutes."),
    "canary.refusals_band": N_(
        "“Refused” needs two numbers up to 100%%: continue below the first, stop above the second."
    ),
    "canary.deferrals_band": N_(
        "“Deferred” needs two numbers up to 100%%: continue below the first, stop above the second."
    ),
    "canary.bounces_band": N_(
        "“Bounced later” needs two numbers up to 100%%: continue below the first, stop above the"
        " second."
    ),
    "canary.complaints_band": N_(
        "“Complained” needs two numbers up to 100%%: continue below the first, stop above the"
        " second."
    ),
}
