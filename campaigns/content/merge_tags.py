"""Recognize merge tags of other programs, which recipients would see as they are.

Delimiters that no prose uses (`*|FNAME|*`, `%%=v(@name)=%%`) always make a tag. Delimiters that
occur in prose (`[name]`, `-name-`, `$FIRST_NAME$`) need a known field name inside.
"""

import re
from collections.abc import Collection, Iterator

_WORD = r"[A-Za-z][A-Za-z0-9_.:\-]{0,60}"
_WORDS = r"[A-Za-z][A-Za-z0-9_.: \-]{0,60}"
_INSIDE = r"[^\n]{0,80}?"
_DEFAULT = r"\s?[,|]\s?(?:fallback|default)\s?[=:][^\n\]}]{0,60}"

_BY_SIGNS = re.compile(
    r"\*\|[^|*\n]{1,80}\|\*"  # Mailchimp, Mandrill
    r"|<%[=@\-]? ?[^%<>\n]{1,80}%>"  # ERB, EJS, SendGrid's groups, Adobe Campaign
    r"|%%=[^%\n]{1,120}=%%|%%\[[^%]{0,200}\]%%"  # AMPscript
    rf"|%%[!_]?{_WORDS}%%"  # Salesforce, Pardot, Acoustic, Interspire
    rf"|\[%=? ?{_WORD}{_INSIDE}\]"  # Emma, Inxmail
    rf"|\[\[ ?%?{_WORD}(?:[ |=,:]{_INSIDE})?\]\]"  # GetResponse, Mailjet, Constant Contact
    rf"|\[[${{]{_WORD}\}}?\]"  # Evalanche, Optivo
    rf"|\$\[{_WORD}{_INSIDE}\]\$"  # Zoho
    rf"|##{_WORD}##|@@{_WORD}@@|~\$?{_WORD}\$~"
    rf"|#\{{ ?{_WORD} ?\}}|\$\{{ ?{_WORD} ?\}}"
    rf"|\{{\${_WORD}(?:\|{_INSIDE})?\}}"  # MailerLite, Smarty
    rf"|\{{!{_WORD}(?: {_INSIDE})?\}}"  # AWeber, Salesforce
    rf"|(?<!\{{)\{{{_WORD}=[^{{}}\n]{{1,60}}\}}"  # Mautic
    rf"|(?<![\[\w])\[{_WORDS}{_DEFAULT}\]"  # Campaign Monitor, Sendy, MailPoet
    rf"|(?<!\[)\[{_WORDS},fallback=\]"
    rf"|(?<!\{{)\{{{_WORDS}{_DEFAULT}\}}"
    rf"|(?<![<\w])<<{_WORDS}>>(?![>\w])"  # mail merge
    r"|(?<![\w#&])#SP[A-Z]{4,40}#"  # Acoustic
    r"|(?<![\w$])\$[a-z]{1,30}\([^()$\n]{1,60}\)\$"  # Responsys
    r"|(?<![%\w])%[A-Z][A-Z0-9]{0,30}(?:[_\-][A-Z0-9]{1,30}){1,5}%",  # ActiveCampaign
)
_BY_NAME = re.compile(
    # SendGrid, Sendy, phpList and many more; but not Markdown links.
    rf"(?<![\[\w])\[({_WORDS})\](?![\](:])"
    # Mailster, GMass, Ghost
    rf"|(?<![{{$#\w])\{{({_WORDS})(?:\s?\|[^{{}}\n]{{0,60}}|\s?,\s?[\"'“][^{{}}\n]{{0,60}})?\}}(?!\}})"
    rf"|(?<![%\w])%({_WORD})%(?!\w)"  # Mailgun, Oempro
    rf"|(?<![\w\-])-({_WORD})-(?![\w\-])"  # SendGrid
    rf"|(?<![\w@.])@({_WORDS})@(?![\w@])"  # Dotdigital
    rf"|(?<![\w$])\$({_WORDS})(?:\(\))?\$(?![\w$])"  # Responsys, Emarsys
    rf"|(?<![\w#&])#({_WORD})#(?![\w#])"  # Moosend
    rf"|(?<![\w~])~({_WORD})~(?![\w~])"  # Keap
    rf"|«\s?({_WORDS})\s?»",  # mail merge
)

