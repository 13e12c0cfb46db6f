"""Text that does not go through gettext, for a reason."""

FOR_OPERATORS = (
    "cli/",
    "supervisor/",
    "config.py",
    "migrate.py",
    "outages.py",
    "permissions.py",
)
"""Modules whose text is shown in a terminal or the log, which are in English."""

AS_IT_IS: dict[str, set[str]] = {
    # Names of products and companies
    "accounts/sessions.py": {"Samsung Internet", "Mac OS X|Macintosh"},
    "audience/mailbox_providers.py": {
        "La Poste",
        "Trend Micro",
        "Virgin Media",
        "Wirtualna Polska",
    },
    # Events as providers name them, to tick there
    "events/webhooks/amazon_ses.py": {
        "Amazon SES",
        "Delivery delays",
        "Hard bounces",
        "Rendering Failure",
        "Rendering failures",
    },
    "events/webhooks/brevo.py": {"Hard bounce", "Invalid email", "Soft bounce"},
    "events/webhooks/mailgun.py": {
        "Delivered Messages",
        "Permanent Failure",
        "Spam Complaints",
        "Temporary Failure",
    },
    "events/webhooks/postmark.py": {"Spam complaint", "Subscription change"},
    "events/webhooks/sendgrid.py": {"Group Unsubscribed", "Spam Reports"},
    "events/webhooks/sparkpost.py": {
        "Generation Failure",
        "Generation Rejection",
        "Link Unsubscribe",
        "List Unsubscribe",
        "Out of Band",
        "Policy Rejection",
        "Spam Complaint",
    },
    "public/webhooks.py": {"Basic realm=webhook"},
    "providers/presets.py": {
        "Amazon SES",
        "Google Workspace",
        "Outlook (Microsoft 365)",
        "Yahoo Mail",
    },
    # Names of fonts
    "content/sources/blocks/fonts.py": {
        "Georgia,Cambria,'Times New Roman',serif",
        "'Trebuchet MS',Helvetica,sans-serif",
        "'Times New Roman',Times,serif",
        "'Courier New',Courier,monospace",
        "'Segoe UI',Arial,sans-serif",
        "Consolas,'Courier New',monospace",
    },
    # Text of other programs that is searched for
    "content/templating/checker.py": {
        "Expected an expression, got 'end of print",
        "Missing end of comment tag",
        "Unexpected end of template",
    },
    # Text that versions before codes stored
    "transactional/queue.py": {
        "Being handed over",
        "On hold: the database was restored from a backup, so it may have been sent already",
    },
    # SMTP replies given in place of a server's: stored, classified and shown like them
    "providers/smtp/session.py": {
        "This server takes no addresses with letters beyond ASCII (SMTPUTF8).",
        "5.1.3 Email cannot be sent to this address.",
        "5.3.4 The message is too large for this server: 0 bytes, and it takes 0.",
        "5.6.3 This server takes no text beyond ASCII as it is (8BITMIME).",
    },
}
"""Texts that are the same in every language, by module."""
