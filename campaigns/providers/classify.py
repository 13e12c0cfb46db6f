"""Classify a server's refusal or delay by the code and words of its reply.

The status alone is not enough: "550 5.7.1" may mean a deleted mailbox, a blocked network or
suspicious content. So the words count first, then the enhanced code, then the plain code and the
step that was answered.
"""

import re
from functools import lru_cache
from typing import Literal

from campaigns.messages import Scope, Step
from campaigns.providers.reply_languages import WORDS, fold
from campaigns.providers.session_limits import is_about_session

ReplyClass = Literal[
    "hard",
    "disabled",
    "mailbox_full",
    "transient",
    "throttle",
    "policy",
    "content",
    "sender",
    "refused",
]
"""
hard          the mailbox or domain does not exist
disabled      the mailbox exists, but is disabled or inactive
mailbox_full  the mailbox is over its quota
transient     a temporary problem, greylisting included: retry
throttle      too fast, too much or too many connections: slow down; not the recipient's fault
policy        the server does not accept email from this sender, network or domain
content       the server does not accept this message
sender        our account, login or sender address is at fault
refused       permanent, without a stated cause: the message fails, the address stays good
"""

# One phrase per line, as `fold` leaves a text; <...> stands for the words of _SAME. The first match
# decides, so narrow phrases come before wide ones.
_SAME = WORDS | {
    "box": "(?:user|mail[ -]?box|recipient|account|addressee|(?<!ip )(?<!sending )address"
    "|local[- ]part|inbox|alias)(?:e?s)?",
    "gone": r"(?:unk[no]\w{2,4}\b|n[o']t ?(?:be |been )?(?:an? |the |our |in )?(?:\w+ )?"
    r"(?:found|known|recogni[sz]ed|listed|valid|local|present|exist\w{0,4}|ok\b|active|in use"
    r"|directory|database|registered|hosted|resolved)|no longer|never existed|invalid"
    r"|non-?\s?exist|undeliverable|unrout"
    r"|\b(?:deleted|removed|closed|terminated|retired|wrong|incorrect))",
    "off": "(?:disabled|inactive|de-?activated|suspended|locked|frozen|expired|dormant"
    "|abandoned|on hold|turned off|not active|not enabled)",
    "from": r"(?:\bsender|\bfrom|return[- ]path):? (?:e-?mail |address |domain )*",
    "us": "(?:your (?:ip|host|server|network|domain|provider|isp|system)|mail ?server"
    "|(?:sending|source|client|connecting|originating|sender'?s?) (?:ip|host|network|server|mta)"
    r"|\bip(?: address)?\b)",
    "shut": r"(?:block|bann|black-?list|deny-?list|refus|reject|not (?:\w+ )?accept|restrict"
    "|listed|lookup failed|no access)",
    "shut by": "(?:reject|refus|block|deni)(?:ed|s)? (?:by|due to|because of)",
    "seems": "(?:looks? like|probabl[ey]|likely|suspected|considered|judged"
    "|(?:classified|identified|detected|flagged|tagged) as)",
    "cannot": "(?:can(?:no|')t|could ?(?:not|n't)|unable to)",
    "may not": "(?:not (?:allowed|permitted|authori[sz]ed)|unable|can(?:no|')t|won'?t|refus\\w+)",
}
_PHRASES: tuple[tuple[ReplyClass, str], ...] = (
    (
        "transient",
        r"""
        gr[ae]y-?\s?list
        (?:host|domain|name)\b[^;]{0,60}not found,? try again
        insufficient (?:system |disk )?(?:storage|resources|memory)
        (?:local|internal) error
        temporar(?:y|ily) (?:lookup|dns|local|system|internal)
        (?:user|mailbox|recipient|account)\b[^;]{0,60}receiving (?:e-?)?mails? (?:too|at a rate)
        (?:sender|recipient) verif\w+ (?:in progress|not yet|temporar)
        (?:could|can) ?n[o']t (?:create|open|lock|append)
        database (?:is )?(?:down|unavailable|error)
        <box>\b[^;,.]{0,20}\btemporar\w+ (?:unava|not available|closed|reject|refus|defer)
        <box>\b[^;,.]{0,20}\b(?:unavailable|closed) temporar
        """,
    ),
    (
        "throttle",
        r"""
        throttl
        rate[- ]?limit
        (?:unusual|high|excessive|exceed\w*|too high a) (?:\w+ )?rate
        too (?:many|much|fast|frequent)(?! (?:hops|received|invalid|bad|unknown|spam))
        \brate exceeded
        slow(?:ing)? down
        \brp-00\d
        \btss?0\d\b
        (?:daily|hourly|monthly|sending|submission|outbound|rate) (?:\w+ ){0,2}(?:quota|limit)
        messages? (?:per|limit)
        (?:quota|limit|maximum number) (?:of|for) (?:\w+ ){0,3}(?:messages|mails|recipients|sending)
        (?:maximum|concurrent) (?:\w+ )?(?:rate|connection|session|submission)
        \brelay (?:\w+ )?(?:limit|quota)
        (?:server|system|service) (?:is )?(?:too )?busy
        load (?:is )?too high
        overload
        volume of (?:mail|email|messages)
        """,
    ),
    (
        "sender",
        r"""
        \bbatv\b|\bwe do(?: not|n't) (?:handle|relay)
        your (?:\w+ ){0,2}(?:account|subscription|plan)\b[^;]{0,60}(?:<off>|clos|not)
        you[^;]{0,40}(?:allowed|permitted|authori[sz]ed) to (?:send|relay)(?! [^;]{0,20}<box>)
        """,
    ),
    (
        "policy",
        r"""
        \b[he][eh]lo\b
        client host\b[^;]{0,20} (?:rejected|unknown|not found)
        <cannot> (?:find|resolve|verify|identify) your (?:\w+ )?(?:host|domain|ip\b|server|name)
        \bip\b[^;]{0,40}<their off>
        too many (?:\w+ )?(?:invalid|bad|unknown|non-?existent) <box>
        <box> (?:has |have )?(?:reject|refuse|block)(?:ed|s)? (?:your|this|the|\w*mail|message)
        \buser reject\b
        unavailable or access den
        <shut by> (?:\w+ )?<box>(?! (?:unk|not|doe))
        """,
    ),
    (
        "disabled",
        r"""
        (?:storage|quota|full) and inactive
        <box>\b[^;]{0,50}\b<off>(?! (?:from|for) sending)
        <off> <box>
        <box>\b[^;]{0,60}\binactivity
        [45]\.2\.1\b[^;]{0,60}(?:unava|not available)
        <any box>[^;]{0,40}<their off>
        <their off>[^;]{0,10}<any box>
        """,
    ),
    (
        "mailbox_full",
        r"""
        <box>\b[^;]{0,40}\b(?:full|over (?:its |the )?limit)
        (?:full|over) <box>
        quota
        folder (?:is )?full
        <box> (?:has |would )?exceed
        mailbox size
        exceed\w* (?:\S+ ){0,3}storage
        out of (?:storage|space|disk)
        (?:no|enough|insufficient) (?:\w+ ){0,2}space
        space has been used
        storage (?:limit|allocation|full)
        <any box>[^;]{0,40}<their full>
        <their full>[^;]{0,10}<any box>
        """,
    ),
    (
        "hard",
        r"""
        unexpected name server reply
        indicated no smtp service
        domain is not reachable
        nxdomain|dns hard error|bad destination host
        recipient mailbox is not allowed
        account or domain may not exist
        """,
    ),
    (
        "content",
        r"""
        virus|malware|infected|trojan|phish|malicious
        security issue
        (?:dangerous|forbidden|prohibited|blocked|executable) (?:file|attachment)
        attachment\w* [^;]{0,40}(?:not (?:allowed|accepted)|block|forbid|prohibit)
        message (?:is |was )?(?:too (?:large|big|long)|size|exceed)
        maximum (?:message )?size
        size (?:limit|exceed)
        too (?:large|big) for
        <seems> (?:to be )?(?:spam|junk|unsolicited)
        spam (?:score|content|message|detected|likelihood|probability|threshold)
        (?:score|probability|likelihood|suspicion) of spam
        headers? (?:fail|syntax|error)
        (?:this|message) is spam
        content (?:\w+ )?(?:reject|filter|block|refus|den|polic|restrict|not accept|scan)
        (?:unacceptable|banned|mail|message) content
        (?:because of|due to|by) (?:\w+ ){0,3}content
        surbl|uribl|\bdbl\b
        (?:url|link)s? (?:found )?in
        (?:bad|blocked|listed) (?:url|link)
        malformed
        bare (?:cr|lf|newline|linefeed)
        line (?:is )?too long
        (?:missing|invalid|duplicate|multiple|bad|illegal) [^;]{0,30}header
        rfc ?(?:5322|2822)
        """,
    ),
    (
        "sender",
        r"""
        authenticat\w+ (?:is )?(?:required|failed|unsuccessful|failure|credentials|disabled)
        (?:must|need to|please) (?:first )?(?:authenticate|log ?in|issue a starttls)
        client (?:was|is)? ?not authenticated
        (?:bad|invalid|wrong) (?:user ?name|login|password|credential)
        basic auth
        specific password
        relay(?:ing)? (?:access )?(?:is )?(?:denied|not|prohibited|forbidden|refus)
        <may not> to relay
        send ?as ?denied
        <may not> to (?:send as|use this sender)
        <from>[^;]{0,60}<gone>
        <their sender>[^;]{0,60}(?:<their gone>|<their off>)
        (?:<their gone>|<their off>)[^;]{0,10}<their sender>
        <from>[^;]{0,60}not (?:own|allow|verif)
        sender (?:e-?mail )?(?:address |domain )?(?:is )?(?:rejected|empty)
        (?:bogus|invalid|bad|unrout\w+|unknown) (?:sender|mail from|return[- ]path)
        \bnot relay\b
        sender verif\w+ failed|callout verif\w+ failed
        list of allowed rcpthosts
        (?:address|identit\w+|domain) (?:is |are )?not (?:been )?verified
        (?<!rejected: )unverified (?:sender|address|domain)
        \bmx\b[^;]{0,30}\bsender
        sending (?:\w+ ){0,4}(?:paused|suspended|disabled|not enabled)
        (?:suspended|disabled|blocked|barred|prevented|restricted) (?:from|for) sending
        account (?:\w+ ){0,3}(?:under review|not activated|(?:no|out of) credit)
        """,
    ),
    (
        "policy",
        r"""
        spamhaus|spamcop|sorbs\b|barracudacentral|senderscore|uceprotect|\bs31[45]0
        \b(?:sc|dy|ou)-00\d
        (?:black|block|deny)[- ]?list
        \b(?:dns)?rbl\b|\bdnsbl\b
        reputation
        \bspf\b|\bdkim\b|\bdmarc\b
        unauthenticated
        authentication (?:level|check|requirement|result|information)
        reverse (?:dns|lookup|mapping)|\bptr\b|\brdns\b
        """,
    ),
    (
        "hard",
        r"""
        <box>\b[^;]{0,60}<gone>
        <box>(?:unknown|notfound|notexist)
        (?:unk[no]\w{2,4}|invalid|no such|non-?\s?exist\w{2,3}|wrong|bad) (?:\S+ ){0,2}<box>
        (?:not|n't) an? (?:\S+ ){0,2}<box>
        no (?:\S+ )?<box>
        someone\W{0,6}(?:\w+ ){0,2}(?!undeliv)<gone>
        no such (?!file|command|message|sender|service|option)\w
        does ?n[o']t exist|\bno ?(?:one|body) (?:at|by|with|here)\b|\bnot a local\b
        bad ?(?:rcpt|recipient)to|validrcptto|envelope recipient \w+ (?:\w+ )?denied
        (?:recipient|user) (?:is |was )?not accepted
        \bserver (?:has )?rejected (?:the |all )?<box>
        <box>\b[^;]{0,40}\breplaced by
        (?<!sender )domain must exist
        (?:illegal|invalid|non-?exist\w*) (?:\S+ )?(?:host|domain)
        \bno (?:dns )?(?:a|mx)\b[^;]{0,20}\b(?:record|data)
        lookups? failed permanently|answer with no data|no route (?:found )?to (?:the )?domain
        \bdestination seems? to reject all
        <may not> accept (?:this )?<box>
        \bno \S+ in (?:\w+ ){0,2}directory|missing home directory
        (?:domain|host|host ?name)\b[^;]{0,60}\b<gone>
        (?:domain|host) has no mail|\bhas no mx\b|\bno mx\b[^;]{0,30}\b(?:domain|destination|found)
        unknown (?:host|domain)|name or service not known
        null ?mx
        (?:not|n't) (?:accept|receive|handle) (?:e-?)?mail(?! from)
        <box> (?:is )?(?:currently )?(?:unava|not available)
        no longer (?:\w+ ){0,3}(?:works?|here|employed|exists?|valid|in use|available)
        moved away|has left
        unroute?able
        recipient address(?:es)? rejected ?: ?access denied
        (?<!you )do(?:es)? ?n[o']t have an? (?:\S+ )?(?:account|mailbox)
        n[o']t have (?:that|this|any|such an?) (?:\w+ )?<box>
        <cannot> (?:find|locate) (?:\S+ ){0,3}<box>
        \bnot our <box>
        not (?:one of )?(?:an? |our )?(?:customer|member of (?:the |this )?domain)
        <any box>[^;]{0,40}<their gone>
        <their gone>[^;]{0,10}<any box>
        <their no> (?:\S+ ){0,2}<their box>
        """,
    ),
    (
        "policy",
        r"""
        <us>[^;]{0,60}<shut>
        <shut>[^;]{0,40}<us>
        client host \S+ blocked
        unsolicited [^;]{0,20}(?:from|by)
        open (?:proxy|relay)|dynamic (?:ip|address|dns)|server of your
        access denied
        bulk (?:mail|e-?mail|message|sender)
        spam(?:mer|ming| source| list|s? from)
        abuse|complaint
        (?:due to|by|for|violat\w+|because of) (?:\w+ ){0,4}(?:polic|reasons)
        policy (?:reason|violation|reject|restriction|block)
        """,
    ),
)


