"""Interpret the title of a column with regard to consent.

A title may be negative ("Unsubscribed at", "Bounces"), positive ("Accepts marketing"), a status
whose values are words, or something else. Titles are matched by words in several languages, not by
the fixed names of known programs.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a title.

    `yes` and `no` are the meanings (of statuses.MEANINGS) of these answers; empty if unclear.
    `is_sure`: the title alone makes it a status column, so the user is asked about unknown values.
    Under a negative title, `any_text` is the meaning of other text, such as a reason, and
    `any_number` that of a count.
    """

    kind: str = ""
    """One of "against", "for", "words", "other" for another channel or a link, or empty."""
    yes: str = ""
    no: str = ""
    is_sure: bool = False
    any_text: str = ""
    any_number: str = ""


NOTHING = Subject()
OTHER = Subject("other")


def key(text: str) -> str:
    """Return a title or value without case, accents, spaces and punctuation."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(
        char for char in plain.lower() if char.isalnum() and not unicodedata.combining(char)
    )


def words(text: str) -> list[str]:
    """Return the `key` of each word of a table."""
    return [key(word) for word in text.split()]


def table(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the entry of each word of a table."""
    return {word: name for name, text in texts.items() for word in words(text)}


_STATUS_TITLES = frozenset(
    words("""
        status email-status subscription-status subscriber-status member-status contact-status
        opt-in-status optin-status email-marketing-status marketing-status email-permission-status
        email-opt-in-status permission-status status-email list-status mailing-status consent-status
        email-marketing-consent email-consent newsletter-status subscription-state
        subscription
        abonnementstatus anmeldestatus statut statut-abonnement estado-suscripcion
        estado-de-suscripción stato-iscrizione statut-email
        статус 状態 ステータス 状态 상태
        """)
)
"""Titles about consent, whatever their values."""
_MAYBE_TITLES = frozenset(words("state type kind estado stato état zustand situação status-code"))
"""Titles of a status only if their values suggest it."""

_AGAINST = (
    (
        re.compile(
            "complain|spam|abuse|beschwerde|plainte|queja|reclamo|reclamacao|denuncia|klacht"
        ),
        "complained",
    ),
    (
        re.compile(
            "blacklist|blocklist|blocked|suppress|quarantin|banned"
            "|donot(?:e?mail|contact|send|market)|gesperrt|sperre|sperrliste|bloquead|bloccat|geblokkeerd|listenoire|listanegra|listanera"
            "|zwartelijst|robinson"
        ),
        "blocked",
    ),
    (
        re.compile(
            "bounce|undeliver|unzustellbar|invalide?mail|mailinvalid|cleaned|cleantime|cleandate"
            "|cleancampaign|rebotad|rimbalz|onbestelbaar"
        ),
        "bounced",
    ),
    (
        re.compile(
            "unsub|notsubscri|nonsubscri|optout|opted?out|optsout|abgemeldet|abmeld|ausgetragen"
            "|abbestell|desinscri|desabon|desuscri|dadodebaja|disiscri|uitgeschreven|uitschrij|afgemeld|afmeld"
            "|descadastr|avregistrer|wypisan|withdraw|revok|widerruf|churned|retraitduconsentement"
            "|отписа|購読解除"
        ),
        "unsubscribed",
    ),
)
"""Negative parts: "yes", a date or a number means the opposite of a subscription."""
_LEFT = frozenset(
    words("""
        disabled inactive deleted archived removed cancelled canceled closed deactivated stopped
        stop ended left gone baja cancelado cancelada cancellato supprimé gelöscht
        deaktiviert gekündigt kündigung kündigungsdatum
        austritt austrittsdatum verwijderd eliminado cancellation cancellazione
        cancelación cancelamento excluído annulé résilié geschlossen
        """)
)
"""Words that are negative if the rest of the title is about a person or time."""

_FOR = re.compile(
    "(?<!un)(?<!not)subscribed|optin|optedin|optsin|consent|einwillig|zustimm|abonniert"
    "|toestemming|accepts?(?:email)?marketing|accepts?email|marketingallowed|deliverab|zustellbar"
)
"""Parts about consent, whatever else is in the title."""
_TOPIC = re.compile(
    "subscri|newsletter|marketing|mailing|permission|gdpr|dsgvo|rgpd|lgpd|promotion|werbung"
    "|publicid|publicit|abonn|inscri|suscri|iscri|inschrijv|ingeschreven|aangemeld|angemeld|anmeld"
    "|nieuwsbrief|boletin|infolettre|nyhetsbrev|nyhedsbrev|рассылк|подписк|メルマガ"
    "|recebere?mail|recibire?mail|recevoir(?:de?s?|les)?e?mail|riceveree?mail|ontvange?mail"
    "|assinant|подписан|optin|notification|communication|wantsemail|receivesemail|receiveemail"
    "|mailok|allowemail|emails?allowed"
)
"""Parts that may be about consent, depending on the values."""
_STANDS = frozenset(
    words("""
        active aktiv actif actifs activo ativo attivo actief enabled confirmed verified valid
        confirmation confirmado confirmé bestätigt verifiziert gültig valide valido válido consenso
        consentimiento consentimento avg mailable sendable contactable
        """)
)
"""Words that are positive if the rest of the title is about a person."""
_PERSON = frozenset(
    words("""
        a the of is has was been this at on in by date time day utc gmt global current overall email
        emails mail e account user contact person people profile customer client member recipient
        subscriber subscription list audience status state from to all and address datum am
        le la el de da do em op der die das ist wurde fecha data kontakt nutzer kunde doi double
        """)
)
"""Words that do not change the meaning of the others."""
_STATE_WORDS = frozenset(words("status state statut estado stato état zustand"))

