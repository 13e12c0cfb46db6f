"""What the status column of a file says about a person: subscribed, unsubscribed, bounced ...

Exports of other programs say it in many words, as yes or no under a title such as "Opted out",
or by a date under "Unsubscribed at". What is not understood is asked, never taken for consent.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping

MEANINGS = {
    "subscribed": "Subscribed",
    "pending": "Pending confirmation",
    "unsubscribed": "Unsubscribed",
    "blocked": "Suppressed (blocked)",
    "bounced": "Suppressed (bounced)",
    "complained": "Suppressed (spam complaint)",
    "skip": "Skip these rows",
}
"""What a value can mean, from the mildest to the strictest; where columns differ, the strictest
counts."""
_RANK = {meaning: rank for rank, meaning in enumerate(MEANINGS)}

SUPPRESSION_REASONS = {"blocked": "manual", "bounced": "hard_bounce", "complained": "complaint"}
"""Reason of the suppression that a meaning leads to."""

ANY_DATE = "any date"
"""Stands for all dates in a column: each means the same."""

OWN_SUPPRESSION = "suppressed"
"""Title of the column of our own exports that tells a suppression, beside the state."""


def key(text: str) -> str:
    """A title or value without case, accents, blanks and punctuation."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(
        char for char in plain.lower() if char.isalnum() and not unicodedata.combining(char)
    )


def _words(text: str) -> list[str]:
    return [key(word) for word in text.split()]


def _table(words: Mapping[str, str]) -> dict[str, str]:
    return {word: meaning for meaning, text in words.items() for word in _words(text)}


_WORDS = _table(
    {
        "subscribed": """
            subscribed subscribe active enabled confirmed opted-in opt-in single-opt-in
            double-opt-in explicit-consent granted abonniert aktiv angemeldet bestätigt abonné actif
            inscrit suscrito activo inscrito ativo iscritto attivo actief aangemeld ingeschreven
            aktywny zapisany tilmeldt prenumererar tilaaja aktif подписан активен активный 購読中
            有効 订阅 已订阅 구독 구독중 marketing-contact
        """,
        "pending": """
            pending pending-confirmation unconfirmed unverified not-confirmed awaiting-confirmation
            waiting-for-confirmation ausstehend unbestätigt nicht-bestätigt en-attente non-confirmé
            pendiente sin-confirmar no-confirmado pendente não-confirmado in-attesa non-confermato
            in-afwachting onbevestigd oczekujący niepotwierdzony ожидает неподтвержден 確認待ち
            未確認 待确认 未确认 대기
        """,
        "unsubscribed": """
            unsubscribed unsubscribe unsub opted-out opt-out optout inactive disabled removed
            deleted cancelled canceled archived withdrawn revoked denied never-subscribed
            non-subscribed not-subscribed nonsubscriber transactional no-consent abgemeldet
            ausgetragen abbestellt inaktiv deaktiviert gelöscht widerrufen désabonné désinscrit
            inactif désactivé supprimé baja de-baja dado-de-baja desuscrito cancelado inactivo
            desactivado descadastrado inativo cancelou disiscritto cancellato inattivo
            disattivato uitgeschreven afgemeld inactief wypisany nieaktywny avregistrerad
            avprenumererad afmeldt avmeldt inactiv dezabonat отписан отписался неактивен
            неактивный 購読解除 解除 退会 無効 已退订 退订 구독취소 수신거부
            non-marketing-contact
        """,
        "bounced": """
            bounced bounce hard-bounce hard-bounced cleaned invalid invalid-email undeliverable
            undelivered unzustellbar ungültig gebounct rebotado rebote rejeté invalide erroné
            rimbalzato respinto invalido inválido onbestelbaar ongeldig odrzucony недоставлен
            недействителен
        """,
        "complained": """
            complained complaint complainer spam spam-complaint spam-report reported-spam
            marked-as-spam reported-as-spam abuse abuse-complaint beschwerde plainte queja
            reclamo reclamação denuncia skarga жалоба спам
        """,
        "blocked": """
            blocked blocklisted block-listed blacklisted black-listed suppressed manual banned
            excluded do-not-email do-not-mail do-not-contact dnc gesperrt blockiert bloqué
            bloqueado bloccato geblokkeerd zablokowany blockerad blokeret заблокирован ブロック
            已屏蔽 차단
        """,
        "skip": "erased",
    }
)
_YES = frozenset(
    _words("yes true 1 y t on ja j oui si sì sim s tak да はい 是 예 wahr vrai verdadero x")
)
_NO = frozenset(
    _words("no false 0 n f off nein non não nee nie нет いいえ 否 아니오 falsch faux falso")
)

