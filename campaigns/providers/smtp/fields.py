"""The form of an SMTP account."""

from campaigns.providers.fields import AccountField, Choice, Section
from campaigns.reason import Reason

MAX_PORT = 65_535
_ELSEWHERE = r"(?!localhost$|::1$|127(\.\d+){3}$).*"
"""Matches the host names of other machines. On this one, nobody can eavesdrop."""

_BY_PASSWORD = {"auth": "password"}
_BY_TOKEN = {"auth": "oauth2"}
_OAUTH = Section(Reason("account_form.oauth_section"), Reason("account_form.oauth2_hint"))
_CERTIFICATE = Section(
    Reason("account_form.certificate_section"), Reason("account_form.certificate_section_hint")
)

FIELDS = (
    AccountField(
        "host", Reason("account_form.host"), placeholder="smtp.example.org", is_required=True
    ),
    AccountField(
        "port",
        Reason("account_form.port"),
        is_required=True,
        is_beside=True,
        limits=(1, MAX_PORT),
    ),
    AccountField(
        "security",
        Reason("account_form.security"),
        choices=(
            Choice("starttls", "STARTTLS", Reason("account_form.starttls_hint")),
            Choice("tls", "TLS", Reason("account_form.tls_hint")),
            Choice(
                "none",
                Reason("account_form.no_encryption"),
                Reason("account_form.no_encryption_hint"),
            ),
        ),
    ),
    AccountField(
        "unencrypted_ok",
        Reason("account_form.unencrypted_ok"),
        Reason("account_form.unencrypted_ok_hint"),
        shown_if={"security": "none", "host": _ELSEWHERE},
    ),
    AccountField("username", Reason("account_form.username"), Reason("account_form.username_hint")),
    AccountField("password", Reason("account_form.password"), shown_if=_BY_PASSWORD),
    AccountField(
        "auth",
        Reason("account_form.auth"),
        choices=(
            Choice("password", Reason("account_form.password")),
            Choice("oauth2", "OAuth 2"),
        ),
        section=_OAUTH,
    ),
    AccountField(
        "token_url",
        Reason("account_form.token_url"),
        Reason("account_form.token_url_hint"),
        placeholder="https://login.example.org/token",
        shown_if=_BY_TOKEN,
        section=_OAUTH,
    ),
    AccountField(
        "token_scope",
        Reason("account_form.token_scope"),
        Reason("account_form.token_scope_hint"),
        shown_if=_BY_TOKEN,
        section=_OAUTH,
    ),
    AccountField(
        "client_id",
        Reason("account_form.client_id"),
        Reason("account_form.client_id_hint"),
        shown_if=_BY_TOKEN,
        section=_OAUTH,
    ),
    AccountField(
        "client_secret",
        Reason("account_form.client_secret"),
        Reason("account_form.client_secret_hint"),
        shown_if=_BY_TOKEN,
        section=_OAUTH,
    ),
    AccountField(
        "refresh_token",
        Reason("account_form.refresh_token"),
        shown_if=_BY_TOKEN,
        section=_OAUTH,
    ),
    AccountField(
        "client_certificate",
        Reason("account_form.client_certificate"),
        Reason("account_form.client_certificate_hint"),
        placeholder="-----BEGIN CERTIFICATE-----",
        is_multiline=True,
        section=_CERTIFICATE,
    ),
    AccountField(
        "client_key",
        Reason("account_form.client_key"),
        Reason("account_form.client_key_hint"),
        placeholder="-----BEGIN PRIVATE KEY-----",
        is_multiline=True,
        section=_CERTIFICATE,
        remove_label=Reason("account_form.remove_certificate"),
    ),
)
