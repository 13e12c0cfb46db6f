"""The registry of webhooks."""

from collections.abc import Mapping
from typing import Any

from campaigns.events.webhooks.amazon_ses import AmazonSes
from campaigns.events.webhooks.brevo import Brevo
from campaigns.events.webhooks.kind import WebhookKind
from campaigns.events.webhooks.mailgun import Mailgun
from campaigns.events.webhooks.mailjet import Mailjet
from campaigns.events.webhooks.postmark import Postmark
from campaigns.events.webhooks.resend import Resend
from campaigns.events.webhooks.sendgrid import SendGrid
from campaigns.events.webhooks.sparkpost import SparkPost

WEBHOOKS: Mapping[str, WebhookKind[Any, Any]] = {
    "amazon_ses": AmazonSes(),
    "brevo": Brevo(),
    "mailgun": Mailgun(),
    "mailjet": Mailjet(),
    "postmark": Postmark(),
    "resend": Resend(),
    "sendgrid": SendGrid(),
    "sparkpost": SparkPost(),
}
"""The kind of each webhook by its key, in the order of their names."""