_OWNER = re.compile(
    r"(?:recipient|subscriber|contact|user|customer|member|lead|person|client|profile|merge|data"
    r"|link|newsletter|params|organization|simplenews-subscriber|contact_attribute|subtag|custom|campaign|account)"
    r"\s?[.:]\s?\w[\w .:\-]*",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"(?:recipients?|subscribers?|contact|user|customer|member|lead|person|client|default|list"
    r"|company|organi[sz]ation|sender|from|reply|campaign|mailinglist|to|link|my|web)?"
    r"(?:(?:first|f|last|l|full|middle|sur|given|family|user|nick|display)?name(?:fix|ornull)?"
    r"|vorname|nachname|prenom|prénom|apellidos?|cognome|voornaam|achternaam"
    r"|salutation|anrede"
    r"|e?mail(?:address|adresse|id|url|link)|email"
    r"|phone(?:number)?|mobile(?:phone|number)|birth(?:day|date)"
    r"|(?:one|1)?(?:click)?unsub(?:scribe|scription|scribed)?(?:me|here|now|all|raw|group)?"
    r"(?:url|uri|link|text|href)?"
    r"|subscriptions?(?:url|link)|(?:asmgroup|asmglobal)unsubscribe(?:raw)?(?:url)?"
    r"|opt(?:out|in)(?:confirm)?(?:url|link|text|\d)"
    r"|remove(?:web|url|link)"
    r"|(?:manage|update|edit)?(?:preferences?|profile)(?:url|uri|link|center|centre)"
    r"|(?:manage|update|edit)(?:preferences?|profile|subscriptions?)"
    r"|web(?:version|link|view|copy)(?:url|link)?|(?:online|browser|mirror)(?:version|view|url|link)"
    r"|(?:view|read)(?:it)?(?:in|as|on)(?:a|the|your)?(?:browser|web|webpage|line|online)(?:url|link)?"
    r"|readonline|archive(?:url|link)|permalink|mirror"
    r"|forward(?:toa?friend|url|link)|forwardtofriend|confirm(?:ation)?(?:url|link)"
    r"|(?:physical|postal|list|company|mailing)address|current(?:day|date|month|year)"
    r"|sender(?:info|address|city|zip|state|country)(?:singleline)?)(?:html|text|raw)?\d?",
    re.IGNORECASE,
)
_COMPOUND = re.compile(
    r"(?:[a-z]{1,20}_){1,4}(?:name|e?mail|url|link)|\w{0,40}unsub(?:scribe)?(?:_\w{0,20})?",
    re.IGNORECASE,
)
_LOUD = re.compile(
    r"(?:opt_?out|remove|view|forward|archive|footer|signature|subject|company|city|address"
    r"|preferences?|profile|country|date|first|last|merge_?\d{1,2}|user_?(?:track|id))"
    r"(?:_?(?:url|link|code))?",
    re.IGNORECASE,
)
"""Everyday words, which are fields only in capitals."""
_SEPARATORS = re.compile(r"[ _.:\-]+")

_BRACED = re.compile(
    r"\s*(?:[#/^>!&@$.=*~{<]|[A-Za-z][\w.\-]*\s?:)"  # Handlebars, Mailjet, Braze, Go
    r"|[^|:'\"]*\|\s*\w+\s*:"  # Liquid's and Django's filters
)
_PATH = re.compile(r"\s*+(([A-Za-z_]\w*+)[\w.]*+(?: (?!or\b)[A-Za-z]\w*+){0,3}+)\s*+(?:\||or\b|\Z)")
_OURS = frozenset(
    {"subscriber", "campaign", "sender", "list", "unsubscribe_url", "view_url", "preheader"}
)

