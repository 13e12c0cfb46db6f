"""The words by which mail servers and mailbox providers say what happened.

One phrase per line, in lower case, in the languages in which their notices come.
"""

import re


def _any_of(phrases: str) -> re.Pattern[str]:
    lines = (line.strip() for line in phrases.strip().splitlines())
    return re.compile("|".join(line for line in lines if line))


FAILED = _any_of(r"""
    (?:can|was|were|is|has|have)(?: ?not|n't) (?:be |been )?(?:delivered|sent)
    (?:could|can) ?(?:not|n't) (?:be )?(?:successfully )?(?:deliver|reach|send|sent|relay)
    (?:did|was|were|is|are|been) ?(?:not|n't) (?:been )?(?:able to )?(?:be )?(?:deliver|send|relay)
    unable to (?:be )?(?:deliver|relay|send|reach)
    not able to deliver
    undeliver
    non-?deliver(?:y|able)
    not deliver
    no delivery
    (?:delivery|sending|transmission|message|mail)\b[^.\n]{0,60}\b(?:failed|failure|aborted)
    fail(?:ed|ure) (?:to|of|in) (?:be )?(?:deliver|send|relay)
    return(?:ed|ing) (?:mail|message|e-?mail|to sender)
    mail (?:system|delivery) (?:error|problem|failure)
    (?:error|problem|trouble|difficult)\w*\b[^.\n]{0,60}\b(?:deliver|sending your)
    (?:permanent|fatal|delivery) (?:fatal )?(?:errors?|failure)
    address(?:es)? (?:not found|couldn't be found|failed)
    failed (?:recipient|address)
    (?:has|have|was|were|been|is) (?:been )?(?:rejected|bounced|refused|returned|blocked)
    message (?:blocked|not delivered|rejected|bounced)
    transcript of session
    failure (?:notice|delivery|notification)
    (?:user|recipient) unknown|(?:unknown|no such) (?:user|recipient)
    bounced? (?:mail|message|e-?mail)
    rejected by (?:the|a) (?:recipient|remote|domain|server|mail)
    nicht (?:zugestellt|ausgeliefert|[uü]bermittelt|zustellbar|zustellen|versendet|erreicht)
    unzustellbar|zustell(?:ung)?(?:s?fehler|[^.\n]{0,40}(?:fehlgeschlagen|nicht))
    n'a (?:pas |pu )(?:pu )?(?:[eê]tre )?(?:remis|distribu|d[eé]livr|envoy|achemin)
    non (?:remis|distribu|d[eé]livr)|[eé]chec de (?:la )?(?:remise|distribution|livraison|l'envoi)
    impossible (?:de|d'|to) (?:remettre|distribuer|envoyer|acheminer|deliver)
    no se (?:ha podido|ha pudo|pudo|ha) (?:entregar|enviar)
    no (?:ha sido|fue|pudo ser) entregad
    no entregad
    error (?:de|en la) entrega
    imposible (?:de )?entregar
    non (?:[eè] stato possibile|[eè] stato|pu[oò] essere) (?:recapitat|consegnat)
    (?:mancat[ao]|impossibile) (?:il )?(?:recapito|consegna)
    impossibile (?:recapitare|consegnare|inviare)
    n[aã]o (?:p[oô]de|foi poss[ií]vel|foi|pode) (?:ser )?(?:entreg|enviad)
    falha (?:na|de) entrega
    n[aã]o entreg
    (?:kon|kan|is) (?:niet|geen) (?:worden )?(?:bezorgd|afgeleverd)
    niet (?:worden )?(?:bezorgd|afgeleverd)
    onbestelbaar
    kunde inte (?:levereras|skickas)|kunne ikke leveres|ikke leveret|ei voitu toimittaa
    nie (?:mog[lł]a?|zosta[lł]a?) (?:by[cć] )?(?:dor[eę]czon|dostarczon)
    nie dostarczono
    nie mo[zż]na (?:by[lł]o )?dostarczy
    nepoda[rř]ilo se doru[cč]it
    nedoru[cč]iteln
    nelze doru[cč]it
    nem (?:siker[uü]lt )?k[eé]zbes[ií]t
    не (?:может быть|могло быть|было|удалось|будет) ?(?:быть )?(?:доставлен|доставить|отправ)
    недоставлен|не доставлен|ошибка доставки|неможливо доставити
    teslim edilemedi|iletilemedi|g[oö]nderilemedi
    エラーの(?:為|ため)|配信(?:でき|され|に失敗|不能)|送信(?:でき|に失敗|されませんでした)|届け(?:られ|でき)|配達(?:でき|不能)|お届けできません|見つかりません
    退信|无法(?:投递|送达|发送|传送)|未能(?:送达|投递|发送)|無法(?:投遞|傳送|送達|寄達)|投递失败|发送失败
    전송(?:하지 못|되지 않|할 수 없|실패)|배달(?:하지 못|되지 않|실패)|반송
""")

