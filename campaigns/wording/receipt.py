"""Why a subscriber got a campaign or not. Headlines answer the question; facts say why."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    # headlines
    "receipt.sent": N_("Yes. It was sent on %(sent_at)s."),
    "receipt.sent_some_time": N_("Yes. It was sent."),
    "receipt.queued": N_("Not yet. It is waiting to be sent."),
    "receipt.sending": N_("Not yet. It is being sent now."),
    "receipt.held": N_("Not yet. It is on hold until someone decides."),
    "receipt.failed": N_("No. It could not be sent."),
    "receipt.skipped": N_("No. They were in the audience, but it was not sent to them."),
    "receipt.cancelled": N_("No. The campaign was cancelled before it was sent to them."),
    "receipt.unknown": N_("Perhaps. It may have been sent; the server’s answer is not known."),
    "receipt.preparing": N_("Not yet. The audience is being prepared."),
    "receipt.never_started": N_("No. The campaign was cancelled before it started."),
    "receipt.not_in_audience": N_(
        "No. They were not in the audience when the campaign started on %(started_at)s."
    ),
    "receipt.would": N_("Not sent yet. They would get it if it were sent now."),
    "receipt.would_not": N_("Not sent yet. They would not get it if it were sent now."),
    # facts about a delivery
    "receipt.due": N_("It is due on %(next_at)s."),
    "receipt.through_list": N_("They were reached through the list “%(list)s”."),
    "receipt.bounced": N_("It bounced on %(happened_at)s."),
    "receipt.opened": N_("They opened it on %(happened_at)s."),
    "receipt.clicked": N_("They clicked a link in it on %(happened_at)s."),
    "receipt.complained": N_("They reported it as spam on %(happened_at)s."),
    "receipt.unsubscribed": N_("They unsubscribed with its link on %(happened_at)s."),
    # facts about the audience
    "receipt.added_later": N_("They were added on %(added_at)s, after the campaign started."),
    "receipt.no_lists": N_("The campaign goes to no list."),
    "receipt.is_on_list": N_("They are subscribed to “%(list)s”."),
    "receipt.joined_later": N_("They joined the list “%(list)s” on %(joined_at)s, too late."),
    "receipt.left_list": N_("They unsubscribed from the list “%(list)s” on %(left_at)s."),
    "receipt.pending": N_("They had not confirmed their subscription to “%(list)s”."),
    "receipt.never_on_list": N_("They were not on the list “%(list)s”."),
    "receipt.excluded_list": N_("The campaign excludes the list “%(list)s”, and they were on it."),
    "receipt.outside_segment": N_(
        "The campaign only goes to the segment “%(segment)s”, and they are not in it."
    ),
    "receipt.in_excluded_segment": N_(
        "The campaign excludes the segment “%(segment)s”, and they are in it."
    ),
    "receipt.outside_segment_today": N_(
        "The campaign only went to the segment “%(segment)s”. They are not in it today;"
        " whether they were in it then is not recorded."
    ),
    "receipt.in_excluded_segment_today": N_(
        "The campaign excluded the segment “%(segment)s”. They are in it today;"
        " whether they were in it then is not recorded."
    ),
    "receipt.segment_deleted": N_("A segment of the campaign was deleted."),
    "receipt.segment_unusable": N_(
        "The rules of the segment “%(segment)s” cannot be used. Open it and fix them."
    ),
    "receipt.is_suppressed": N_("Their address is on the suppression list."),
    "receipt.unexplained": N_(
        "No record explains it. Lists or segments of the campaign may have changed since."
    ),
}
