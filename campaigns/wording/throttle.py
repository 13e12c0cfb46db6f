"""Descriptions of reply rules, and problems of limits, warm-ups and reply rules."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "throttle.own_note": "%(text)s",
    "throttle.choose_group": N_("Choose a mailbox provider."),
    "throttle.choose_preset": N_("Choose a provider."),
    "throttle.choose_action": N_("Choose what the rule does."),
    "throttle.last_day": N_("The last day cannot have fewer emails than the first."),
    "throttle.too_many_days": N_("Enter at most %(most)s days."),
    "throttle.steps": N_("Enter a whole number for each day, such as 200 300 450."),
    "throttle.too_many_rules": N_("You have %(most)s rules of your own. Delete one first."),
    "throttle.note": N_("Describe the rule in at most %(most)s characters: people see this text."),
    "throttle.no_minutes": N_("Enter a number of minutes."),
    "throttle.no_amount": N_("Enter a number."),
    "throttle.no_pattern": N_("Enter the words to look for."),
    "throttle.fits_all": N_("This matches every reply. Leave out the part that may be empty."),
    "throttle.fits_all_codes": N_(
        "This matches every reply, as each one begins with a code. Enter words of the reply."
    ),
    "throttle.number": N_("Enter a whole number from %(low)s to %(high)s."),
    "throttle.rule_slow": N_("at most %(count)s per minute to %(whom)s for %(time_seconds)s"),
    "throttle.rule_halve": N_("half the speed to %(whom)s, then gradually faster"),
    "throttle.rule_at_once": N_("%(count)s at a time to %(whom)s, then gradually more"),
    "throttle.rule_suspend": N_("nothing to %(whom)s for %(time_seconds)s"),
    "throttle.rule_suspend_slowly": N_(
        "nothing to %(whom)s for %(time_seconds)s, then %(count)s at a time and gradually more"
    ),
    "throttle.rule_pause_campaign": N_("the campaign is paused"),
    "throttle.rule_pause_provider": N_("all campaigns of the account are paused"),
    "throttle.rule_account": N_("the account"),
    "throttle.rule_group": N_("this mailbox provider"),
}
