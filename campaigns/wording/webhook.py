"""Webhooks of providers: the fields of their setup, and the verdict on each post."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    # The setup
    "webhook_form.verification_key": N_("Verification key"),
    "webhook_form.verification_key_hint": N_(
        "SendGrid shows it in the settings of the event webhook, once signature verification is on."
    ),
    "webhook_form.signing_key": N_("HTTP webhook signing key"),
    "webhook_form.mailgun_key_hint": N_(
        "Mailgun shows it under Sending, Webhooks. It is not the API key."
    ),
    "webhook_form.signing_secret": N_("Signing secret"),
    "webhook_form.resend_secret_hint": N_("Resend shows it on the page of the webhook."),
    "webhook_form.topic_arn": N_("ARN of the topic"),
    "webhook_form.topic_arn_hint": N_(
        "The Amazon SNS topic that your configuration set publishes to."
    ),
    "webhook_form.raw_delivery": N_("Raw message delivery"),
    "webhook_form.raw_delivery_hint": N_(
        "Only if it is on for the subscription. Messages then have no signature, so the login in"
        " the URL is their only protection."
    ),
    # Mistakes in the setup
    "webhook.kind_missing": N_("Choose your provider."),
    "webhook.verification_key_invalid": N_(
        "This is not a verification key. Copy the whole key from SendGrid; it begins with MFkw."
    ),
    "webhook.key_missing": N_("Enter the signing key."),
    "webhook.signing_secret_invalid": N_(
        "This is not a signing secret. Copy the whole secret from Resend; it begins with whsec_."
    ),
    "webhook.topic_missing": N_("Enter the ARN of the topic."),
    "webhook.topic_invalid": N_(
        "This is not the ARN of a topic. It looks like"
        " arn:aws:sns:eu-west-1:123456789012:ses-events."
    ),
    # Why a post was refused
    "webhook.login_missing": N_(
        "The request had no username and password. Paste the whole URL at the provider."
    ),
    "webhook.login_wrong": N_(
        "The username or password was wrong. Paste the current URL at the provider."
    ),
    "webhook.no_key": N_("The key for checking signatures is missing. Enter it in the setup."),
    "webhook.no_topic": N_("The topic is missing. Enter its ARN in the setup."),
    "webhook.signature_missing": N_("The request was not signed. Turn on signing at the provider."),
    "webhook.signature_wrong": N_(
        "The signature was wrong. Check that the key in the setup is the provider’s current one."
    ),
    "webhook.too_old": N_("The request was signed too long ago. Someone may have sent it again."),
    "webhook.from_the_future": N_(
        "The request was signed in the future. Check this server’s clock."
    ),
    "webhook.foreign_topic": N_("The request came from a topic other than the one in the setup."),
    "webhook.foreign_certificate": N_("The certificate of the signature does not belong to SNS."),
    "webhook.foreign_url": N_("The URL for confirming the subscription does not belong to SNS."),
    "webhook.certificate_unreachable": N_(
        "The certificate of the signature could not be downloaded from Amazon. SNS will try again."
    ),
    "webhook.raw_delivery": N_(
        "The message had no envelope. Turn off raw message delivery for the subscription, or turn"
        " it on in the setup."
    ),
    "webhook.too_large": N_("The request is larger than %(most_bytes)s."),
    "webhook.repeated": N_("The same request was received before."),
    "webhook.unusable": N_(
        "The setup of this webhook cannot be used. Save it again, with its key."
    ),
    # Results of accepted posts
    "webhook.subscribed": N_("The subscription was confirmed. Amazon now sends events here."),
    "webhook.not_subscribed": N_(
        "The subscription could not be confirmed at Amazon. Request another confirmation in the"
        " Amazon SNS console."
    ),
    "webhook.failed": N_("This could not be processed. The error is in the log."),
    # Why a post could not be read
    "webhook.not_json": N_("The request could not be read: it is not valid JSON."),
    "webhook.too_many_events": N_("The request has more than %(most)s events."),
    "webhook.too_many_fields": N_("The form has more than %(most)s fields."),
}