_ELSEWHERE = frozenset(words("sms phone whatsapp push mobile postal viber call calls fax telefon"))
_MAIL = re.compile("mail|newsletter")
_THINGS = frozenset(
    words("""
        url link href token hash uuid key page form cookie cookies track tracking terms score
        version text wording ip id plan tier price amount product interval rate percentage
        """)
)
"""Words that make a title about something else: a link, a number, a plan."""
_OTHER = _THINGS | frozenset(
    words("""
        opened clicked read sent delivered replied last first recent total number segment group
        channel count source method name language
        """)
)
"""Words that make a seemingly positive title about usage or origin."""
_DETAIL = frozenset(
    words("reason campaign source method mode comment note by ip grund motif motivo")
)
"""Words of titles whose cells are filled only if the person has unsubscribed."""
_TIMES = frozenset(words("at on date time timestamp since datum am le fecha data utc updated"))
_PENDING = re.compile("confirm|verif|bestatig")
_BOUNCED = re.compile("deliverab|zustellbar|valid|gultig|mailable|sendable")
_COUNTS = re.compile(
    "bounces|soft|bouncecount|countofbounce|bouncescore|bouncedemail|emailsbounced"
)
"""Titles that also count soft bounces, which are not a reason to stop."""

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@lru_cache(maxsize=1024)
def subject(title: str) -> Subject:
    """Return the subject of a title."""
    title = title[:200]
    plain = key(title)
    parts = {key(word) for word in _WORD.findall(_CAMEL.sub(" ", title))}
    if plain in _STATUS_TITLES:
        is_consent = "consent" in plain or plain == "subscription"
        return Subject("words", *(_answers(plain) if is_consent else ("", "")), is_sure=True)
    if plain.endswith(("url", "link")) or (parts & _ELSEWHERE and not _MAIL.search(plain)):
        return OTHER
    return (
        _against(plain, parts)
        or _for(plain, parts)
        or (Subject("words") if _is_state(plain, parts) else NOTHING)
    )


def meaning_of_words(plain: str) -> str:
    """Return the meaning of a negative text (of `key`); empty for any other."""
    return next((meaning for part, meaning in _AGAINST if part.search(plain)), "")


def _against(plain: str, parts: set[str]) -> Subject | None:
    meaning = meaning_of_words(plain)
    is_sure = bool(meaning)
    if not meaning and parts & _LEFT and parts <= _LEFT | _PERSON | _DETAIL:
        meaning = "unsubscribed"
    if not meaning:
        return None
    is_detail = bool(parts & _DETAIL)
    is_count = meaning == "bounced" and bool(_COUNTS.search(plain))
    if parts & _THINGS and not is_detail:
        return NOTHING
    return Subject(
        "against",
        meaning,
        "subscribed",
        is_sure,
        any_text=meaning if (is_detail or parts & _TIMES) and not is_count else "",
        any_number="" if is_count else meaning,
    )


def _for(plain: str, parts: set[str]) -> Subject | None:
    if parts & _OTHER:
        return None
    is_sure = bool(_FOR.search(plain))
    stands = bool(parts & _STANDS) and parts <= _STANDS | _PERSON
    if not (is_sure or stands or _TOPIC.search(plain)):
        return None
    if parts & _TIMES and not _PENDING.search(plain):
        return None
    return Subject("for", *_answers(plain), is_sure=is_sure)


def _answers(plain: str) -> tuple[str, str]:
    """Return what yes and no mean under a positive title."""
    if _PENDING.search(plain):
        return "subscribed", "pending"
    return "subscribed", "bounced" if _BOUNCED.search(plain) else "unsubscribed"


def _is_state(plain: str, parts: set[str]) -> bool:
    """Return whether a title is about the state of a person; orders have a status too."""
    if plain in _MAYBE_TITLES:
        return True
    return bool(parts & _STATE_WORDS) and parts <= _PERSON | _STATE_WORDS and not parts & _TIMES
