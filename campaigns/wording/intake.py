"""Why a mailbox cannot be saved or read."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "intake.choice_unknown": N_("Choose one of the options."),
    "intake.host_missing": N_("Enter the mail server, such as imap.example.org."),
    "intake.login_refused": N_(
        "%(host)s refused the login: %(error)s. Check the username and password."
    ),
    "intake.no_token": N_("The provider gave no access token. %(error)s"),
    "intake.not_in_demo": N_("The demo sends to its built-in mailbox only, so nothing comes back."),
    "intake.not_secure": N_(
        "The encrypted connection to %(host)s failed: %(error)s. Check the port, the encryption"
        " and the server’s certificate."
    ),
    "intake.password_missing": N_("Enter the password."),
    "intake.password_unencrypted": N_(
        "Choose TLS or STARTTLS: without encryption, the password could be read on the way."
    ),
    "intake.port_invalid": N_("Enter a port from 1 to 65,535: IMAP with TLS usually has 993."),
    "intake.port_unfit": N_(
        "This port does not fit the encryption: 993 and 995 are for TLS, 143 and 110 for STARTTLS."
    ),
    "intake.refresh_token_missing": N_("Enter the refresh token."),
    "intake.not_running": N_(
        "The mailbox for returned emails is not being read. Run “campaigns intake” on the server."
    ),
    "intake.refused": N_("%(host)s answered: %(error)s."),
    "intake.same_folder": N_(
        "Choose a different folder for processed emails. Otherwise they are read again and again."
    ),
    "intake.text_invalid": N_("Remove line breaks and special characters."),
    "intake.text_too_long": N_("Enter at most %(most)s characters."),
    "intake.token_refused": N_(
        "%(host)s refused the access token: %(error)s. Check the username and the scope. The next"
        " attempt requests a new token."
    ),
    "intake.token_url_invalid": N_("Enter the token endpoint; it starts with https://."),
    "intake.unexpected": N_(
        "An unexpected error occurred. The log of the intake has the details; it tries again soon."
    ),
    "intake.unreachable": N_(
        "%(host)s does not answer on port %(port)s: %(error)s. Check the server and the port."
    ),
    "intake.username_missing": N_("Enter the username, usually the full email address."),
}
