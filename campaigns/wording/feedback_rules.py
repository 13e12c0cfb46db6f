"""Why the rules for bounces and complaints cannot be saved."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "feedback_rules.bad_number": N_("Enter a whole number from %(least)s to %(most)s."),
    "feedback_rules.bad_percentage": N_("Enter a percentage above 0, such as 0.1."),
    "feedback_rules.pause_below_alarm": N_(
        "The percentage for pausing cannot be lower than the one for the alert."
    ),
}