_SAME["any box"] = f"(?:{_SAME['box']}|{_SAME['their box']})"


def _compiled(phrases: str) -> re.Pattern[str]:
    joined = "|".join(line.strip() for line in phrases.strip().splitlines())
    return re.compile(re.sub(r"<([a-z ]+)>", lambda name: _SAME[name[1]], joined))


_SIGNS = tuple((reply_class, _compiled(phrases)) for reply_class, phrases in _PHRASES)

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")

_BY_ENHANCED: dict[tuple[int, int], ReplyClass] = {
    (1, 0): "hard",
    (1, 1): "hard",
    (1, 2): "hard",
    (1, 3): "hard",
    (1, 6): "hard",
    (1, 7): "sender",
    (1, 8): "sender",
    (1, 10): "hard",
    (1, 90): "throttle",
    (2, 1): "disabled",
    (2, 2): "mailbox_full",
    (2, 3): "content",
    (3, 4): "content",
    (4, 4): "hard",
    (4, 5): "throttle",
    (4, 7): "transient",
    (5, 3): "throttle",
    (7, 0): "policy",
    (7, 1): "policy",
    (7, 8): "sender",
    (7, 9): "sender",
    (7, 10): "sender",
    (7, 11): "sender",
    (7, 12): "sender",
    (7, 14): "sender",
    (7, 30): "sender",
    (7, 40): "policy",
    (7, 57): "sender",
    (7, 60): "sender",
    (7, 90): "sender",
    # Recipients that accept email from certain people only: not a matter of reputation.
    (7, 124): "refused",
    (7, 129): "refused",
    (7, 133): "refused",
    (7, 134): "refused",
    (7, 233): "throttle",
}
# Before a recipient was named, a missing or full mailbox can only be the sender's.
_BEFORE_RCPT: dict[ReplyClass, ReplyClass] = {
    "hard": "sender",
    "disabled": "sender",
    "mailbox_full": "throttle",
}
_ADDRESS = re.compile(r"<?[^\s<>@:,;]{1,64}@[^\s<>@:,;]{1,255}>?")
LONGEST_READ = 1000
"""Number of characters of a reply that are examined."""
_OF_LOGIN = (530, 534, 535, 538, 523)
_NULL_MX = 556
"""Code for a domain that does not accept email (RFC 7504)."""


