"""Provider accounts: problems with saving and using them."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "provider.name_missing": N_("Enter a name for the account, such as Amazon SES."),
    "provider.name_too_long": N_("The name is too long. Use at most %(most)s characters."),
    "provider.name_taken": N_("Another account already has this name."),
    "provider.number_invalid": N_("Enter a whole number from %(low)s to %(high)s."),
    "provider.value_invalid": N_("This value is not valid."),
    "provider.text_not_ascii": N_(
        "Use only plain letters, digits and symbols (ASCII), without line breaks."
    ),
    "provider.text_too_long": N_("This is too long. Use at most %(most)s characters."),
    "provider.host_missing": N_(
        "Enter the host name of the mail server, such as smtp.example.org."
    ),
    "provider.host_invalid": N_(
        "This is not a host name. Enter only the name, such as smtp.example.org, without https://"
        " or a port."
    ),
    "provider.password_unencrypted": N_(
        "Without encryption others could read the password. Choose STARTTLS or TLS, or leave the"
        " username and password empty."
    ),
    "provider.token_unencrypted": N_(
        "Without encryption others could read the access token. Choose STARTTLS or TLS."
    ),
    "provider.messages_unencrypted": N_(
        "Without encryption others could read every email. Choose STARTTLS or TLS, or confirm below"
        " that this network is private."
    ),
    "provider.certificate_unencrypted": N_(
        "A client certificate needs encryption. Choose STARTTLS or TLS."
    ),
    "provider.username_missing": N_("Enter the username that belongs to the password."),
    "provider.password_missing": N_("Enter the password."),
    "provider.password_again": N_(
        "Enter the password again. The stored one belongs to the previous server, port, encryption"
        " or username."
    ),
    "provider.mailbox_missing": N_("Enter the full address of the mailbox."),
    "provider.client_id_missing": N_(
        "Enter the client ID of the application that you registered with the provider."
    ),
    "provider.client_secret_again": N_(
        "Enter the client secret again. The stored one belongs to the previous server, port,"
        " encryption, username, token endpoint or client ID."
    ),
    "provider.refresh_token_missing": N_("Enter the refresh token."),
    "provider.refresh_token_again": N_(
        "Enter the refresh token and the client secret again. The stored ones belong to the"
        " previous server, port, encryption, username, token endpoint or client ID."
    ),
    "provider.certificate_missing": N_("Enter the certificate that belongs to the key."),
    "provider.certificate_again": N_(
        "Enter the certificate and its key again. The stored ones belong to the previous server,"
        " port, encryption or username."
    ),
    "provider.in_use": N_(
        "The account is used by %(addresses)s. Delete the sender address first, or choose another"
        " account for it."
    ),
    "provider.not_in_demo": N_(
        "This is a demo with made-up people, so emails go only to the built-in mailbox. Start"
        " Campaigns without --demo to connect a provider."
    ),
    "provider.kind_unknown": N_(
        "This version of Campaigns does not know accounts of the kind %(kind)s. Install a newer"
        " version."
    ),
    "provider.settings_invalid": N_(
        "The stored settings of the account “%(name)s” are not valid (%(field)s). Open the account"
        " in Settings, correct it and save it."
    ),
    "provider.limit_second": N_("%(count)s per second"),
    "provider.limit_minute": N_("%(count)s per minute"),
    "provider.limit_hour": N_("%(count)s per hour"),
    "provider.limit_day": N_("%(count)s per day"),
    # Well-known providers
    "provider.own_server": N_("Your own mail server"),
    "provider.built_in_mailbox": N_("Built-in mailbox (nothing leaves this machine)"),
    "provider.preset_no_limits": N_("With limits of 0, sending is as fast as the server allows."),
    "provider.preset_mailbox": N_(
        "For trying things out. Every email ends up on the Mailbox page."
    ),
    "provider.preset_gmail": N_(
        "The username is the full address. Google requires an app password: turn on 2-Step"
        " Verification in your Google account, then create one. Or log in with OAuth 2."
    ),
    "provider.preset_google_workspace": N_(
        "The username is the full address and the password an app password. Or log in with OAuth 2."
    ),
    "provider.preset_microsoft": N_(
        "Log in with OAuth 2. A password works only where the administrator allows it, and no"
        " longer with personal Outlook.com accounts."
    ),
    "provider.preset_amazon": N_(
        "Put your region into the host name, and use SMTP credentials rather than access keys. The"
        " SES console shows your own limits."
    ),
    "provider.preset_sendgrid": N_("The username is the word apikey, the password an API key."),
    "provider.preset_postmark": N_(
        "Newsletters need a broadcast stream. Its token is both the username and the password."
    ),
    "provider.preset_mailjet": N_("The username is the API key, the password the secret key."),
    "provider.preset_brevo": N_(
        "The username is the SMTP login, the password the SMTP key. Those of your Brevo account do"
        " not work."
    ),
    "provider.preset_sparkpost": N_("The password is an API key with permission to send by SMTP."),
    "provider.preset_resend": N_("The username is the word resend, the password an API key."),
    "provider.preset_app_password": N_(
        "The username is the full address, the password an app password."
    ),
    "provider.preset_icloud": N_(
        "The username is the full address, the password an app-specific password."
    ),
    "vault.secret_unreadable": N_(
        "A stored password cannot be read because SECRET_KEY has changed. Enter the password again,"
        " or add the old key to SECRET_KEY_FALLBACKS."
    ),
    "certificate.not_pem": N_(
        "This is not a certificate in PEM format. Enter the text from -----BEGIN CERTIFICATE-----"
        " to -----END CERTIFICATE-----."
    ),
    "certificate.key_not_pem": N_(
        "This is not a key in PEM format. Enter the text from -----BEGIN PRIVATE KEY----- to"
        " -----END PRIVATE KEY-----."
    ),
    "certificate.key_has_password": N_(
        "The key is protected by a password. Remove it first, for example with openssl pkey."
    ),
    "certificate.key_of_another": N_(
        "This key does not belong to the certificate of %(name)s. If there are several"
        " certificates, your own must come first."
    ),
    "url.invalid": N_("This is not a valid address."),
    "url.not_https": N_("Enter an address that starts with https://."),
    "url.with_login": N_("Enter the address without a username, password or #."),
    "url.number": N_("Enter the host name, or its IP address as four numbers from 0 to 255."),
}
