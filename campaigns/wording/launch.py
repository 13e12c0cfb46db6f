"""Reasons why a campaign is not launched, and problems of its schedule."""

from campaigns.wording.messages import N_, Message, Plural

SENTENCES: dict[str, Message] = {
    "draft.deleted": N_("This campaign has been deleted."),
    "draft.locked": N_("This campaign is no longer a draft, so it cannot be changed."),
    "launch.not_a_draft": N_("This campaign is no longer a draft, so nothing was sent."),
    "launch.deleted": N_("This campaign has been deleted."),
    "launch.changed": N_("Someone else changed this campaign first. Review it again."),
    "launch.old_version": N_(
        "The campaign was changed after you opened this page. Review it again: this is the"
        " current version."
    ),
    "launch.blocked": Plural(
        "Fix the problem marked in red first.",
        "Fix the %(count)s problems marked in red first.",
    ),
    "launch.recurs": N_(
        "This draft is the template of a recurring campaign. Duplicate it to send it once more."
    ),
    "launch.not_typed": N_("Type the number of recipients: %(recipients)s."),
    "launch.typed_wrong": N_(
        "You typed %(typed)s, but the campaign has %(count)s recipients. Type %(recipients)s."
    ),
    "launch.audience_changed": N_(
        "The audience has changed: the campaign has %(count)s recipients now. Type %(recipients)s."
    ),
    "schedule.no_time": N_("Choose both a date and a time."),
    "schedule.past": N_("This time has passed: in %(zone)s it is %(now_local)s now."),
    "schedule.past_for_all": N_("This time has passed for all of your recipients."),
    "schedule.year": N_("The year %(year)s is too far away. Check it."),
    "schedule.too_far": N_("This date is more than two years ahead. Check the year."),
    "schedule.unknown_zone": N_(
        "“%(name)s” is not a known time zone. Choose one such as Europe/Berlin or UTC."
    ),
    "schedule.hours": N_("The first hour must come before the last one on the same day."),
    "schedule.skipped_hour": N_(
        "On %(on_date)s the clocks in %(zone)s go forward, and %(asked_time)s does not exist."
        " The campaign goes out at %(taken_time)s."
    ),
    "schedule.repeated_hour": N_(
        "On %(on_date)s the clocks in %(zone)s go back, and %(asked_time)s comes twice. The"
        " campaign goes out the first time."
    ),
    "schedule.spread": N_("Spread the campaign over 1 to %(most)s hours."),
    "schedule.pace": N_("Enter a whole number of emails per hour, from 1 to %(most)s."),
    "schedule.no_such_sender": N_(
        "The campaign cannot continue from that address: it was deleted, or it uses the same"
        " account. Choose another one."
    ),
}