_ELEMENTS = frozenset({"preferences", "singleline", "multiline", "repeater", "property"})

_MEANT = tuple(
    (re.compile(sign), field)
    for sign, field in (
        (r"unsub|opt[_ \-]?out|abmeld|desinscri|remove|contactcustom", "{{ unsubscribe_url }}"),
        (r"archive|browser|mirror|online|view|permalink", "{{ view_url }}"),
        (r"web[_ \-]?(?:version|copy|link|page)", "{{ view_url }}"),
        (r"subject", "{{ campaign.subject }}"),
        (
            r"(?:list|postal|company|physical|mailing|sender)[_ :\-]*address|sender-info",
            "{{ sender.postal_address }}",
        ),
        (r"(?:sender|from|reply)[_ .:\-]*name", "{{ sender.name }}"),
        (r"(?:sender|from|reply)[_ .:\-]*e?mail", "{{ sender.address }}"),
        (r"(?:list|group)[_ .:\-]*name", "{{ list.name }}"),
        (r"company|organi[sz]ation", "{{ sender.identity }}"),
        (r"mail(?!ing)", "{{ subscriber.email }}"),
        (r"first|given|forename|\bfname|vorname|pr[eé]nom|voornaam", "{{ subscriber.first_name }}"),
        (
            r"last[_ .:\-]*name|surname|family|\blname|nachname|apellido|cognome|achternaam",
            "{{ subscriber.last_name }}",
        ),
        (r"name|salut|anrede|greet|nombre", "{{ subscriber.name }}"),
        (r"list|group", "{{ list.name }}"),
        (r"person|contact", "{{ subscriber.name }}"),
    )
)


def equivalent_of(tag: str) -> str:
    """Return our equivalent of another program's merge tag; empty if there is none."""
    lowered = tag.lower()
    return next((field for sign, field in _MEANT if sign.search(lowered)), "")


def tags_by_signs(text: str) -> Iterator[tuple[int, str]]:
    """Yield (position, tag) of tags recognized by their delimiters, whatever is inside."""
    for match in _BY_SIGNS.finditer(text):
        yield match.start(), match[0]


def foreign_tags(text: str) -> Iterator[tuple[int, str]]:
    """Yield (position, tag) of each merge tag of another program in a text, in order."""
    found = dict(tags_by_signs(text))
    position = 0
    while match := _BY_NAME.search(text, position):
        is_tag = is_field(match[match.lastindex or 0])
        if is_tag:
            found.setdefault(match.start(), match[0])
        # The end of a non-tag may begin the next tag.
        position = match.end() if is_tag else match.start() + 1
    end = 0
    for start in sorted(found):
        if start >= end:
            yield start, found[start]
            end = start + len(found[start])


def is_field(name: str) -> bool:
    """Return whether other programs use such a name: `FNAME`, `First Name`, `recipient.name`."""
    name = name.strip()
    if any(known.fullmatch(name) for known in (_OWNER, _COMPOUND)):
        return True
    if _FIELD.fullmatch(_SEPARATORS.sub("", name)):
        return True
    return name.isupper() and _LOUD.fullmatch(name) is not None


def is_foreign_braces(inner: str, own: Collection[str] = ()) -> bool:
    """Return whether the text in `{{ }}` is for another program: `#if x`, `contact.firstname`.

    `own` are names that the template defines, as in `{% set first_name = ... %}`.
    """
    if _BRACED.match(inner):
        return True
    found = _PATH.match(inner)
    if found is None or found[2] in _OURS or found[2] in own:
        return False
    return is_field(found[1])


def is_foreign_element(name: str) -> bool:
    """Return whether an element is a tag of another program, such as `<unsubscribe>`."""
    return name in _ELEMENTS or is_field(name)