_STATUS_TITLES = frozenset(
    _words("""
        status email-status subscription-status subscriber-status member-status contact-status
        opt-in-status optin-status email-marketing-status marketing-status email-permission-status
        email-opt-in-status permission-status status-email list-status mailing-status consent-status
        email-marketing-consent email-consent newsletter-status subscription-state
        subscription
        abonnementstatus anmeldestatus statut statut-abonnement estado-suscripcion
        estado-de-suscripción stato stato-iscrizione statut-email
        état статус 状態 ステータス 状态 상태
        """)
)
"""Titles that speak of consent whatever stands below."""
_MAYBE_TITLES = frozenset(
    _words("state type kind estado zustand situação consent permission newsletter")
)
"""Titles of a status only where the values below say so."""
_YES_TITLES = {
    **dict.fromkeys(
        _words("""
            subscribed is-subscribed accepts-marketing accepts-email-marketing opt-in opted-in
            optin email-opt-in newsletter-opt-in newsletter-optin subscribed-to-emails
            subscribed-to-email subscribed-to-newsletter email-subscribed marketing-consent
            marketing-opt-in gdpr-consent consent permission newsletter email-marketing-consent
            email-consent active is-active enabled is-enabled abonniert angemeldet abonné inscrit
            suscrito inscrito iscritto aangemeld consent-given подписан
            """),
        "unsubscribed",
    ),
    **dict.fromkeys(_words("confirmed is-confirmed verified is-verified"), "pending"),
}
"""Title of a column whose "yes" is a subscription, and what "no" means there."""
_NO_TITLES = _table(
    {
        "unsubscribed": """
            unsubscribed is-unsubscribed opted-out opt-out optout has-opted-out
            has-opted-out-of-email email-opt-out opted-out-of-email disabled is-disabled
            email-disabled inactive deleted archived unsub unsub-time unsub-date unsubscribe-time
            unsubscribe-date unsubscribed-at unsubscribed-on unsubscribed-date date-unsubscribed
            opt-out-time opt-out-date opt-out-at optout-time optout-date opted-out-at
            opted-out-date deleted-at abgemeldet abgemeldet-am abmeldedatum désabonné
            date-de-désinscription unsubscribe-reason unsub-campaign-title
        """,
        "bounced": """
            bounced is-bounced hard-bounced hard-bounce cleaned clean-time cleaned-at bounced-at
            bounce-date bounce-time bounced-date clean-campaign-title
        """,
        "complained": """
            complained is-complained spam-complaint complaint complained-at complaint-date
            marked-as-spam spam spam-report
        """,
        "blocked": """
            blacklisted is-blacklisted email-blacklisted blocklisted is-blocklisted
            email-blocklisted suppressed is-suppressed blocked is-blocked banned do-not-email
            do-not-mail do-not-contact donotemail donotcontact gesperrt blacklisted-at
            blocklisted-at suppressed-at blocked-at
        """,
    }
)
"""Title of a column whose "yes", or any date, is the opposite of a subscription."""

_AGAINST = (
    (re.compile("complain"), "complained"),
    (re.compile("blacklist|blocklist|suppress"), "blocked"),
    (re.compile("unsub|optout|optedout|abgemeldet|desinscri|desabonn"), "unsubscribed"),
)
"""What a "yes" means below a title that says so in more words, as in "Unsubscribed from all
email". Bounces are not among them: titles count soft ones too."""
_ABOUT_MAIL = re.compile("subscri|mail|newsletter|marketing|consent|optin")
"""Makes other titles that end with "status" or "state" one of consent, where the values say so too:
an order has a status as well."""

_DATE = re.compile(
    r"\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}\b.*|\d{10,13}"
    # With the month as a word: Fri, Feb 2, 2024 and 2. Februar 2024.
    r"|(?:[^\W\d]{2,10}\.?, ?)?(?:[^\W\d]{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,?"
    r"|\d{1,2}(?:\.|st|nd|rd|th)?[- ][^\W\d]{3,10}\.?,?)[- ]\d{4}\b.*"
)


def _against(plain: str) -> str:
    """What a "yes" or a date below this title (of `key`) means; empty where it speaks for mail."""
    if plain in _NO_TITLES or plain in _YES_TITLES:
        return _NO_TITLES.get(plain, "")
    return next((meaning for words, meaning in _AGAINST if words.search(plain)), "")


def value_key(title: str, cell: str) -> str:
    """The form in which values are compared; one for all dates, empty for an empty cell."""
    if _against(key(title)) and _DATE.match(cell.strip()):
        return ANY_DATE
    # A sign or symbol is no letter, and yet no empty cell.
    return key(cell) or " ".join(cell.split())


def default(title: str, value: str) -> str:
    """What a value (of `value_key`) means below this title; empty where that is not clear."""
    plain = key(title)
    against = _against(plain)
    if value in _YES:
        return against or ("subscribed" if plain in _YES_TITLES else "")
    if value in _NO:
        return "subscribed" if against else _YES_TITLES.get(plain, "")
    if against and value == ANY_DATE:
        return against
    if against and not value:
        return "subscribed"
    return _WORDS.get(value, "")


def is_status(title: str, cells: Iterable[str]) -> bool:
    """Whether a column speaks of consent, by its title and some of its cells."""
    plain = key(title)
    if plain in _STATUS_TITLES:
        return True
    keys = [value for cell in cells if (value := value_key(title, cell))]
    values = set(keys)
    if not values:
        return False
    known = [default(title, value) for value in values]
    if plain in _YES_TITLES or plain in _NO_TITLES:
        return all(known) or "subscribed" in plain or "optin" in plain or "optout" in plain
    if _against(plain):
        return all(known)
    if plain in _MAYBE_TITLES or (
        plain.endswith(("status", "state")) and _ABOUT_MAIL.search(plain)
    ):
        return any(default(title, value) for value in values - {"manual"})
    # Where lines stand above the header ("My export"), it is read as a row.
    if keys[0] in _STATUS_TITLES and any(known):
        return True
    # Words that stand for nothing else tell a status under any title.
    return all(known) and bool(values & _PLAIN_WORDS)


_PLAIN_WORDS = frozenset(
    _words("""
        unsubscribed cleaned bounced hard-bounced complained blocklisted blacklisted unconfirmed
        opted-out abgemeldet désabonné désinscrit disiscritto uitgeschreven
        """)
)


def strictest(meanings: Iterable[str]) -> str:
    return max(meanings, key=_RANK.__getitem__, default="subscribed")