def classify(code: int, text: str, *, scope: Scope = "recipient", step: Step = "") -> ReplyClass:
    """Return the class of a reply. `code` is 0 if the connection broke before one came.

    `text` is the reply in the server's words, with or without its code. Only refusals and delays
    have a class.
    """
    if code == 0 and scope == "connection":
        return "transient"
    text = text[:LONGEST_READ]
    # The address may contain such words, and without it the cache has more hits.
    found = _classify(code, _ADDRESS.sub("someone", text), step, scope)
    if found == "hard" and step == "dot":
        status = _ENHANCED.search(text)
        return found if is_about_address(status[0] if status else "", text, step) else "refused"
    return found


def is_about_address(status: str, text: str, step: Step) -> bool:
    """Return whether a reply that says "unknown" is certainly about the recipient's address.

    Filters say so too, but only after they have seen the content, or with a policy code.
    `status` is the enhanced code; `step` is "" if it is not known what was answered.
    """
    if _OF_A_FILTER.search(text):
        return False
    if _ONLY_ABOUT_ADDRESS.search(text):
        return True
    if step == "rcpt" or (step != "dot" and _OF_ENVELOPE.search(text)):
        return True
    if status.startswith("5.7."):
        return bool(_ACCESS_DENIED.search(text))
    return status.startswith(("5.1.", "4.1.", "5.4."))


