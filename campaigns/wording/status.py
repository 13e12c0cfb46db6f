"""Reasons of a campaign's status."""

from campaigns.wording.messages import N_, Message, Plural

SENTENCES: dict[str, Message] = {
    "status.paused_by_user": N_("Paused manually."),
    "status.restored": N_(
        "The database was restored from a backup while this campaign was being sent. Emails sent"
        " after the backup are not recorded, so some of the remaining recipients may already have"
        " it."
    ),
    "status.restored_draft": N_(
        "The database was restored from a backup taken just before this campaign started. It may"
        " have been sent since. Check with your recipients or your provider before you send it"
        " again."
    ),
    "status.no_account": N_(
        "The sender address has no provider account. Choose another sender address."
    ),
    "status.content_problem": N_("The content has a problem. %(problem)s"),
    "status.sender_refused": N_("The server refuses this sender. It said: %(reply)s"),
    "status.blocked": N_(
        "%(count)s of the last %(results)s emails were refused because of the sender, not the"
        " recipients. Nobody is marked as bounced; they are still waiting. The server said:"
        " %(reply)s"
    ),
    "status.content_refused": N_(
        "%(count)s of the first %(results)s emails were refused because of their content. The"
        " server said: %(reply)s"
    ),
    "status.complaint_rate": N_(
        "Paused automatically: %(count)s of %(sent)s emails were reported as spam"
        " (%(rate_percent)s; the limit is %(limit_percent)s). Check who is in the audience and"
        " whether they signed up, then resume or cancel it."
    ),
    "status.complaint_rate_at": N_(
        "Paused automatically: %(count)s of %(sent)s emails sent to %(provider)s on %(day_date)s"
        " were reported as spam (%(rate_percent)s; the limit is %(limit_percent)s). Check who is in"
        " the audience and whether they signed up, then resume or cancel it."
    ),
    "status.bounce_rate": N_(
        "Paused automatically: %(count)s of %(sent)s emails bounced because the address does not"
        " exist (%(rate_percent)s; the limit is %(limit_percent)s). Check where the addresses come"
        " from, then resume or cancel it."
    ),
    "status.block_rate": N_(
        "Paused automatically: %(count)s of %(sent)s emails bounced because of the sender or the"
        " content (%(rate_percent)s; the limit is %(limit_percent)s). See the reasons in the"
        " report, then resume or cancel it."
    ),
    "status.between_waves": Plural(
        "%(count)s recipient waits for the time in their time zone. The next email is sent at"
        " %(next_at)s.",
        "%(count)s recipients wait for the time in their time zone. The next email is sent at"
        " %(next_at)s.",
    ),
    "status.preflight": "%(name)s: %(text)s",
    "status.not_scheduled": N_("This campaign was not scheduled. %(why)s"),
}
