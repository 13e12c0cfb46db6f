"""Descriptions and problems of recurrence rules.

Descriptions are part of a sentence: "It goes out every Monday at 09:00."
"""

from campaigns.wording.messages import N_, Message, Plural

SENTENCES: dict[str, Message] = {
    "recurrence.daily": Plural("every day", "every %(interval)s days", by="interval"),
    "recurrence.workdays": N_("every weekday"),
    "recurrence.weekly": Plural(
        "every %(weekdays)s", "every %(interval)s weeks on %(weekdays)s", by="interval"
    ),
    "recurrence.first_weekday": Plural(
        "on the first %(weekdays)s of every month",
        "every %(interval)s months on the first %(weekdays)s",
        by="interval",
    ),
    "recurrence.second_weekday": Plural(
        "on the second %(weekdays)s of every month",
        "every %(interval)s months on the second %(weekdays)s",
        by="interval",
    ),
    "recurrence.third_weekday": Plural(
        "on the third %(weekdays)s of every month",
        "every %(interval)s months on the third %(weekdays)s",
        by="interval",
    ),
    "recurrence.fourth_weekday": Plural(
        "on the fourth %(weekdays)s of every month",
        "every %(interval)s months on the fourth %(weekdays)s",
        by="interval",
    ),
    "recurrence.last_weekday": Plural(
        "on the last %(weekdays)s of every month",
        "every %(interval)s months on the last %(weekdays)s",
        by="interval",
    ),
    "recurrence.day_of_month": Plural(
        "on day %(day)s of every month",
        "every %(interval)s months on day %(day)s",
        by="interval",
    ),
    "recurrence.late_day": Plural(
        "on day %(day)s of every month (the last day of shorter months)",
        "every %(interval)s months on day %(day)s (the last day of shorter months)",
        by="interval",
    ),
    "recurrence.last_day": Plural(
        "on the last day of every month",
        "every %(interval)s months on the last day",
        by="interval",
    ),
    "recurrence.until": N_("%(rule)s, until %(until_date)s"),
    "recurrence.times": Plural("%(rule)s, once", "%(rule)s, %(count)s times in all"),
    "recurrence.no_frequency": N_("Choose how often the campaign goes out."),
    "recurrence.no_last_day": N_("Choose the last day on which the campaign may go out."),
    "recurrence.no_weekday": N_("Choose at least one day of the week."),
    "recurrence.no_month_day": N_(
        "Choose a day of the month, such as the 15th or the first Monday."
    ),
    "recurrence.interval": N_("Choose an interval from 1 to %(most)s days, weeks or months."),
    "recurrence.two_ends": N_("Choose either a last day or a number of times, not both."),
    "recurrence.count": N_("A campaign can go out 1 to %(most)s times."),
    "recurrence.unreadable": N_("The rule of this series cannot be read: %(rule)s"),
    "recurrence.exists": N_("This draft is already a recurring campaign. Stop it first."),
    "recurrence.ends_early": N_(
        "The campaign would end before it begins. Choose a later last day."
    ),
    "recurrence.past": N_("All of these dates have passed. Choose a later one."),
}
