"""Well-known providers and the settings they need."""

from dataclasses import dataclass, fields

from campaigns.reason import Reason


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider's SMTP server and the limits it publishes. Limits of 0 mean none."""

    key: str
    name: str | Reason
    """Proper names are plain text: they are the same in every language."""
    host: str = ""
    port: int = 587
    security: str = "starttls"
    username: str = ""
    per_second: int = 0
    per_minute: int = 0
    per_hour: int = 0
    per_day: int = 0
    connections: int = 0
    messages_per_connection: int = 100
    rewrites_return_path: bool = False
    note: Reason | None = None
    echoed_header: str = ""
    """Header whose value its webhooks repeat, with `%s` for the token of a delivery."""
    token_url: str = ""
    """OAuth 2 token endpoint, if the provider accepts such logins."""
    token_scope: str = ""

    @property
    def values(self) -> dict[str, str | int | bool]:
        """What it fills in, by the name of each field of the form."""
        filled = (
            one.name
            for one in fields(self)
            if one.name not in {"key", "name", "note", "echoed_header"}
        )
        values = {name: getattr(self, name) for name in filled}
        return values if self.token_url else {**values, "auth": "password"}


_GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"
_GOOGLE_SCOPE = "https://mail.google.com/"
_MICROSOFT_TOKENS = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
_MICROSOFT_SCOPE = "https://outlook.office.com/SMTP.Send offline_access"

PRESETS = (
    Preset(
        "own",
        Reason("provider.own_server"),
        messages_per_connection=0,
        note=Reason("provider.preset_no_limits"),
    ),
    Preset(
        "gmail",
        "Gmail",
        "smtp.gmail.com",
        per_second=1,
        per_day=500,
        connections=5,
        rewrites_return_path=True,
        note=Reason("provider.preset_gmail"),
        token_url=_GOOGLE_TOKENS,
        token_scope=_GOOGLE_SCOPE,
    ),
    Preset(
        "google-workspace",
        "Google Workspace",
        "smtp.gmail.com",
        per_second=1,
        per_day=2000,
        connections=5,
        rewrites_return_path=True,
        note=Reason("provider.preset_google_workspace"),
        token_url=_GOOGLE_TOKENS,
        token_scope=_GOOGLE_SCOPE,
    ),
    Preset(
        "microsoft-365",
        "Outlook (Microsoft 365)",
        "smtp.office365.com",
        per_second=1,
        per_minute=30,
        per_day=10_000,
        connections=3,
        rewrites_return_path=True,
        note=Reason("provider.preset_microsoft"),
        token_url=_MICROSOFT_TOKENS,
        token_scope=_MICROSOFT_SCOPE,
    ),
    Preset(
        "amazon-ses",
        "Amazon SES",
        "email-smtp.eu-west-1.amazonaws.com",
        per_second=14,
        per_day=50_000,
        rewrites_return_path=True,
        echoed_header="X-SES-MESSAGE-TAGS: campaigns=%s",
        note=Reason("provider.preset_amazon"),
    ),
    Preset(
        "sendgrid",
        "SendGrid",
        "smtp.sendgrid.net",
        username="apikey",
        rewrites_return_path=True,
        echoed_header='X-SMTPAPI: {"unique_args": {"campaigns": "%s"}}',
        note=Reason("provider.preset_sendgrid"),
    ),
    Preset(
        "mailgun",
        "Mailgun",
        "smtp.mailgun.org",
        rewrites_return_path=True,
        echoed_header='X-Mailgun-Variables: {"campaigns": "%s"}',
    ),
    Preset(
        "postmark",
        "Postmark",
        "smtp-broadcasts.postmarkapp.com",
        connections=10,
        rewrites_return_path=True,
        echoed_header="X-PM-Metadata-campaigns: %s",
        note=Reason("provider.preset_postmark"),
    ),
    Preset(
        "mailjet",
        "Mailjet",
        "in-v3.mailjet.com",
        rewrites_return_path=True,
        echoed_header="X-MJ-CustomID: %s",
        note=Reason("provider.preset_mailjet"),
    ),
    Preset(
        "brevo",
        "Brevo",
        "smtp-relay.brevo.com",
        rewrites_return_path=True,
        echoed_header="X-Mailin-custom: %s",
        note=Reason("provider.preset_brevo"),
    ),
    Preset(
        "sparkpost",
        "SparkPost",
        "smtp.sparkpostmail.com",
        username="SMTP_Injection",
        rewrites_return_path=True,
        echoed_header='X-MSYS-API: {"metadata": {"campaigns": "%s"}}',
        note=Reason("provider.preset_sparkpost"),
    ),
    Preset(
        "resend",
        "Resend",
        "smtp.resend.com",
        465,
        "tls",
        username="resend",
        per_second=2,
        rewrites_return_path=True,
        note=Reason("provider.preset_resend"),
    ),
    Preset(
        "yahoo",
        "Yahoo Mail",
        "smtp.mail.yahoo.com",
        465,
        "tls",
        per_second=1,
        per_day=500,
        connections=5,
        rewrites_return_path=True,
        note=Reason("provider.preset_app_password"),
    ),
    Preset(
        "icloud",
        "iCloud Mail",
        "smtp.mail.me.com",
        per_second=1,
        per_day=1000,
        connections=5,
        rewrites_return_path=True,
        note=Reason("provider.preset_icloud"),
    ),
)


def presets(mailbox_port: int = 0) -> tuple[Preset, ...]:
    """Return all presets; the built-in mailbox comes first if it runs (its SMTP port)."""
    if not mailbox_port:
        return PRESETS
    mailbox = Preset(
        "mailbox",
        Reason("provider.built_in_mailbox"),
        "127.0.0.1",
        mailbox_port,
        "none",
        messages_per_connection=0,
        note=Reason("provider.preset_mailbox"),
    )
    return (mailbox, *PRESETS)


def echoed_header(key: str) -> str:
    """Return the header from which this provider copies our token into its webhooks, or ""."""
    return next((preset.echoed_header for preset in PRESETS if preset.key == key), "")


def key_of(chosen: str, host: str) -> str:
    """Return an account's well-known provider: the one chosen, else the one of its server."""
    known = {preset.key: preset for preset in PRESETS}
    if chosen in known and known[chosen].host in {"", host}:
        return chosen
    if host.startswith("email-smtp.") and host.endswith(".amazonaws.com"):
        return "amazon-ses"
    return next((preset.key for preset in PRESETS if preset.host == host), "")
