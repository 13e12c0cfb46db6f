"""Reasons why an account or the workspace cannot be saved, and names of sessions."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "account.address_taken": N_("An account with this address already exists."),
    "account.already_set_up": N_("An account already exists. Log in instead."),
    "account.name_too_long": N_("The name is too long. Use at most %(most)s characters."),
    "account.passwords_differ": N_("The two passwords differ. Enter them again."),
    "password.too_few_characters": N_(
        "The password has too few different characters. Use at least four."
    ),
    "password.too_long": N_("The password is too long. Use at most %(most)s characters."),
    "session.browser": "%(browser)s",
    "session.browser_on_system": N_("%(browser)s on %(system)s"),
    "session.unknown_browser": N_("Unknown browser"),
    "password.too_short": N_("The password is too short. Use at least %(least)s characters."),
    "workspace.bad_overdue_minutes": N_("Enter a whole number from 1 to %(most)s."),
    "workspace.bad_undo_window": N_("Enter a whole number from 0 to %(most)s."),
    "workspace.name_missing": N_("Enter the name of your organization."),
    "workspace.name_too_long": N_("The name is too long. Use at most %(most)s characters."),
    "workspace.postal_address_too_long": N_(
        "The address is too long. Use at most %(most)s characters."
    ),
    "workspace.unknown_time_zone": N_(
        "This time zone is not known. Choose one such as Europe/Berlin."
    ),
}
