"""Connection errors of providers, and findings of connection tests."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    # Connecting
    "connection.host_unknown": N_("No server named %(host)s exists. Check the host name."),
    "connection.refused": N_(
        "Port %(port)s at %(host)s refused the connection. Check the host name and port, or try"
        " 465 with TLS."
    ),
    "connection.unreachable": N_(
        "%(where)s could not be reached (%(error)s). Check the host name and port, and that the"
        " server is running."
    ),
    "connection.no_answer": N_(
        "%(where)s did not answer. Check the port, and whether a firewall blocks it."
    ),
    "connection.answered": N_("%(where)s answered: %(reply)s."),
    "connection.failed": N_("The connection to %(where)s failed (%(error)s)."),
    "connection.certificate_untrusted": N_(
        "The certificate of %(where)s cannot be trusted: %(error)s. Use the host name that the"
        " certificate was issued for."
    ),
    "connection.tls_failed": N_(
        "%(where)s did not complete the TLS handshake (%(error)s). Port 587 usually needs"
        " STARTTLS, and port 465 TLS."
    ),
    "connection.no_starttls": N_(
        "%(where)s does not offer encryption (STARTTLS). Use another port, or allow this account to"
        " send without encryption."
    ),
    "connection.certificate_unusable": N_(
        "The client certificate for %(where)s cannot be used (%(error)s). It must be PEM text of"
        " the certificate and its key, without a password."
    ),
    # Logging in
    "connection.no_login_offered": N_(
        "%(where)s does not accept logins. Remove the username, or use the provider’s submission"
        " port."
    ),
    "connection.no_common_login": N_(
        "%(where)s offers no login method that can be used here. It offers %(offered)s; supported"
        " are %(known)s."
    ),
    "connection.login_refused": N_(
        "%(where)s refused the login: %(reply)s. Check the username and password."
    ),
    "connection.token_login_refused": N_(
        "%(where)s refused the login: %(reply)s. Grant access again at the provider and enter the"
        " new refresh token."
    ),
    "connection.hint_google": N_(
        "Google does not accept your ordinary password. Turn on 2-Step Verification in your Google"
        " account, create an app password and enter that, or log in with OAuth 2."
    ),
    "connection.hint_microsoft": N_(
        "Microsoft accepts passwords only where the administrator allows SMTP AUTH, and no longer"
        " for personal Outlook.com accounts. Log in with OAuth 2."
    ),
    "connection.hint_amazon": N_(
        "Amazon SES needs SMTP credentials, which you create in its console. Access keys do not"
        " work."
    ),
    "connection.hint_sendgrid": N_(
        "SendGrid needs the word apikey as the username and an API key as the password."
    ),
    # Access tokens
    "connection.token_refused": N_("%(host)s did not issue an access token: %(error)s."),
    "connection.token_revoked": N_(
        "%(host)s did not issue an access token: %(error)s. Grant access again there and enter the"
        " new refresh token."
    ),
    "connection.token_client_refused": N_(
        "%(host)s did not issue an access token: %(error)s. Check the client ID and client secret."
    ),
    "connection.token_redirected": N_(
        "%(host)s did not issue an access token: %(error)s. It redirects elsewhere; enter the"
        " address of the token endpoint itself."
    ),
    "connection.token_host_unknown": N_(
        "No server named %(host)s exists. Check the token endpoint."
    ),
    "connection.token_host_private": N_(
        "%(host)s is on a private network. A token endpoint must be on the public internet."
    ),
    "connection.token_certificate_untrusted": N_(
        "The certificate of %(host)s cannot be trusted: %(error)s."
    ),
    "connection.token_no_answer": N_(
        "%(host)s did not answer the request for an access token. Try again later."
    ),
    "connection.token_url_unusable": N_(
        "The token endpoint at %(host)s cannot be used. Check its address."
    ),
    "connection.token_unreachable": N_(
        "%(host)s could not be asked for an access token (%(error)s). Check the token endpoint."
    ),
    # Sending
    "connection.took_too_long": N_("The server did not answer in time."),
    "connection.answers_nothing": N_(
        "%(where)s took %(count)s messages in a row and answered none of them. Ask the provider"
        " why, then resume."
    ),
    "connection.takes_no_message": N_("%(where)s accepts connections but no messages: %(reply)s."),
    "connection.message_failed": N_("The next message could not be prepared: %(error)s"),
    "connection.journal_failed": N_(
        "The delivery journal could not be written, so nothing more was sent: %(error)s"
    ),
    # The connection test
    "connection.test_too_slow": N_(
        "%(where)s did not finish answering within %(limit_seconds)s. Check the host name and"
        " port, and whether a firewall blocks them."
    ),
    "connection.closed_after_login": N_("%(where)s closed the connection after the login."),
    "connection.sender_refused": N_("The server refuses %(sender)s as the sender: %(reply)s."),
    "connection.encrypted": N_("Connected to %(where)s, encrypted with %(protocol)s."),
    "connection.unencrypted": N_("Connected to %(where)s without encryption."),
    "connection.certificate_shown": N_("Used the client certificate of %(name)s."),
    "connection.logged_in": N_("Logged in as %(username)s."),
    "connection.without_login": N_("Not logged in, as the account has no username."),
    "connection.largest_message": N_("Messages can be up to %(size_bytes)s."),
    "connection.takes_unicode": N_("Addresses can be in any script."),
}
