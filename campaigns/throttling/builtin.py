"""The built-in reply rules. Users may change each, or turn it off.

The first rule that matches a reply applies. `pattern` is searched for in the code and the words of
the reply, ignoring case. What each means is said in `wording.reply_rule`.
"""

from campaigns.reason import Reason
from campaigns.throttling.rule import Rule

RULES = (
    # --- the account's own provider -----------------------------------------------------------
    Rule(
        "ses-rate",
        Reason("reply_rule.ses_rate"),
        r"^4\d\d .*maximum sending rate exceeded",
        "halve",
        whole_account=True,
    ),
    Rule(
        "ses-quota",
        Reason("reply_rule.ses_quota"),
        r"daily message quota exceeded",
        "suspend",
        minutes=60,
        whole_account=True,
        is_quota=True,
    ),
    Rule(
        "ses-paused",
        Reason("reply_rule.ses_paused"),
        r"sending paused for this account",
        "pause_provider",
    ),
    Rule(
        "ses-identity",
        Reason("reply_rule.ses_identity"),
        r"email address is not verified|identit(y|ies) failed the check",
        "pause_campaign",
    ),
    Rule(
        "google-day",
        Reason("reply_rule.google_day"),
        # 4.4.5 means a busy server ("Server busy, try again later"), not a quota.
        r"\b5\.4\.5\b|daily (user )?sending (limit|quota)",
        "suspend",
        minutes=60,
        whole_account=True,
        is_quota=True,
    ),
    Rule(
        "google-logins",
        Reason("reply_rule.google_logins"),
        r"^454 .*too many login",
        "at_once",
        amount=1,
        whole_account=True,
    ),
    Rule(
        "m365-connections",
        Reason("reply_rule.m365_connections"),
        r"\b4\.3\.2\b.*(concurrent|connection)",
        "at_once",
        amount=1,
        whole_account=True,
    ),
    Rule(
        "m365-quota",
        Reason("reply_rule.m365_quota"),
        r"\b5\.1\.90\b|\b5\.7\.233\b|submission quota|exceeded .*recipient rate",
        "suspend",
        minutes=60,
        whole_account=True,
        is_quota=True,
        preset="microsoft-365",
    ),
    Rule(
        "m365-pace",
        Reason("reply_rule.m365_pace"),
        r"\b4\.5\.127\b|message rate|submission rate",
        "slow",
        amount=25,
        minutes=60,
        whole_account=True,
        preset="microsoft-365",
    ),
    Rule(
        "plan-quota",
        Reason("reply_rule.plan_quota"),
        r"(hourly|daily|monthly|sending|account|plan) (e-?mail |mail |message |sending )?"
        r"(limit|quota|credits?) (is |has been |was )?(reached|exceeded|used up|exhausted)",
        "suspend",
        minutes=60,
        whole_account=True,
        is_quota=True,
    ),
    Rule(
        "account-blocked",
        Reason("reply_rule.account_blocked"),
        r"(account|user|sender) (is |has been |was )?(temporarily )?"
        r"(suspended|disabled|deactivated|blocked) (for|from|due|by)",
        "pause_provider",
    ),
    Rule(
        "too-many-connections",
        Reason("reply_rule.too_many_connections"),
        r"too many (concurrent |simultaneous |open |smtp )*(connections|sessions)",
        "at_once",
        amount=1,
        whole_account=True,
    ),
    # --- Gmail ----------------------------------------------------------------------------------
    Rule(
        "gmail-unusual-rate",
        Reason("reply_rule.gmail_unusual_rate"),
        r"\b4\.7\.28\b",
        "suspend",
        amount=1,
        minutes=10,
    ),
    Rule(
        "gmail-later",
        Reason("reply_rule.gmail_later"),
        r"^421 .*\b4\.7\.0\b.*(try again later|rate|unsolicited)",
        "slow",
        amount=60,
        minutes=60,
        mailbox_group="google",
    ),
    Rule(
        "authentication",
        Reason("reply_rule.authentication"),
        r"\b5\.7\.(25|26|27|29|30|32|40|515)\b",
        "pause_campaign",
    ),
    # --- Outlook.com ------------------------------------------------------------------------------
    Rule(
        "outlook-rate",
        Reason("reply_rule.outlook_rate"),
        r"\bRP-00[123]\b",
        "suspend",
        amount=1,
        minutes=30,
    ),
    Rule(
        "outlook-busy",
        Reason("reply_rule.outlook_busy"),
        r"\b4\.7\.(500|650|651)\b|\bS77[0-9]{1,2}\b",
        "slow",
        amount=60,
        minutes=60,
        mailbox_group="outlook",
    ),
    Rule(
        "outlook-block",
        Reason("reply_rule.outlook_block"),
        r"\bS3(140|150)\b|\b(SC|DY|OU)-00[1-4]\b",
        "suspend",
        amount=1,
        minutes=240,
    ),
    # --- Yahoo and AOL ----------------------------------------------------------------------------
    Rule(
        "yahoo-complaints",
        Reason("reply_rule.yahoo_complaints"),
        r"\bTSS?04\b",
        "suspend",
        amount=1,
        minutes=120,
    ),
    Rule(
        "yahoo-later",
        Reason("reply_rule.yahoo_later"),
        r"\bTSS?\d\d\b",
        "slow",
        amount=60,
        minutes=120,
    ),
    # --- others -----------------------------------------------------------------------------------
    Rule(
        "icloud-block",
        Reason("reply_rule.icloud_block"),
        r"\[?\b(CS01|HM08)\b",
        "suspend",
        amount=1,
        minutes=120,
        mailbox_group="apple",
    ),
    Rule(
        "comcast-rate",
        Reason("reply_rule.comcast_rate"),
        r"\bRL0000\d\d\b",
        "slow",
        amount=30,
        minutes=60,
    ),
    Rule(
        "orange-connections",
        Reason("reply_rule.orange_connections"),
        r"\bOFR_?00[45]",
        "at_once",
        amount=1,
    ),
    Rule(
        "blocklist",
        Reason("reply_rule.blocklist"),
        r"spamhaus|barracudacentral|spamcop|\b(sbl|xbl|pbl|zen|dnsbl|rbl)\b|block ?list(ed)?\b",
        "suspend",
        amount=1,
        minutes=240,
        per_hour=5,
    ),
    Rule(
        "reputation",
        Reason("reply_rule.reputation"),
        r"^4\d\d .*reputation|^4\d\d .*(deferred|delayed) due to (user complaints|unusual)",
        "slow",
        amount=1,
        minutes=90,
        per_hour=3,
    ),
    Rule(
        "sender-refused",
        Reason("reply_rule.sender_refused"),
        r"\b5\.1\.[78]\b|\bsend ?as ?denied\b|sender (domain|address) (does not exist|not found)",
        "pause_campaign",
        per_hour=3,
    ),
    Rule(
        "slow-down",
        Reason("reply_rule.slow_down"),
        r"^4\d\d .*(rate.?limit|throttl|slow(ing)? (it )?down|too (fast|quickly)"
        r"|too (many|much) (messages|mails?|e-?mails?)|sending rate)",
        "halve",
    ),
)
