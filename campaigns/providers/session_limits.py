"""Recognize replies about the session only: the server wants a new connection.

Many servers limit the messages, recipients or duration of a connection, with any code at any step:
"452 4.4.5 Maximum number of messages per session exceeded", "421 too many messages in this
connection", "550 session limit reached", "451 connection expired, reconnect". Limits on concurrent
connections, on a rate or on a day concern the account and do not count.
"""

import re
from functools import lru_cache

_COUNTED = (
    r"(?:messages?|msgs?|e-?mails?|mails?|transactions?|recipients?|rcpts?|deliver(?:y|ies)"
    r"|envelopes?"
    r"|commands?|submissions?|nachrichten|courriels?|mensajes?|correos?|messaggi|mensagens)"
)
_SESSION = (
    r"(?:session|connection|conn|connexion|sitzung|verbindung|sesi[oó]n|conexi[oó]n|sessione"
    r"|connessione|sess[aã]o|conex[aã]o)"
)
_KIND = r"(?:(?:e?smtp|tcp|tls|mail|client)[ -])?"

_WITHIN_SESSION = re.compile(
    # "per session", "in the same connection", "for your SMTP session", "messages/connection"
    r"(?:(?<!transcript )\b(?:per|in|on|during|within|over|for|of|pro|je|par|dans|por|en|a)[ -]"
    r"(?:(?:the|a|an|one|each|any|single|same|current|your|this|dieser|einer|une?|la|cette|esta"
    r"|questa|uma?)[ -]){0,2}|/ ?"
    # "this session"; but closing "this connection" does not imply a limit
    r"|(?<!closing )(?<!dropping )(?<!terminating )\b(?:this|one|single|each|same|current)[ -])"
    rf"{_KIND}{_SESSION}\b"
)
_HAS_COUNT = re.compile(rf"\b{_COUNTED}\b")
_IS_LIMIT = re.compile(
    r"\blimit|\bmax|\btoo (?:many|much)\b|\bexce|\breach|\bnumber of\b|\bquota\b|\bexhaust|\bfull\b"
    r"|\benough\b|\bmore than\b|\bno more\b|\bonly \d"
    r"|\d+ (?:\w+ ){0,3}(?:allowed|permitted|accepted)"
    r"|\banzahl\b|\bzu viele\b|\btrop\b|\bdemasiad|\btropp[ei]\b|\bmuit[ao]s\b|\bm[aá]xim|\bmassimo"
    r"|\bsuperad|\blím"
)
# "session limit exceeded", "session message quota", "connection lifetime exceeded"
_SESSION_LIMIT = re.compile(
    rf"\bsession(?:'s)? (?:\w+ ){{0,2}}(?:limit|quota|cap|maximum|allowance)\b"
    rf"|\b{_SESSION}(?:'s)? (?:{_COUNTED}|transaction|time|duration|age|lifetime)"
    r" (?:count |number )?(?:limit|quota|cap|maximum|count|number|exceed|reach)"
    r"|\b(?:maximum|max\.?) (?:session|connection) (?:time|duration|age|lifetime)"
    r"|\b(?:limit|quota|maximum) (?:of|for) (?:the |this |your )?session\b"
    r"|\bsession (?:is )?(?:full|exhausted|used up)"
)
_SESSION_ENDED = re.compile(
    r"\b(?:session|connection) (?:has |is )?(?:expired|too old|too long)"
    r"|\b(?:session|idle) (?:has )?time(?:d[ -]?|[ -]?)out"
    r"|\btime(?:d[ -]?|[ -]?)out ?(?:-|,|;|:) ?closing"
)
_RECONNECT = re.compile(
    r"\bre-?connect(?:ing)?\b"
    r"|\b(?:open|start|use|make|begin|establish|create|try|need|require)\w*"
    rf" (?:\w+ ){{0,2}}(?:new|another|fresh) {_KIND}(?:session|connection)"
)
_LATER = re.compile(
    r"\blater\b|\d ?(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b|\bminutes?\b|\bhours?\b"
    r"|(?:not|n't|never|before|cannot) (?:\w+ )?re-?connect|\btoo (?:often|frequent)"
)
# These concern the account, its speed or the message, whatever else the reply contains.
_OF_ACCOUNT = re.compile(
    r"\bconcurren|\bsimultan|\bparallel|\bat (?:once|the same time)\b|\brate\b|throttl|\bdaily\b"
    r"|\bhourly\b|\bmonthly\b"
    r"|(?:\b(?:per|an?|each|every)|/) ?(?:second|sec|minute|min|hour|day|week|month)\b"
    r"|\btoo many (?:\w+ )?(?:connections|sessions)\b|\bsize\b|\btoo (?:large|big)\b|\bspam\b"
    r"|\bvirus|blocked|black-?list"
)
_OF_WHOM = re.compile(
    r"\b(?:per|for|of|by|from) (?:\w+ )?(?:user|account|ip|host|domain|address)\b"
)


LONGEST_READ = 1000


@lru_cache(maxsize=1024)
def is_about_session(reply: str) -> bool:
    """Return whether a new connection cures a refusal (4xx or 5xx) with this text."""
    return is_session_full(reply) or _is_session_over(_plain(reply))


@lru_cache(maxsize=1024)
def is_session_full(reply: str) -> bool:
    """Return whether the reply says that the session has reached its message limit."""
    text = _plain(reply)
    if _OF_ACCOUNT.search(text):
        return False
    if _SESSION_LIMIT.search(text) and not _OF_WHOM.search(text):
        return True
    return bool(_WITHIN_SESSION.search(text) and _IS_LIMIT.search(text) and _HAS_COUNT.search(text))


def _plain(reply: str) -> str:
    return " ".join(reply[:LONGEST_READ].lower().split())


def _is_session_over(text: str) -> bool:
    if _SESSION_ENDED.search(text):
        return True
    if _OF_ACCOUNT.search(text):
        return False
    return bool(_RECONNECT.search(text)) and not _LATER.search(text)