_ONLY_ABOUT_ADDRESS = re.compile(
    r"user does ?n[o']t have an? \S{1,80} account"
    r"|\b[45]\d\d \S{1,300}@\S{1,300} rejected\.?\s{0,5}(?:\(|$)",
    re.IGNORECASE,
)
"""Yahoo accepts all recipients, and says after the content which of them do not exist."""
_OF_A_FILTER = re.compile(r"\[-\d{1,3}\]|^\s?\S{1,64}@\S{1,253} \[[a-z ]{1,60}\]", re.IGNORECASE)
"""Words of Yahoo Japan and of Mail2000, which also report what a recipient's filter refused."""
_OF_ENVELOPE = re.compile(
    r"\b(?:domain|host|mx|dns|name service)\b|\brecipient address rejected: |unroute?able address",
    re.IGNORECASE,
)
"""Words about a domain, or those of Postfix about a recipient: not about the content."""
_ACCESS_DENIED = re.compile(r"recipient address(?:es)? rejected ?: ?access denied", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _classify(code: int, text: str, step: Step, scope: Scope) -> ReplyClass:
    if is_about_session(text):
        return "transient"  # a new connection cures it; nothing has to slow down
    found = (
        _by_words(text, step)
        or _by_enhanced(text, step)
        or _by_object(text, step)
        or _by_code(code, step, scope)
    )
    if found == "throttle" and _is_of_one_mailbox(text):
        return "transient"
    return _as_temporary(found) if code < 500 else found


def _by_words(text: str, step: Step) -> ReplyClass | None:
    lowered = fold(text).replace("_", " ")
    for reply_class, sign in _SIGNS:
        if sign.search(lowered):
            return _BEFORE_RCPT.get(reply_class, reply_class) if step == "mail" else reply_class
    if "spam" in lowered or "unsolicited" in lowered:
        # Before the server saw the content, it can only be the sender's reputation.
        return "content" if step == "dot" else "policy"
    return None


def _by_enhanced(text: str, step: Step) -> ReplyClass | None:
    found = _ENHANCED.search(text)
    if found is None:
        return None
    kind, subject, detail = (int(part) for part in found.groups())
    if kind == 4:
        return _of_a_delay(subject, detail)
    if (subject, detail) == (1, 0) and step != "rcpt":
        return None  # "other address status", which may be about the sender's address
    known = _BY_ENHANCED.get((subject, detail))
    if known is None:
        known = _of_a_range(subject, detail)
    return _BEFORE_RCPT.get(known, known) if known and step in ("", "mail") else known


_OF_SENDER = re.compile(
    r"customer|send(?:er|ing)|outbound|\brelay|submission|connection|session|client|server|\bips?\b"
    r"|hourly|daily|monthly|\byour (?:\w+ )?(?:account|limit|quota|rate|host|network|domain)"
)


def _is_of_one_mailbox(text: str) -> bool:
    """Return whether it concerns one mailbox (x.2.x), even if it mentions a "rate"."""
    found = _ENHANCED.search(text)
    return bool(found and found[2] == "2" and not _OF_SENDER.search(text.lower()))


def is_about_mailbox(code: int, text: str) -> bool:
    """Return whether a reply is about the recipient's mailbox: full, disabled, too much email.

    Such a reply says nothing about how fast other recipients may be sent to.
    """
    found = classify(code, text, step="rcpt")
    if found in ("mailbox_full", "disabled"):
        return True
    return found == "transient" and (
        _is_of_one_mailbox(text) or bool(_RECEIVES_TOO_MUCH.search(text.lower()))
    )


_RECEIVES_TOO_MUCH = re.compile(r"\breceiving (?:e-?)?mails? (?:too|at a rate)")


_REJECTS_ADDRESS = re.compile(
    r"(?:\b[45]\d\d someone|(?:recipient(?: address)?|(?<!sender )address|#5\.1\.0 \w+)) rejected"
    r"(?: someone)?\.?\s{0,5}(?:\(|giving up|$)"
)


def _by_object(text: str, step: Step) -> ReplyClass | None:
    """Return "hard" if the reply only says that it rejects the address that was named."""
    found = _REJECTS_ADDRESS.search(fold(text))
    if found is None or step in ("mail", "dot"):
        return None
    return "hard" if step == "rcpt" or "5.1." in text or found[0][0].isdigit() else None


def _of_a_range(subject: int, detail: int) -> ReplyClass | None:
    if subject == 6:
        return "content"
    if subject == 5 and detail:
        return "sender"
    if subject == 7 and (25 <= detail <= 32 or 500 <= detail <= 699):
        return "policy"
    if subject == 7 and 700 <= detail <= 799:
        return "sender"  # closed by the account's own provider
    return None


def _of_a_delay(subject: int, detail: int) -> ReplyClass | None:
    if (subject, detail) == (2, 2):
        return "mailbox_full"
    if (subject, detail) in ((4, 5), (5, 3), (7, 28)):
        return "throttle"
    if subject == 7 and (25 <= detail <= 32 or 500 <= detail <= 699):
        return "throttle"
    # 4.7.0 and the like say too little; a 421 next to them says more.
    return "transient" if subject in (1, 2, 3, 4) else None


def _by_code(code: int, step: Step, scope: Scope) -> ReplyClass:
    if code in _OF_LOGIN:
        return "sender"
    if code < 500:
        is_account_fault = code in (421, 432, 452, 454) or step in ("", "mail") or scope == "sender"
        return "throttle" if is_account_fault and code else "transient"
    if step == "mail" or scope == "sender":
        return "sender"
    if step == "" and code == 554 and scope == "connection":
        return "policy"  # refused in the greeting
    if code == 552:
        return "mailbox_full" if step == "rcpt" else "content"
    return "hard" if code == _NULL_MX else "refused"


def _as_temporary(reply_class: ReplyClass) -> ReplyClass:
    """Return the temporary counterpart of a class: a 4xx is never final."""
    if reply_class == "policy":
        return "throttle"  # delays caused by a bad reputation call for less email
    if reply_class in ("hard", "disabled", "content", "refused", "sender"):
        return "transient"
    return reply_class