DELAYED = _any_of(r"""
    this is a warning message only
    (?:has|have) been delayed
    (?:has|have) not (?:yet )?been delivered (?:yet|after)|not yet been delivered
    (?:message|mail|delivery|email)\b[^.\n]{0,40}\bdelayed
    (?:is|will be|still) (?:being )?(?:retr(?:y|ied)|queued|tried again)
    (?:is|will be|still) (?:being )?attempt(?:ed|ing) (?:again|to deliver)
    (?:will|are going to) (?:continue|keep) (?:to try|trying)|will (?:re)?try (?:again|for)
    no action is required on your part
    (?:temporary|transient) (?:failure|problem|error)s?\b[^.\n]{0,80}\b(?:will|retry|again|queue)
    delivery (?:status notification \()?delay|temporarily delayed
    (?:noch nicht|verz[oö]gert)[^.\n]{0,40}(?:zugestellt|zustell)
    zustellung[^.\n]{0,40}verz[oö]ger
    (?:remise|distribution|livraison) (?:est |a [eé]t[eé] )?retard
    pas encore [eé]t[eé] (?:remis|distribu|d[eé]livr)
    entrega (?:se ha )?(?:retras|demor|atras)|a[uú]n no se ha (?:podido )?entrega
    recapito (?:[eè] stato )?ritardat|consegna (?:[eè] )?ritardat
    ainda n[aã]o foi entregue
    配信(?:が)?遅(?:延|れ)|まだ配信され
    доставка (?:за)?держ|будет (?:повторена|продолж)
""")

GAVE_UP = _any_of(r"""
    (?:not|n't) (?:be |going to )?(?:try|retr|attempt)\w*(?: again| any)?
    giv(?:en|ing) up
    gave up
    no further (?:delivery )?attempts
    no longer (?:be )?(?:retr|attempt|tried)
    permanent(?:ly)? (?:fatal )?(?:error|failure|fail)
    failed permanently
    (?:retry|retries|queue)\b[^.\n]{0,30}\b(?:exceeded|expired|timed? ?out|exhausted)
    too long in (?:the )?queue|in (?:the )?queue too long
""")
"""Words which say that what was delayed at first has failed in the end."""

AUTO_REPLY_SUBJECT = _any_of(r"""
    ^auto\s?:\s
    ^(?:re:\s?|aw:\s?)?auto(?:mat\w{1,6})?[ -]?(?:re(?:ply|sponse|spond\w*)|answer|antwor\w*)\b
    out[- ]of[- ](?:the[- ])?office|^ooo\b ?[:-]
    automat\w{1,6} (?:antwort|reply|response|r[eé]ponse|notification of absence)|autom\. antwort
    abwesenheits(?:notiz|nachricht|meldung|assistent)|automatische abwesenheit
    r[eé]ponse automatique|absence du bureau|message d'absence
    respuesta autom[aá]tica|fuera de (?:la )?oficina
    risposta automatica|fuori (?:ufficio|sede)
    resposta autom[aá]tica|fora do escrit[oó]rio
    automatisch(?:e)? (?:antwoord|beantwoord)|afwezigheids?(?:bericht|melding)
    automatiskt? svar|autosvar|fr[aå]nvaromeddelande|automaattinen vastaus
    automatyczna odpowied[zź]|odpowied[zź] automatyczna
    automatick[aáeé] odpov|mimo kancel[aá][rř]|automatikus v[aá]lasz
    автоответ|автоматический ответ|вне офиса|автоматична відповідь
    otomatik yan[ıi]t|ofis d[ıi][sş][ıi]nda
    自動(?:返信|応答)|不在通知|自动(?:回复|答复)|自動(?:回覆|回復)|자동 ?(?:응답|회신)|부재중
""")
"""Subjects that only programs write."""

