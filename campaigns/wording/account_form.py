"""The form of a provider account: labels and hints of the fields that its kind has."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "account_form.host": N_("Server"),
    "account_form.port": N_("Port"),
    "account_form.security": N_("Encryption"),
    "account_form.starttls_hint": N_("Usually on port 587."),
    "account_form.tls_hint": N_("Usually on port 465."),
    "account_form.no_encryption": N_("None"),
    "account_form.no_encryption_hint": N_("Only for a server on this machine."),
    "account_form.unencrypted": N_("unencrypted"),
    "account_form.unencrypted_ok": N_("Send unencrypted to another machine"),
    "account_form.unencrypted_ok_hint": N_(
        "Anyone on the network can read every email. Use this only in a private network."
    ),
    "account_form.username": N_("Username"),
    "account_form.username_hint": N_("Leave empty if the server asks for no login."),
    "account_form.auth": N_("Login method"),
    "account_form.password": N_("Password"),
    "account_form.oauth2_hint": N_("With access tokens, as Google and Microsoft require."),
    "account_form.token_url": N_("Token endpoint"),
    "account_form.token_url_hint": N_("Where access tokens are requested."),
    "account_form.token_scope": N_("Scope"),
    "account_form.token_scope_hint": N_("What the token allows, if your provider asks for it."),
    "account_form.client_id": N_("Client ID"),
    "account_form.client_id_hint": N_("Of the application you registered at the provider."),
    "account_form.client_secret": N_("Client secret"),
    "account_form.client_secret_hint": N_("Some applications have none."),
    "account_form.refresh_token": N_("Refresh token"),
    "account_form.oauth_section": N_("Login with OAuth"),
    "account_form.certificate_section": N_("TLS client certificate"),
    "account_form.certificate_section_hint": N_(
        "For a server that asks for one, in addition to the login or instead of it."
    ),
    "account_form.client_certificate": N_("Certificate"),
    "account_form.client_certificate_hint": N_(
        "PEM text: your certificate first, then its issuers."
    ),
    "account_form.client_key": N_("Private key"),
    "account_form.client_key_hint": N_("PEM text without a password."),
    "account_form.remove_certificate": N_("Remove certificate"),
    "account_form.certificate_valid": N_("%(name)s, valid until %(ends_at)s"),
    "account_form.certificate_expired": N_("%(name)s, expired %(ends_at)s"),
}
