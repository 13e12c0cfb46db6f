"""The words for mailboxes and their problems in the languages in which mail servers reply.

German, French, Spanish, Italian, Portuguese, Dutch, Polish, Czech, Hungarian, Scandinavian,
Finnish, Turkish, Russian, Ukrainian, Japanese, Chinese and Korean; English is in `classify`, which
combines them. All are in lower case and without accents, as `fold` leaves a text. An umlaut is "a"
or "ae".
"""

import re
import unicodedata

_SINGLE_LETTERS = str.maketrans("łøßıđ", "losid")
_ACCENTS = re.compile("[\u0300-\u036f]")


def fold(text: str) -> str:
    """Return a text in lower case and without accents, which servers may or may not write."""
    text = text.lower()
    if text.isascii():
        return text
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", bare).translate(_SINGLE_LETTERS)


def _any_of(words: str) -> str:
    return f"(?:{'|'.join(words.split())})"


_NOT = _any_of(r"""
    \bnicht \bpas \bno \bnon \bnao \bniet \bnie \bnem \binte \bikke \bei \bне
""")
_KNOWN = _any_of(r"""
    bekannt gefunden vorhanden existier connu trouv exist present encontr trovat valid[aeio]\b
    conhecid conocid registrad bekend gevonden istniej znalezion finns kand kendt kjent loydy letez
    наид знаид существ існу извест відом зарегистр
""")
# One word or phrase each, with \s for a space in it.
WORDS = {
    "their box": _any_of(r"""
        benutzer empfae?nger adressat postfach kont[oa]\b
        (?<!ip[-\s])adress?(?:en?|u|a|em)?\b(?!\sip)
        utilisateur destinataire compte boite
        usuari[oa] destinatari[oa] destin\. direccion\b(?!\sip) buzon cuenta casilla persona
        utente casella indirizzo(?!\sip) endereco(?!\sip) \bconta\b caixa
        gebruiker ontvanger postbus anvandare mottagare modtager bru[gk]er kullanici kayttaja
        uzytkowni[ck] odbior[ck] skrzynk uzivatel prijemce schrank felhasznalo cimzett
        пользовател адресат получател ящик (?<!ip[-\s])адрес користувач одержувач
        ユーザ 宛先 受信者 アドレス メールボックス 用户 用戶 收件人 邮箱 信箱 郵箱 (?<!ip)地址
        사용자 수신자 메일함
    """),
    "their gone": rf"(?:{_NOT} (?:\S+ ){{0,3}}{_KNOWN}|"
    + _any_of(r"""
        unbekannt (?:existiert|bestaat)\s(?:\S+\s){0,2}(?:nicht|niet) ungue?ltig
        finns\sinte finnes\sikke findes\sikke
        nicht\s(?:\S+\s){0,3}auf(?:gelistet|gefuhrt)
        inconnu n'?existe inexist inesist introuvable invalid[eo] desconocid desconhecid sconosciut
        err(?:at|ad|one)[oa]\b falsch
        (?:non|pas)\s(?:repertori|referenc) non\s(?:esiste|elencat) no\s(?:aparece|figura)
        nao\s(?:consta|listad)
        onbekend nieznan neznam neexist nenalezen nebyl[ao]?\snalezen okand ukendt ukjent tuntemat
        ismeretlen bulunamadi bilinme \byok\b nieprawidlow
        неизвест невідом \bнет\b удален 存在しま 存在しな 見つかりま 見つから 不明
        不存在 未找到 找不到 无效 無效 不正确 존재하지 없는 없습니다 찾을\s수\s없
    """)
    + ")",
    "their no": _any_of(r"""
        \bkeine?n?\b \baucune?\b \bningun[ao]?\b \bnessun[ao]?\b \bnenhuma?\b
        \bgeen\b \bbrak\b \bnie\sma\b \bнет\b
    """),
    "their full": _any_of(r"""
        \bvoll\b erschoe?pft ue?berschritten ue?berfue?llt ausgeschoe?pft
        \bpleine?\b satur depass \bllen[ao]\b excedid \bpien[ao]\b superat esaurit
        \bchei[ao]\b lotad \bvol\b \bpeln[aey]\b przepeln przekrocz
        переполнен превышен переповнен いっぱい 満杯 超え 超過 已满 已滿 超出 가득 초과
    """),
    "their off": _any_of(r"""
        deaktiviert gesperrt inaktiv stillgelegt
        desactive suspendu bloquee?\b inactif archivee?\b
        desactivad suspendid bloquead deshabilitad inactiv[ao]\b
        disattivat sospes bloccat disabilitat inattiv desativad suspens[ao] inativ
        geblokkeerd gedeactiveerd zablokowan nieaktywn zawieszon
        отключ заблокирован неактив приостановлен вимкнен
        停止 無効 凍結 停用 冻结 禁用 注销
    """),
    "their sender": _any_of(r"""
        absender expediteur emetteur remitente mittente remetente afzender nadawc
        отправител відправник 送信者 送信元 发件人 發件人 寄件
    """),
}
