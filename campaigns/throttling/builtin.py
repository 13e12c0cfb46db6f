"""The reply rules that come with the product. People may change each, or turn it off.

Read from top to bottom; the first that fits a reply decides. `pattern` is looked for in the code
and the words of the reply, whatever their case.
"""

from campaigns.throttling.rule import Rule

AUTHENTICATION = "Set up SPF, DKIM and DMARC for the sender's domain, then resume the campaign."

RULES = (
    # --- the account's own provider -----------------------------------------------------------
    Rule(
        "ses-rate",
        "Amazon SES: more mails a second than the account may send. It gets half as many.",
        r"^4\d\d .*maximum sending rate exceeded",
        "halve",
        whole_account=True,
    ),
    Rule(
        "ses-quota",
        "Amazon SES: the quota of 24 hours is used up. The account is tried again every hour.",
        r"daily message quota exceeded",
        "suspend",
        minutes=60,
        whole_account=True,
        is_quota=True,
    ),
    Rule(
        "ses-paused",
        "Amazon SES has stopped this account. Its console says why; then resume the campaigns.",
        r"sending paused for this account",
        "pause_provider",
    ),
    Rule(
        "ses-identity",
        "Amazon SES knows neither the sender address nor its domain. Verify it in the console.",
        r"email address is not verified|identit(y|ies) failed the check",
        "pause_campaign",
    ),
    Rule(
        "google-day",
        "Google: the account has sent all it may in 24 hours. It is tried again every hour.",
        # 4.4.5 is a busy server ("Server busy, try again later"), no quota.
        r"\b5\.4\.5\b|daily (user )?sending (limit|quota)",
        "suspend",
        minutes=60,
        whole_account=True,
        is_quota=True,
    ),
    Rule(
        "google-logins",
        "Google: too many logins at the same time. One connection, then slowly more.",
        r"^454 .*too many login",
        "at_once",
        amount=1,
        whole_account=True,
    ),
    Rule(
        "m365-connections",
        "Microsoft 365: too many connections at once. One, then slowly more.",
        r"\b4\.3\.2\b.*(concurrent|connection)",
        "at_once",
        amount=1,
        whole_account=True,
    ),
    Rule(
        "m365-quota",
        "Microsoft 365: the account has sent all it may in 24 hours. It is tried again every hour.",
        r"\b5\.1\.90\b|\b5\.7\.233\b|submission quota|exceeded .*recipient rate",
        "suspend",
        minutes=60,
        whole_account=True,
        is_quota=True,
        preset="microsoft-365",
    ),
    Rule(
        "m365-pace",
        "Microsoft 365 takes 30 mails a minute. The account keeps to 25 for an hour.",
        r"\b4\.5\.127\b|message rate|submission rate",
        "slow",
        amount=25,
        minutes=60,
        whole_account=True,
        preset="microsoft-365",
    ),
    Rule(
        "plan-quota",
        "The provider's quota for the hour, the day or the month is used up. The account is tried"
        " again every hour.",
        r"(hourly|daily|monthly|sending|account|plan) (e-?mail |mail |message |sending )?"
        r"(limit|quota|credits?) (is |has been |was )?(reached|exceeded|used up|exhausted)",
        "suspend",
        minutes=60,
        whole_account=True,
        is_quota=True,
    ),
    Rule(
        "account-blocked",
        "The provider has blocked this account. Ask it why, then resume the campaigns.",
        r"(account|user|sender) (is |has been |was )?(temporarily )?"
        r"(suspended|disabled|deactivated|blocked) (for|from|due|by)",
        "pause_provider",
    ),
    Rule(
        "too-many-connections",
        "Too many connections at once. One, then slowly more.",
        r"too many (concurrent |simultaneous |open |smtp )*(connections|sessions)",
        "at_once",
        amount=1,
        whole_account=True,
    ),
    # --- Gmail ----------------------------------------------------------------------------------
    Rule(
        "gmail-unusual-rate",
        "Gmail sees an unusual rate of mail from us. It gets none for ten minutes, then one mail"
        " at a time, and slowly more.",
        r"\b4\.7\.28\b",
        "suspend",
        amount=1,
        minutes=10,
    ),
    Rule(
        "gmail-later",
        "Gmail asked us to try later. It gets 60 mails a minute for an hour.",
        r"^421 .*\b4\.7\.0\b.*(try again later|rate|unsolicited)",
        "slow",
        amount=60,
        minutes=60,
        mailbox_group="google",
    ),
    Rule(
        "authentication",
        "The mail is not authenticated as this mailbox provider demands. " + AUTHENTICATION,
        r"\b5\.7\.(25|26|27|29|30|32|40|515)\b",
        "pause_campaign",
    ),
    # --- Outlook.com ------------------------------------------------------------------------------
    Rule(
        "outlook-rate",
        "Outlook.com limits how much our server may send. It gets none for half an hour, then one"
        " mail at a time, and slowly more.",
        r"\bRP-00[123]\b",
        "suspend",
        amount=1,
        minutes=30,
    ),
    Rule(
        "outlook-busy",
        "Outlook.com slows our server down. It gets 60 mails a minute for an hour.",
        r"\b4\.7\.(500|650|651)\b|\bS77[0-9]{1,2}\b",
        "slow",
        amount=60,
        minutes=60,
        mailbox_group="outlook",
    ),
    Rule(
        "outlook-block",
        "Outlook.com blocks our server. It is left alone for four hours; ask Microsoft's support"
        " for senders to lift the block.",
        r"\bS3(140|150)\b|\b(SC|DY|OU)-00[1-4]\b",
        "suspend",
        amount=1,
        minutes=240,
    ),
    # --- Yahoo and AOL ----------------------------------------------------------------------------
    Rule(
        "yahoo-complaints",
        "Yahoo puts mail off because of its users' complaints. It gets none for two hours.",
        r"\bTSS?04\b",
        "suspend",
        amount=1,
        minutes=120,
    ),
    Rule(
        "yahoo-later",
        "Yahoo asks for less mail. It gets 60 mails a minute for two hours.",
        r"\bTSS?\d\d\b",
        "slow",
        amount=60,
        minutes=120,
    ),
    # --- others -----------------------------------------------------------------------------------
    Rule(
        "icloud-block",
        "iCloud refuses mail from our server. It is left alone for two hours.",
        r"\[?\b(CS01|HM08)\b",
        "suspend",
        amount=1,
        minutes=120,
        mailbox_group="apple",
    ),
    Rule(
        "comcast-rate",
        "Comcast asks for less mail. It gets 30 mails a minute for an hour.",
        r"\bRL0000\d\d\b",
        "slow",
        amount=30,
        minutes=60,
    ),
    Rule(
        "orange-connections",
        "Orange takes few mails at once. One at a time, then slowly more.",
        r"\bOFR_?00[45]",
        "at_once",
        amount=1,
    ),
    Rule(
        "blocklist",
        "Our server stands on a blocklist that this mailbox provider heeds. It is left alone for"
        " four hours; see the list's own page on how to be taken off.",
        r"spamhaus|barracudacentral|spamcop|\b(sbl|xbl|pbl|zen|dnsbl|rbl)\b|block ?list(ed)?\b",
        "suspend",
        amount=1,
        minutes=240,
        per_hour=5,
    ),
    Rule(
        "reputation",
        "Mail is put off because of our reputation. One mail a minute for an hour and a half.",
        r"^4\d\d .*reputation|^4\d\d .*(deferred|delayed) due to (user complaints|unusual)",
        "slow",
        amount=1,
        minutes=90,
        per_hour=3,
    ),
    Rule(
        "sender-refused",
        "The sender address is refused. Check that it exists and that its domain has an MX or"
        " address record, then resume the campaign.",
        r"\b5\.1\.[78]\b|\bsend ?as ?denied\b|sender (domain|address) (does not exist|not found)",
        "pause_campaign",
        per_hour=3,
    ),
    Rule(
        "slow-down",
        "The server asked us to slow down. It gets half as much, then slowly more.",
        r"^4\d\d .*(rate.?limit|throttl|slow(ing)? (it )?down|too (fast|quickly)"
        r"|too (many|much) (messages|mails?|e-?mails?)|sending rate)",
        "halve",
    ),
)
