"""Interpret the status columns of a file: subscribed, unsubscribed, bounced ...

Exports of other programs use many words, yes or no under a title such as "Opted out", or a date
under "Unsubscribed at". The user is asked about any other value: it never counts as consent.
"""

import re
from collections.abc import Iterable

from campaigns.audience.imports.titles import key, meaning_of_words, subject, table, words

MEANINGS = (
    "subscribed",
    "pending",
    "unsubscribed",
    "blocked",
    "bounced",
    "complained",
    "skip",
)
"""Possible meanings, from the mildest to the strictest. If columns differ, the strictest
applies."""
_RANK = {meaning: rank for rank, meaning in enumerate(MEANINGS)}

SUPPRESSION_REASONS = {"blocked": "manual", "bounced": "hard_bounce", "complained": "complaint"}
"""Suppression reason of each meaning."""

ANY_DATE = "any date"
ANY_NUMBER = "any number"
ANY_TEXT = "any other text"
"""Keys that stand for all such cells of a column, which share a meaning."""

OWN_SUPPRESSION = "suppressed"
"""Title of the suppression column in our own exports, next to the state."""


_WORDS = table(
    {
        "subscribed": """
            subscribed subscribe active enabled confirmed opted-in opt-in single-opt-in
            double-opt-in explicit-consent granted accepted agreed allowed opt-in-confirmed
            single_opt_in confirmed_opt_in abonniert aktiv angemeldet bestätigt abonné actif
            inscrit suscrito activo inscrito ativo iscritto attivo actief aangemeld ingeschreven
            aktywny zapisany tilmeldt prenumererar tilaaja aktif подписан активен активный
            購読中 有効 订阅 已订阅 구독 구독중
            marketing-contact agree i-agree yes-i-agree consented permitted
            valid deliverable
        """,
        "pending": """
            pending pending-confirmation unconfirmed unverified not-confirmed awaiting-confirmation
            waiting-for-confirmation validating awaiting ausstehend unbestätigt nicht-bestätigt
            en-attente non-confirmé pendiente sin-confirmar no-confirmado pendente não-confirmado
            in-attesa non-confermato in-afwachting onbevestigd oczekujący niepotwierdzony ожидает
            неподтвержден 確認待ち 未確認 待确认 未确认 대기
        """,
        "unsubscribed": """
            unsubscribed unsubscribe unsub opted-out opt-out optout inactive disabled removed
            deleted cancelled canceled archived withdrawn revoked denied declined refused
            rejected-consent forbidden withheld never-subscribed unsubscribed-by-user churned left
            no-permission no-permission-set not-given abgelehnt verweigert refusé rechazado
            denegado rifiutato negato geweigerd recusado negado gekündigt non-subscribed
            not-subscribed nonsubscriber transactional no-consent abgemeldet ausgetragen abbestellt
            inaktiv deaktiviert gelöscht widerrufen désabonné désinscrit inactif désactivé supprimé
            baja de-baja dado-de-baja desuscrito cancelado inactivo desactivado descadastrado
            inativo cancelou disiscritto cancellato inattivo disattivato uitgeschreven afgemeld
            inactief wypisany nieaktywny avregistrerad avprenumererad afmeldt avmeldt inactiv
            dezabonat отписан отписался неактивен неактивный
            購読解除 解除 退会 無効 已退订 退订 구독취소 수신거부
            non-marketing-contact closed ended lapsed disagree do-not-agree i-do-not-agree
            not-consented not-permitted not-allowed not-accepted not-active
        """,
        "bounced": """
            bounced bounce hard permanent hard-bounce hard-bounced cleaned invalid invalid-email
            invalid-address undeliverable undelivered unzustellbar ungültig gebounct rebotado rebote
            rejeté invalide erroné rimbalzato respinto invalido inválido onbestelbaar ongeldig
            odrzucony
            недоставлен недействителен
        """,
        "complained": """
            complained complaint complainer spam spam-complaint spam-report reported-spam
            marked-as-spam reported-as-spam abuse abuse-complaint beschwerde plainte queja
            reclamo reclamação denuncia skarga жалоба спам
        """,
        "blocked": """
            blocked blocklisted block-listed blacklisted black-listed suppressed manual banned
            user-suppressed manual-suppression manual-suppressed admin-suppressed suspended
            excluded do-not-email do-not-mail do-not-contact dnc gesperrt blockiert bloqué
            bloqueado bloccato geblokkeerd zablokowany blockerad blokeret заблокирован
            ブロック 已屏蔽 차단
        """,
        "skip": "erased",
    }
)
_YES = frozenset(
    words("yes true checked 1 y t on ja j oui si sì sim s tak да はい 是 예 wahr vrai verdadero x")
)
_NO = frozenset(
    words("""
        no false unchecked none 0 n f off nein non não nee nie нет いいえ 否 아니오
        falsch faux falso
        """)
)