ABSENCE_SUBJECT = _any_of(r"""
    \booo\b|\baway\b|\b(?:vacation|holiday|leave)s?\b
    abwesen(?:heit|d)|nicht im (?:b[uü]ro|haus)|urlaub
    \babsen(?:ce|t)\b|ausencia|assenza|aus[eê]ncia|afwezig|fr[aå]nvaro|ikke til ?stede|poissa
    nieobecno[sś]|nep[rř][ií]tomn|в отпуске|не на месте|不在|休暇|不在办公室
""")
"""Subjects of vacation notes that people also write: harmless only if a program sent it."""

RECEIPT_SUBJECT = _any_of(r"""
    ^(?:read|return receipt|gelesen|lu|le[ií]do|letto|lida|gelezen|l[aä]st|przeczytane)\s?:
    ^(?:прочитано|прочтено|開封済み?|已读|已讀)\s?:
    ^(?:not read|deleted|ungelesen gel[oö]scht|non lu|no le[ií]do|non letto)\s?:
    disposition notification
    read receipt
    lesebest[aä]tigung
    (?:accus[eé]|confirmation) de lecture
    confirma[cç][aã]o de leitura
    confirmaci[oó]n de lectura
    conferma di lettura
    開封(?:確認|通知)
""")

CHALLENGE = _any_of(r"""
    (?:confirm|verify|validate|approve)\b[^.\n]{0,50}\b(?:sender|delivery of)
    (?:confirm|verify|validate|approve)\b[^.\n]{0,50}\byour (?:message|mail)\b(?! a[dc])
    (?:confirm|verify|validate|prove)\b[^.\n]{0,50}\byou(?:'re| are) (?:not a robot|human|a real)
    (?:action|confirmation|verification) (?:is )?required[^.\n]{0,40}(?:deliver|email|message)
    (?:sender|message|email) (?:verification|validation|confirmation) (?:request|required|needed)
    challenge[- ]response
    boxbe
    spam ?arrest
    \btmda\b
    mailblocks
    0spam
    choicemail
    sendio
    waiting list[^.\n]{0,40}(?:action|approv|guest)
    please (?:click|reply|respond)[^.\n]{0,60}to (?:have|get|let) your (?:mail|message|email)
    please (?:click|reply|respond)[^.\n]{0,60}so that your (?:mail|message|email)
    antispam\b[^.\n]{0,40}(?:confirm|verif|uol)
""")

COPY_FOLLOWS = re.compile(
    r"""^(?:[ \t>]{0,8}(?:
      [-=*_#]{2,}[^\n]{0,60}\b(?:
          original|copy|header|unsent|returned|message\ (?:text|body|follows|content)|below
        | kopie|urspr[uü]nglich|copie|initial|originale?|mensaje|messaggio|mensagem|oryginaln
        | исходн|元のメール|原始|原邮件
      )
    | (?:below\ (?:is|this\ line)|here\ is|the\ following\ is|included\ (?:below\ )?is|copy\ of)
        \b[^\n]{0,60}\b(?:copy|message|mail|header)
    | (?:possibly\ truncated\ |the\ )?(?:original|returned|unsent)\ (?:message|mail|email|header)s?
        (?:\ [^\n]{0,30}\b(?:follow|below|attach|includ)[^\n]{0,30})?[ \t]{0,5}[:.]?[ \t]{0,5}$
    | (?:the\ )?(?:message\ )?headers?\ (?:of\ the\ (?:original|message)[^\n]{0,40}|follows?)
        [ \t]{0,5}[:.]?[ \t]{0,5}$
    | (?:first|the\ first)\ \d{1,6}\ (?:lines|bytes)\b[^\n]{0,60}
    | (?:original\ mail|message)\ as\ follows
    | message\ contents?\ follows?
    )
    | (?:Return-Path|Received|X-Received|Delivered-To|DKIM-Signature|ARC-Seal|X-Google-[\w-]{1,30}
        |X-Originating-IP|Message-I[Dd]|MIME-Version)[ \t]{0,3}:
    )""",
    re.MULTILINE | re.IGNORECASE | re.VERBOSE,
)
"""The line after which the returned email begins, or the first line of its headers."""

QUOTED_CONTACT = re.compile(
    r"(?:contact|assistance|questions?|help|write to|send (?:e?mail|a message)|report|support)"
    r"[^\n<>@]{0,60}$",
    re.IGNORECASE,
)
"""Words before an address that belongs to support staff, not to a recipient."""
