"""What the reply rules that come with the product mean, and do."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "reply_rule.ses_rate": N_(
        "Amazon SES: more emails per second than the account may send. The speed is halved."
    ),
    "reply_rule.ses_quota": N_(
        "Amazon SES: the 24-hour quota is used up. The account is tried again every hour."
    ),
    "reply_rule.ses_paused": N_(
        "Amazon SES has paused this account. The SES console says why. Resume the campaigns"
        " afterwards."
    ),
    "reply_rule.ses_identity": N_(
        "Amazon SES has not verified the sender address or its domain. Verify it in the SES"
        " console."
    ),
    "reply_rule.google_day": N_(
        "Google: the account has used up its limit for 24 hours. It is tried again every hour."
    ),
    "reply_rule.google_logins": N_(
        "Google: too many logins at the same time. The account uses one connection, then slowly"
        " more."
    ),
    "reply_rule.m365_connections": N_(
        "Microsoft 365: too many connections at the same time. The account uses one, then"
        " gradually more."
    ),
    "reply_rule.m365_quota": N_(
        "Microsoft 365: the account has used up its limit for 24 hours. It is tried again every"
        " hour."
    ),
    "reply_rule.m365_pace": N_(
        "Microsoft 365 accepts 30 emails per minute. The account sends 25 per minute for an hour."
    ),
    "reply_rule.plan_quota": N_(
        "The provider’s hourly, daily or monthly quota is used up. The account is tried again"
        " every hour."
    ),
    "reply_rule.account_blocked": N_(
        "The provider has blocked this account. Ask the provider why. Resume the campaigns"
        " afterwards."
    ),
    "reply_rule.too_many_connections": N_(
        "Too many connections at the same time. The account uses one, then gradually more."
    ),
    "reply_rule.gmail_unusual_rate": N_(
        "Gmail sees an unusual rate of email from this server. Sending to Gmail pauses for 10"
        " minutes, then continues with one email at a time, then gradually more."
    ),
    "reply_rule.gmail_later": N_(
        "Gmail asked to try again later. Sending to Gmail is limited to 60 emails per minute"
        " for an hour."
    ),
    "reply_rule.authentication": N_(
        "The email is not authenticated as this mailbox provider requires. Set up SPF, DKIM and"
        " DMARC for the sender’s domain, then resume the campaign."
    ),
    "reply_rule.outlook_rate": N_(
        "Outlook.com limits how much this server may send. Sending to Outlook.com pauses for 30"
        " minutes, then continues with one email at a time, then gradually more."
    ),
    "reply_rule.outlook_busy": N_(
        "Outlook.com asks this server to slow down. Sending to Outlook.com is limited to 60"
        " emails per minute for an hour."
    ),
    "reply_rule.outlook_block": N_(
        "Outlook.com blocks this server. Sending to Outlook.com pauses for 4 hours. Ask Microsoft’s"
        " sender support to lift the block."
    ),
    "reply_rule.yahoo_complaints": N_(
        "Yahoo defers email because its users complained. Sending to Yahoo pauses for 2 hours."
    ),
    "reply_rule.yahoo_later": N_(
        "Yahoo asks for less email. Sending to Yahoo is limited to 60 emails per minute for 2"
        " hours."
    ),
    "reply_rule.icloud_block": N_(
        "iCloud refuses email from this server. Sending to iCloud pauses for 2 hours."
    ),
    "reply_rule.comcast_rate": N_(
        "Comcast asks for less email. Sending to Comcast is limited to 30 emails per minute for"
        " an hour."
    ),
    "reply_rule.orange_connections": N_(
        "Orange accepts few emails at the same time. Orange gets one at a time, then gradually"
        " more."
    ),
    "reply_rule.blocklist": N_(
        "This server is on a blocklist that the mailbox provider uses. Sending to the provider"
        " pauses for 4 hours. The blocklist’s website explains how to be removed."
    ),
    "reply_rule.reputation": N_(
        "Email is deferred because of this server’s reputation. One email per minute is sent"
        " for 90 minutes."
    ),
    "reply_rule.sender_refused": N_(
        "The sender address is refused. Check that it exists and that its domain has an MX or"
        " address record, then resume the campaign."
    ),
    "reply_rule.slow_down": N_(
        "The server asked to slow down. Sending to it continues at half the speed, then"
        " gradually faster."
    ),
}
