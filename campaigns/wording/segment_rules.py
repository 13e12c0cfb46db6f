"""What the rules of a segment say, as clauses that continue "Subscribers"."""

from campaigns.wording.messages import N_, Message, Plural

SENTENCES: dict[str, Message] = {
    # Groups
    "segments.everyone": N_("Every subscriber."),
    "segments.nobody": N_("No subscriber."),
    "segments.people_all": N_("Subscribers %(all_of)s."),
    "segments.people_any": N_("Subscribers %(any_of)s."),
    "segments.people_none": N_("Every subscriber, except those %(any_of)s."),
    "segments.group_all": N_("(%(all_of)s)"),
    "segments.group_any": N_("(%(any_of)s)"),
    "segments.group_none": N_("who match none of these: (%(any_of)s)"),
    "segments.group_everyone": N_("who may be anyone"),
    "segments.group_nobody": N_("who match an empty group"),
    "segments.more_values": Plural("%(count)s more", "%(count)s more"),
    # Lists
    "segments.list_is_subscribed": N_("who are subscribed to “%(list)s”"),
    "segments.list_is_subscribed_in_last_days": Plural(
        "who subscribed to “%(list)s” in the last day",
        "who subscribed to “%(list)s” in the last %(days)s days",
        by="days",
    ),
    "segments.list_is_subscribed_before_last_days": Plural(
        "who subscribed to “%(list)s” more than a day ago",
        "who subscribed to “%(list)s” more than %(days)s days ago",
        by="days",
    ),
    "segments.list_is_not_subscribed": N_("who are not subscribed to “%(list)s”"),
    "segments.list_is_not_subscribed_in_last_days": Plural(
        "who did not subscribe to “%(list)s” in the last day",
        "who did not subscribe to “%(list)s” in the last %(days)s days",
        by="days",
    ),
    "segments.list_is_not_subscribed_before_last_days": Plural(
        "who did not subscribe to “%(list)s” more than a day ago",
        "who did not subscribe to “%(list)s” more than %(days)s days ago",
        by="days",
    ),
    "segments.list_is_pending": N_("who have yet to confirm “%(list)s”"),
    "segments.list_is_pending_in_last_days": Plural(
        "who have an unconfirmed sign-up for “%(list)s” from the last day",
        "who have an unconfirmed sign-up for “%(list)s” from the last %(days)s days",
        by="days",
    ),
    "segments.list_is_pending_before_last_days": Plural(
        "who have an unconfirmed sign-up for “%(list)s” from more than a day ago",
        "who have an unconfirmed sign-up for “%(list)s” from more than %(days)s days ago",
        by="days",
    ),
    "segments.list_is_not_pending": N_("who are not waiting to confirm “%(list)s”"),
    "segments.list_is_not_pending_in_last_days": Plural(
        "who have no unconfirmed sign-up for “%(list)s” from the last day",
        "who have no unconfirmed sign-up for “%(list)s” from the last %(days)s days",
        by="days",
    ),
    "segments.list_is_not_pending_before_last_days": Plural(
        "who have no unconfirmed sign-up for “%(list)s” from more than a day ago",
        "who have no unconfirmed sign-up for “%(list)s” from more than %(days)s days ago",
        by="days",
    ),
    "segments.list_is_unsubscribed": N_("who have unsubscribed from “%(list)s”"),
    "segments.list_is_unsubscribed_in_last_days": Plural(
        "who unsubscribed from “%(list)s” in the last day",
        "who unsubscribed from “%(list)s” in the last %(days)s days",
        by="days",
    ),
    "segments.list_is_unsubscribed_before_last_days": Plural(
        "who unsubscribed from “%(list)s” more than a day ago",
        "who unsubscribed from “%(list)s” more than %(days)s days ago",
        by="days",
    ),
    "segments.list_is_not_unsubscribed": N_("who have not unsubscribed from “%(list)s”"),
    "segments.list_is_not_unsubscribed_in_last_days": Plural(
        "who did not unsubscribe from “%(list)s” in the last day",
        "who did not unsubscribe from “%(list)s” in the last %(days)s days",
        by="days",
    ),
    "segments.list_is_not_unsubscribed_before_last_days": Plural(
        "who did not unsubscribe from “%(list)s” more than a day ago",
        "who did not unsubscribe from “%(list)s” more than %(days)s days ago",
        by="days",
    ),
    "segments.list_is_any": N_("who have ever been on “%(list)s”"),
    "segments.list_is_any_in_last_days": Plural(
        "who changed their status on “%(list)s” in the last day",
        "who changed their status on “%(list)s” in the last %(days)s days",
        by="days",
    ),
    "segments.list_is_any_before_last_days": Plural(
        "who changed their status on “%(list)s” more than a day ago",
        "who changed their status on “%(list)s” more than %(days)s days ago",
        by="days",
    ),
    "segments.list_is_not_any": N_("who have never been on “%(list)s”"),
    "segments.list_is_not_any_in_last_days": Plural(
        "who did not change their status on “%(list)s” in the last day",
        "who did not change their status on “%(list)s” in the last %(days)s days",
        by="days",
    ),
    "segments.list_is_not_any_before_last_days": Plural(
        "who did not change their status on “%(list)s” more than a day ago",
        "who did not change their status on “%(list)s” more than %(days)s days ago",
        by="days",
    ),
    # Tags
    "segments.tag_has_any": N_("who have the tag %(any_of)s"),
    "segments.tag_has_all": N_("who have the tags %(all_of)s"),
    "segments.tag_has_none": N_("who do not have the tag %(any_of)s"),
    # Values of fields, names and addresses
    "segments.value_is": N_("whose %(label)s is %(any_of)s"),
    "segments.value_is_not": N_("whose %(label)s is not %(any_of)s"),
    "segments.value_contains": N_("whose %(label)s contains %(any_of)s"),
    "segments.value_not_contains": N_("whose %(label)s does not contain %(any_of)s"),
    "segments.value_starts_with": N_("whose %(label)s starts with %(any_of)s"),
    "segments.value_ends_with": N_("whose %(label)s ends with %(any_of)s"),
    "segments.value_has_value": N_("whose %(label)s has a value"),
    "segments.value_no_value": N_("whose %(label)s is empty"),
    "segments.value_less": N_("whose %(label)s is less than %(any_of)s"),
    "segments.value_at_most": N_("whose %(label)s is at most %(any_of)s"),
    "segments.value_more": N_("whose %(label)s is more than %(any_of)s"),
    "segments.value_at_least": N_("whose %(label)s is at least %(any_of)s"),
    "segments.value_between": N_("whose %(label)s is between %(all_of)s"),
    "segments.value_is_true": N_("whose %(label)s is yes"),
    "segments.value_is_false": N_("whose %(label)s is no"),
    "segments.value_has_any": N_("whose %(label)s includes %(any_of)s"),
    "segments.value_has_all": N_("whose %(label)s includes %(all_of)s"),
    "segments.value_has_none": N_("whose %(label)s does not include %(any_of)s"),
    "segments.date_on": N_("whose %(label)s is on %(any_of)s"),
    "segments.date_before": N_("whose %(label)s is before %(any_of)s"),
    "segments.date_after": N_("whose %(label)s is after %(any_of)s"),
    "segments.date_between": N_("whose %(label)s is between %(all_of)s"),
    "segments.date_in_last_days": Plural(
        "whose %(label)s is in the last day",
        "whose %(label)s is in the last %(days)s days",
        by="days",
    ),
    "segments.date_not_in_last_days": Plural(
        "whose %(label)s is not in the last day",
        "whose %(label)s is not in the last %(days)s days",
        by="days",
    ),
    "segments.date_in_next_days": Plural(
        "whose %(label)s is in the next day",
        "whose %(label)s is in the next %(days)s days",
        by="days",
    ),
    "segments.date_anniversary_in_days": Plural(
        "whose %(label)s has an anniversary in the next day",
        "whose %(label)s has an anniversary in the next %(days)s days",
        by="days",
    ),
    # Dates
    "segments.added_on": N_("who were added on %(any_of)s"),
    "segments.added_before": N_("who were added before %(any_of)s"),
    "segments.added_after": N_("who were added after %(any_of)s"),
    "segments.added_between": N_("who were added between %(all_of)s"),
    "segments.added_in_last_days": Plural(
        "who were added in the last day",
        "who were added in the last %(days)s days",
        by="days",
    ),
    "segments.added_not_in_last_days": Plural(
        "who were not added in the last day",
        "who were not added in the last %(days)s days",
        by="days",
    ),
    "segments.added_in_next_days": Plural(
        "who are added in the next day",
        "who are added in the next %(days)s days",
        by="days",
    ),
    # Changes
    "segments.changed_on": N_("who were last changed on %(any_of)s"),
    "segments.changed_before": N_("who were last changed before %(any_of)s"),
    "segments.changed_after": N_("who were last changed after %(any_of)s"),
    "segments.changed_between": N_("who were last changed between %(all_of)s"),
    "segments.changed_in_last_days": Plural(
        "who were last changed in the last day",
        "who were last changed in the last %(days)s days",
        by="days",
    ),
    "segments.changed_not_in_last_days": Plural(
        "who were not last changed in the last day",
        "who were not last changed in the last %(days)s days",
        by="days",
    ),
    "segments.changed_in_next_days": Plural(
        "who are last changed in the next day",
        "who are last changed in the next %(days)s days",
        by="days",
    ),
    # Other
    "segments.import_is": N_("who were in the import “%(name)s”"),
    "segments.import_is_not": N_("who were not in the import “%(name)s”"),
    "segments.consent_has": N_("who gave consent: %(channel)s"),
    "segments.consent_has_not": N_("who did not give consent: %(channel)s"),
    "segments.consent_has_list": N_("who gave consent for “%(list)s”: %(channel)s"),
    "segments.consent_has_not_list": N_("who did not give consent for “%(list)s”: %(channel)s"),
    "segments.suppressed_is": N_("who are on the suppression list"),
    "segments.suppressed_is_not": N_("who are not on the suppression list"),
    "segments.random": N_("who belong to a random %(share_percent)s of all subscribers"),
    "segments.segment_in": N_("who are in the segment “%(name)s”"),
    "segments.segment_not_in": N_("who are not in the segment “%(name)s”"),
    "segments.engagement_is_one_of": N_("whose engagement is %(any_of)s"),
    "segments.engagement_is_none_of": N_("whose engagement is not %(any_of)s"),
    # Sent
    "segments.sent_never_any_ever": N_("who were never sent any campaign"),
    "segments.sent_at_least_any_ever": Plural(
        "who were sent at least %(count)s campaign",
        "who were sent at least %(count)s campaigns",
        by="count",
    ),
    "segments.sent_at_most_any_ever": Plural(
        "who were sent at most %(count)s campaign",
        "who were sent at most %(count)s campaigns",
        by="count",
    ),
    "segments.sent_exactly_any_ever": Plural(
        "who were sent exactly %(count)s campaign",
        "who were sent exactly %(count)s campaigns",
        by="count",
    ),
    "segments.sent_never_any_days": N_("who were not sent any campaign in the last %(days)s days"),
    "segments.sent_at_least_any_days": Plural(
        "who were sent at least %(count)s campaign in the last %(days)s days",
        "who were sent at least %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.sent_at_most_any_days": Plural(
        "who were sent at most %(count)s campaign in the last %(days)s days",
        "who were sent at most %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.sent_exactly_any_days": Plural(
        "who were sent exactly %(count)s campaign in the last %(days)s days",
        "who were sent exactly %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.sent_never_these_ever": N_("who were never sent %(any_of)s"),
    "segments.sent_at_least_these_ever": Plural(
        "who were sent at least %(count)s of %(all_of)s",
        "who were sent at least %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.sent_at_most_these_ever": Plural(
        "who were sent at most %(count)s of %(all_of)s",
        "who were sent at most %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.sent_exactly_these_ever": Plural(
        "who were sent exactly %(count)s of %(all_of)s",
        "who were sent exactly %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.sent_never_these_days": N_("who were not sent %(any_of)s in the last %(days)s days"),
    "segments.sent_at_least_these_days": Plural(
        "who were sent at least %(count)s of %(all_of)s in the last %(days)s days",
        "who were sent at least %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    "segments.sent_at_most_these_days": Plural(
        "who were sent at most %(count)s of %(all_of)s in the last %(days)s days",
        "who were sent at most %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    "segments.sent_exactly_these_days": Plural(
        "who were sent exactly %(count)s of %(all_of)s in the last %(days)s days",
        "who were sent exactly %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    # Opened
    "segments.opened_never_any_ever": N_("who never opened any campaign"),
    "segments.opened_at_least_any_ever": Plural(
        "who opened at least %(count)s campaign",
        "who opened at least %(count)s campaigns",
        by="count",
    ),
    "segments.opened_at_most_any_ever": Plural(
        "who opened at most %(count)s campaign",
        "who opened at most %(count)s campaigns",
        by="count",
    ),
    "segments.opened_exactly_any_ever": Plural(
        "who opened exactly %(count)s campaign",
        "who opened exactly %(count)s campaigns",
        by="count",
    ),
    "segments.opened_never_any_days": N_("who did not open any campaign in the last %(days)s days"),
    "segments.opened_at_least_any_days": Plural(
        "who opened at least %(count)s campaign in the last %(days)s days",
        "who opened at least %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.opened_at_most_any_days": Plural(
        "who opened at most %(count)s campaign in the last %(days)s days",
        "who opened at most %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.opened_exactly_any_days": Plural(
        "who opened exactly %(count)s campaign in the last %(days)s days",
        "who opened exactly %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.opened_never_these_ever": N_("who never opened %(any_of)s"),
    "segments.opened_at_least_these_ever": Plural(
        "who opened at least %(count)s of %(all_of)s",
        "who opened at least %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.opened_at_most_these_ever": Plural(
        "who opened at most %(count)s of %(all_of)s",
        "who opened at most %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.opened_exactly_these_ever": Plural(
        "who opened exactly %(count)s of %(all_of)s",
        "who opened exactly %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.opened_never_these_days": N_("who did not open %(any_of)s in the last %(days)s days"),
    "segments.opened_at_least_these_days": Plural(
        "who opened at least %(count)s of %(all_of)s in the last %(days)s days",
        "who opened at least %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    "segments.opened_at_most_these_days": Plural(
        "who opened at most %(count)s of %(all_of)s in the last %(days)s days",
        "who opened at most %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    "segments.opened_exactly_these_days": Plural(
        "who opened exactly %(count)s of %(all_of)s in the last %(days)s days",
        "who opened exactly %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    # Clicked
    "segments.clicked_never_any_ever": N_("who never clicked a link in any campaign"),
    "segments.clicked_at_least_any_ever": Plural(
        "who clicked a link in at least %(count)s campaign",
        "who clicked a link in at least %(count)s campaigns",
        by="count",
    ),
    "segments.clicked_at_most_any_ever": Plural(
        "who clicked a link in at most %(count)s campaign",
        "who clicked a link in at most %(count)s campaigns",
        by="count",
    ),
    "segments.clicked_exactly_any_ever": Plural(
        "who clicked a link in exactly %(count)s campaign",
        "who clicked a link in exactly %(count)s campaigns",
        by="count",
    ),
    "segments.clicked_never_any_days": N_(
        "who did not click a link in any campaign in the last %(days)s days"
    ),
    "segments.clicked_at_least_any_days": Plural(
        "who clicked a link in at least %(count)s campaign in the last %(days)s days",
        "who clicked a link in at least %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.clicked_at_most_any_days": Plural(
        "who clicked a link in at most %(count)s campaign in the last %(days)s days",
        "who clicked a link in at most %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.clicked_exactly_any_days": Plural(
        "who clicked a link in exactly %(count)s campaign in the last %(days)s days",
        "who clicked a link in exactly %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.clicked_never_these_ever": N_("who never clicked a link in %(any_of)s"),
    "segments.clicked_at_least_these_ever": Plural(
        "who clicked a link in at least %(count)s of %(all_of)s",
        "who clicked a link in at least %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.clicked_at_most_these_ever": Plural(
        "who clicked a link in at most %(count)s of %(all_of)s",
        "who clicked a link in at most %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.clicked_exactly_these_ever": Plural(
        "who clicked a link in exactly %(count)s of %(all_of)s",
        "who clicked a link in exactly %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.clicked_never_these_days": N_(
        "who did not click a link in %(any_of)s in the last %(days)s days"
    ),
    "segments.clicked_at_least_these_days": Plural(
        "who clicked a link in at least %(count)s of %(all_of)s in the last %(days)s days",
        "who clicked a link in at least %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    "segments.clicked_at_most_these_days": Plural(
        "who clicked a link in at most %(count)s of %(all_of)s in the last %(days)s days",
        "who clicked a link in at most %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    "segments.clicked_exactly_these_days": Plural(
        "who clicked a link in exactly %(count)s of %(all_of)s in the last %(days)s days",
        "who clicked a link in exactly %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    # Bounced
    "segments.bounced_never_any_ever": N_("who never bounced in any campaign"),
    "segments.bounced_at_least_any_ever": Plural(
        "who bounced in at least %(count)s campaign",
        "who bounced in at least %(count)s campaigns",
        by="count",
    ),
    "segments.bounced_at_most_any_ever": Plural(
        "who bounced in at most %(count)s campaign",
        "who bounced in at most %(count)s campaigns",
        by="count",
    ),
    "segments.bounced_exactly_any_ever": Plural(
        "who bounced in exactly %(count)s campaign",
        "who bounced in exactly %(count)s campaigns",
        by="count",
    ),
    "segments.bounced_never_any_days": N_(
        "who did not bounce in any campaign in the last %(days)s days"
    ),
    "segments.bounced_at_least_any_days": Plural(
        "who bounced in at least %(count)s campaign in the last %(days)s days",
        "who bounced in at least %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.bounced_at_most_any_days": Plural(
        "who bounced in at most %(count)s campaign in the last %(days)s days",
        "who bounced in at most %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.bounced_exactly_any_days": Plural(
        "who bounced in exactly %(count)s campaign in the last %(days)s days",
        "who bounced in exactly %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.bounced_never_these_ever": N_("who never bounced in %(any_of)s"),
    "segments.bounced_at_least_these_ever": Plural(
        "who bounced in at least %(count)s of %(all_of)s",
        "who bounced in at least %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.bounced_at_most_these_ever": Plural(
        "who bounced in at most %(count)s of %(all_of)s",
        "who bounced in at most %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.bounced_exactly_these_ever": Plural(
        "who bounced in exactly %(count)s of %(all_of)s",
        "who bounced in exactly %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.bounced_never_these_days": N_(
        "who did not bounce in %(any_of)s in the last %(days)s days"
    ),
    "segments.bounced_at_least_these_days": Plural(
        "who bounced in at least %(count)s of %(all_of)s in the last %(days)s days",
        "who bounced in at least %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    "segments.bounced_at_most_these_days": Plural(
        "who bounced in at most %(count)s of %(all_of)s in the last %(days)s days",
        "who bounced in at most %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    "segments.bounced_exactly_these_days": Plural(
        "who bounced in exactly %(count)s of %(all_of)s in the last %(days)s days",
        "who bounced in exactly %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    # Clicked link
    "segments.clicked_link_never_any_ever": N_("who never clicked %(link)s in any campaign"),
    "segments.clicked_link_at_least_any_ever": Plural(
        "who clicked %(link)s in at least %(count)s campaign",
        "who clicked %(link)s in at least %(count)s campaigns",
        by="count",
    ),
    "segments.clicked_link_at_most_any_ever": Plural(
        "who clicked %(link)s in at most %(count)s campaign",
        "who clicked %(link)s in at most %(count)s campaigns",
        by="count",
    ),
    "segments.clicked_link_exactly_any_ever": Plural(
        "who clicked %(link)s in exactly %(count)s campaign",
        "who clicked %(link)s in exactly %(count)s campaigns",
        by="count",
    ),
    "segments.clicked_link_never_any_days": N_(
        "who did not click %(link)s in any campaign in the last %(days)s days"
    ),
    "segments.clicked_link_at_least_any_days": Plural(
        "who clicked %(link)s in at least %(count)s campaign in the last %(days)s days",
        "who clicked %(link)s in at least %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.clicked_link_at_most_any_days": Plural(
        "who clicked %(link)s in at most %(count)s campaign in the last %(days)s days",
        "who clicked %(link)s in at most %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.clicked_link_exactly_any_days": Plural(
        "who clicked %(link)s in exactly %(count)s campaign in the last %(days)s days",
        "who clicked %(link)s in exactly %(count)s campaigns in the last %(days)s days",
        by="count",
    ),
    "segments.clicked_link_never_these_ever": N_("who never clicked %(link)s in %(any_of)s"),
    "segments.clicked_link_at_least_these_ever": Plural(
        "who clicked %(link)s in at least %(count)s of %(all_of)s",
        "who clicked %(link)s in at least %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.clicked_link_at_most_these_ever": Plural(
        "who clicked %(link)s in at most %(count)s of %(all_of)s",
        "who clicked %(link)s in at most %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.clicked_link_exactly_these_ever": Plural(
        "who clicked %(link)s in exactly %(count)s of %(all_of)s",
        "who clicked %(link)s in exactly %(count)s of %(all_of)s",
        by="count",
    ),
    "segments.clicked_link_never_these_days": N_(
        "who did not click %(link)s in %(any_of)s in the last %(days)s days"
    ),
    "segments.clicked_link_at_least_these_days": Plural(
        "who clicked %(link)s in at least %(count)s of %(all_of)s in the last %(days)s days",
        "who clicked %(link)s in at least %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    "segments.clicked_link_at_most_these_days": Plural(
        "who clicked %(link)s in at most %(count)s of %(all_of)s in the last %(days)s days",
        "who clicked %(link)s in at most %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
    "segments.clicked_link_exactly_these_days": Plural(
        "who clicked %(link)s in exactly %(count)s of %(all_of)s in the last %(days)s days",
        "who clicked %(link)s in exactly %(count)s of %(all_of)s in the last %(days)s days",
        by="count",
    ),
}