_DATE = re.compile(
    r"\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}(?!\d).*|\d{10,13}|\d{4}年.*"
    # With the month as a word: Fri, Feb 2, 2024 and 2. Februar 2024.
    r"|(?:[^\W\d]{2,10}\.?, ?)?(?:[^\W\d]{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,?"
    r"|\d{1,2}(?:\.|st|nd|rd|th)?[- ][^\W\d]{3,10}\.?,?)[- ]\d{4}\b.*"
)


_NUMBER = re.compile(r"\d{1,9}(?:[.,]0+)?")
_SIGNS = frozenset("-–—_.,;/|()[]{}\"' ")
_YES_SIGNS = frozenset("✓✔☑✅")
_EMPTY = frozenset(words("none null nil nan na never undefined keine aucun ninguno"))
_LIST = re.compile(r"[,;|]")
_NOT = re.compile("not|never|non|nicht|kein|jamais|nunca|mai")
MAX_VALUE_CHARS = 300


def value_key(title: str, cell: str) -> str:
    """Return the normal form of a value; "" for an empty cell.

    Under a title about consent, all dates are one value. Under a title such as "Opted out", so are
    all numbers except zero, and all unknown text.
    """
    about = subject(title)
    cell = cell.strip()[:MAX_VALUE_CHARS]
    if cell in {ANY_DATE, ANY_NUMBER, ANY_TEXT}:
        return cell
    value = key(cell)
    if about.kind == "against":
        if value in _EMPTY or _SIGNS.issuperset(cell):
            return ""
        if not value.strip("0"):
            return ("yes" if _YES_SIGNS.issuperset(cell) else ANY_TEXT) if not value else "0"
        if _NUMBER.fullmatch(cell):
            return ANY_NUMBER
    if about.kind in {"against", "for"} and _DATE.match(cell):
        return ANY_DATE
    if value in _YES or value in _NO or value in _WORDS:
        return value
    if about.kind and (listed := _listed(cell)):
        return listed
    if about.is_sure and not _NOT.match(value) and (meaning := meaning_of_words(value)):
        return meaning
    if about.kind == "against":
        return ANY_TEXT
    # Symbols have no letters, but are not empty.
    return value or " ".join(cell.split())


def _listed(cell: str) -> str:
    """Return the key of the strictest of several known words in a cell."""
    found = {value for part in _LIST.split(cell) if (value := key(part))}
    if not found or not found <= _WORDS.keys():
        return ""
    return max(found, key=lambda value: _RANK[_WORDS[value]])


def default(title: str, value: str) -> str:
    """Return the meaning of a value (of `value_key`) under this title; "" if unclear."""
    about = subject(title)
    if value in _YES:
        return about.yes
    if value in _NO:
        return about.no
    if value == ANY_DATE:
        return about.yes
    if about.kind == "against" and value in {"", ANY_NUMBER, ANY_TEXT}:
        return {"": "subscribed", ANY_NUMBER: about.any_number, ANY_TEXT: about.any_text}[value]
    meaning = _WORDS.get(value, "")
    # Whatever the stated reason, the person has unsubscribed.
    return about.any_text if about.any_text and meaning in {"subscribed", "pending"} else meaning


MAX_PLAIN = 20
"""Largest number of values of a status column whose title does not suggest a status."""
_PLAIN_WORDS = frozenset(
    words("""
        unsubscribed unsub do-not-mail do-not-email do-not-contact undeliverable cleaned bounced
        hard-bounced complained blocklisted blacklisted unconfirmed opted-out abgemeldet désabonné
        désinscrit disiscritto uitgeschreven
        """)
)


def is_status(title: str, cells: Iterable[str]) -> bool:
    """Return whether a column is about consent, judging by its title and some cells."""
    about = subject(title)
    if about.kind == "other":
        return False
    if about.kind == "words" and about.is_sure:
        return True
    cells = list(dict.fromkeys(cells))
    keys = [value for cell in cells if (value := value_key(title, cell))]
    if about.kind == "against":
        if sum("://" in cell for cell in cells) * 2 > len(cells):
            return False
        # If the first rows say nothing, a later one may.
        return about.is_sure or not keys or any(default(title, value) for value in keys)
    values = set(keys)
    known = {value for value in values if default(title, value)} - {ANY_DATE}
    if about.kind == "for":
        if ANY_DATE in values and not known:
            return about.no == "pending"
        if any(map(str.isdecimal, values - {"0", "1"})):
            known -= {"0", "1"}  # a count of something
        return bool(known - {"manual"}) or (about.is_sure and bool(values))
    if about.kind == "words" and known - {"manual"}:
        return True
    # If lines above the header were taken for data, the header is read as a row.
    if cells and subject(cells[0]).is_sure and any(default(title, value) for value in keys[1:]):
        return True
    # Unambiguous words mean a status under any title.
    return bool(values & _PLAIN_WORDS) and len(values) <= MAX_PLAIN


def strictest(meanings: Iterable[str]) -> str:
    """Return the strictest of these meanings."""
    return max(meanings, key=_RANK.__getitem__, default="subscribed")
