"""Alerts to the owners by email."""

from campaigns.wording.messages import N_, Message, Plural

SENTENCES: dict[str, Message] = {
    "alert.untitled": N_("Untitled campaign"),
    "alert.account_down_subject": N_("%(account)s does not accept email"),
    "alert.account_down": N_(
        "The account “%(account)s” is not working:\n\n%(trouble)s\n\n"
        "Campaigns tries a single email at least every 15 minutes. As soon as one is accepted,"
        " sending continues automatically. No recipient is skipped."
    ),
    "alert.account_paused": N_(
        "The account “%(account)s” is not working:\n\n%(trouble)s\n\n"
        "Its campaigns are paused. Correct the settings of the account, then resume them."
    ),
    "alert.test_group_subject": N_("“%(title)s” needs your decision"),
    "alert.test_group": N_(
        "The results of the test group of “%(title)s” were not good enough to send the rest, so"
        " the campaign is paused.\n\n"
        "%(result)s\n\n"
        "Open its report, then send the rest anyway or cancel it:\n%(link)s"
    ),
    "alert.rate_subject": N_("Too many problems with emails sent through %(account)s"),
    "alert.rate": N_(
        "%(rates)s\n\n"
        "High rates cost your reputation with mailbox providers, and later emails land in spam."
        " Check who gets your campaigns and how they signed up."
    ),
    "alert.complaint_rate": N_(
        "%(count)s of %(sent)s emails sent to %(provider)s on %(day_date)s were reported as spam"
        " (%(rate_percent)s). It should stay below %(limit_percent)s."
    ),
    "alert.bounce_rate": N_(
        "%(count)s of %(sent)s emails sent to %(provider)s on %(day_date)s bounced because the"
        " address does not exist (%(rate_percent)s). It should stay below %(limit_percent)s."
    ),
    "alert.block_rate": N_(
        "%(count)s of %(sent)s emails sent to %(provider)s on %(day_date)s bounced because of the"
        " sender or the content (%(rate_percent)s). It should stay below %(limit_percent)s."
    ),
    "alert.every_provider": N_("all mailbox providers"),
    "alert.other_providers": N_("other mailbox providers"),
    "alert.restored_subject": N_("Restored from a backup: some emails need your decision"),
    "alert.restored": N_(
        "The database of Campaigns was restored from a backup. Emails sent after that backup"
        " are not recorded in it, so some people may already have an email that is still listed"
        " as waiting.\n\n"
        "On hold, until you decide:\n\n%(held)s\n\n"
        "Campaigns scheduled for later keep their time. If you sent or moved one of them after"
        " the backup, change it in the calendar.\n\n"
        "Decide on the home page:\n%(link)s"
    ),
    "alert.more_campaigns": Plural("%(count)s more campaign", "%(count)s more campaigns"),
    "alert.single_emails": Plural(
        "%(count)s single email, such as a confirmation",
        "%(count)s single emails, such as confirmations",
    ),
}
