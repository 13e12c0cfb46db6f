"""What works in no mailbox although it is good HTML: dead targets, other programs' merge tags.

Reads guarded HTML as it was written and gives warnings with the line; what no recipient must
ever get, such as a dead unsubscribe link, blocks the campaign. Linear in the length of the text.
"""

import html as entities
import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from campaigns.content.attributes import decode
from campaigns.content.guard import MARK, Guarded
from campaigns.content.links import clean_url
from campaigns.content.markup import Tag, Text
from campaigns.content.problems import Field, Problem, sentence

LONGEST_EXCERPT = 60
MOST_FINDINGS = 50

# --- merge tags of other programs -----------------------------------------------------------------

_WORD = r"[A-Za-z][A-Za-z0-9_.:\-]{0,60}"
_ARGUMENTS = r"(?:[ |=,:][^\n]{0,60}?)?"
_FOREIGN = re.compile(
    r"\*\|[^|*\n]{1,80}\|\*"  # Mailchimp
    r"|<%[=\-]? ?[^%<>\n]{1,80}%>"  # ERB, EJS
    rf"|\[\[ ?{_WORD}{_ARGUMENTS}\]\]"  # several
    rf"|%%{_WORD}%%"  # Salesforce, ExactTarget
    rf"|##{_WORD}##"
    rf"|#\{{ ?{_WORD} ?\}}"
    rf"|\$\{{ ?{_WORD} ?\}}"
    rf"|\{{\${_WORD}\}}"  # Smarty
    rf"|\{{!{_WORD}\}}"  # Salesforce
    rf"|(?<!\{{)\{{{_WORD}=[^{{}}\n]{{1,60}}\}}"  # Mautic
    r"|(?<!\[)\[(?:[A-Z][A-Z0-9]*_)*(?:UNSUBSCRIBE|FIRSTNAME|LASTNAME|EMAIL|NAME|WEBVERSION|VIEW"
    r"|PREFERENCES?|FORWARD)(?:URL|LINK|_[A-Z0-9_]+)?\](?!\()"
    # SendGrid
    r"|(?<!\[)\[(?:Unsubscribe|Sender|Recipient|Weblink|Subscriber)_[A-Za-z_]{1,40}\](?!\()"
    r"|(?<![%\w])%(?:[a-z]+_)*(?:name|firstname|lastname|email|url|link|unsubscribe)(?:_[a-z]+)*%"
    r"|(?<![%\w])%(?:[A-Z]+_)*(?:NAME|FIRSTNAME|LASTNAME|EMAIL|URL|LINK|UNSUBSCRIBE)(?:_[A-Z]+)*%"
    r"|(?<!\{)\{(?:first_?name|last_?name|full_?name|name|e?mail|email_?address"
    r"|unsubscribe(?:_?(?:url|link))?|unsub(?:_?(?:url|link))?|webversion|view_?in_?browser)\}",
)
_MEANT = (
    (r"unsub|optout|opt_out|abmeld|desinscri", "{{ unsubscribe_url }}"),
    (r"archive|webversion|browser|view|permalink", "{{ view_url }}"),
    (r"subject", "{{ campaign.subject }}"),
    (r"list_?address|postal|company_?address|physical", "{{ sender.postal_address }}"),
    (r"company|list_?company", "{{ sender.identity }}"),
    (r"mail", "{{ subscriber.email }}"),
    (r"list|group", "{{ list.name }}"),
    (r"name|salut|greet|person|contact", "{{ subscriber.name }}"),
)
_MEANT_SIGNS = tuple((re.compile(sign), field) for sign, field in _MEANT)


def meant_by(tag: str) -> str:
    """The field of ours that another program's merge tag stands for; empty if none does."""
    lowered = tag.lower()
    return next((field for sign, field in _MEANT_SIGNS if sign.search(lowered)), "")


def foreign_tags(text: str) -> Iterator[tuple[int, str]]:
    """(position, tag) of each merge tag of another program in a text."""
    for found in _FOREIGN.finditer(text):
        yield found.start(), found[0]


# --- targets --------------------------------------------------------------------------------------

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_OPENED = frozenset({"http", "https", "mailto", "tel", "sms"})
_HOST = re.compile(r"https?://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)", re.IGNORECASE)
_PRIVATE_NAMES = re.compile(r"(?:^|\.)(?:localhost|local|internal|lan|intranet|test|invalid)$")
_PLACEHOLDER_HOSTS = re.compile(
    r"(?:^|\.)(?:example\.(?:com|org|net)|yourdomain\.\w+"
    r"|your-?(?:site|company|website)\.\w+"
    r"|mysite\.\w+|domain\.tld|website\.tld)$"
)
_PLACEHOLDER = re.compile(
    r"your[-_ ]?(?:link|url|website|domain)|(?:link|url)[-_ ]here"
    r"|(?:insert|add|put)[-_ ](?:\w+[-_ ])?"
    r"(?:link|url)|\bplaceholder\b|^(?:https?://)?(?:todo|xxx+|link|url)$",
    re.IGNORECASE,
)
_MANGLED = re.compile(r"%7B%7B(.{0,200}?)%7D%7D", re.IGNORECASE)
_SCHEME_BEFORE_OWN = re.compile(r"\s*https?://\s*$", re.IGNORECASE)
_OWN_FIELD = re.compile(r"\s*(unsubscribe_url|view_url)\b")


def dead_target(url: str, *, is_image: bool = False) -> str:
    """Why nobody can open this address, as the end of a sentence; empty if somebody can.

    `url` is decoded and fixed: no merge field stands in it.
    """
    address = url.strip()
    if address in {"", "#"} or re.fullmatch(r"javascript:.*", address, re.IGNORECASE):
        return "has no target" if not is_image else "has no source"
    if re.match(r"[A-Za-z]:[\\/]|\\\\|file:", address, re.IGNORECASE):
        return "points to a file on your computer"
    if not is_image and address.startswith("#"):
        return ""  # a place in the email itself
    if any(tag for _, tag in foreign_tags(address)):
        return "uses a merge tag of another program"
    scheme = _SCHEME.match(address)
    if scheme is None or (scheme[1].count(".") and "//" not in address[:20]):
        return "is not a complete address; start it with https://"
    name = scheme[1].lower()
    if is_image and name in {"data", "cid"}:
        return ""
    if name not in _OPENED or (is_image and name not in {"http", "https"}):
        return f"starts with “{scheme[0]}”, which mail programs do not open"
    if name not in {"http", "https"}:
        return "" if len(address) > len(scheme[0]) else "is not complete"
    if not re.match(r"https?://", address, re.IGNORECASE):
        return "is not a complete address; start it with https://"
    return _dead_host(address)


def _dead_host(address: str) -> str:
    found = _HOST.match(address)
    host = found[1].strip("[]") if found else ""
    if not host:
        return "is not complete"
    if any(character.isspace() for character in host) or "%20" in host:
        return "has a space in its host name"
    lowered = host.lower().rstrip(".")
    if _PRIVATE_NAMES.search(lowered) or _is_private(lowered):
        return f"leads to {host}, which recipients cannot reach"
    if "." not in lowered and ":" not in lowered:
        return f"leads to “{host}”, which is not a complete host name"
    return ""


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def is_placeholder(url: str) -> bool:
    """Whether an address was never replaced: `https://example.org`, "your-link-here"."""
    found = _HOST.match(url.strip())
    host = found[1].lower().rstrip(".") if found else ""
    return bool(_PLACEHOLDER_HOSTS.search(host) or _PLACEHOLDER.search(url.strip()))


# --- the document ---------------------------------------------------------------------------------

_UNSUBSCRIBE = re.compile(
    r"unsubscrib|opt[ -]?out|abmelden|abbestellen|d[ée]sabonn|d[ée]sinscri|darse de baja"
    r"|cancelar (?:la )?suscri|disiscri|afmelden|uitschrijven|wypisz|avregistrera",
    re.IGNORECASE,
)
_READ_ATTRIBUTES = frozenset({"href", "src", "alt", "title", "background"})


Kind = Literal["link", "image", "placeholder", "field", "merge tag"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and what it is about; a `field` is one of ours that was mangled."""

    kind: Kind
    problem: Problem


def lint(guarded: Guarded, parts: Sequence[Tag | Text]) -> list[Finding]:
    """Dead links and images, placeholders and foreign or mangled merge tags, in order."""
    return list(_Reader(guarded).read(parts))[:MOST_FINDINGS]


def lint_text(field: Field, guarded: Guarded) -> list[Finding]:
    """Merge tags of other programs in a subject or preheader."""
    return [
        Finding("merge tag", sentence(field, 0, _foreign(tag), blocks=False))
        for tag in dict.fromkeys(tag for _, tag in foreign_tags(guarded.text))
    ]


def _foreign(tag: str) -> str:
    meant = meant_by(tag)
    use = f"Use {meant} instead." if meant else "Use one of the merge fields instead."
    return f"“{_excerpt(tag)}” is a merge tag of another program. {use}"


class _Reader:
    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded
        self._line, self._position = 1, 0

    def read(self, parts: Sequence[Tag | Text]) -> Iterator[Finding]:
        for index, part in enumerate(parts):
            if isinstance(part, Text):
                if part.raw_of in ("", "title"):
                    yield from self._text(part)
            elif not part.is_end and not part.is_hidden:
                yield from self._tag(part, parts, index)

    def _text(self, part: Text) -> Iterator[Finding]:
        text = entities.unescape(self._guarded.text[part.start : part.end])
        for tag in dict.fromkeys(tag for _, tag in foreign_tags(text)):
            yield self._foreign(tag, part.start + max(0, text.find(tag)))

    def _tag(self, tag: Tag, parts: Sequence[Tag | Text], index: int) -> Iterator[Finding]:
        for attribute in tag.attributes:
            if attribute.name in _READ_ATTRIBUTES:
                value = decode(attribute.value)
                for found in dict.fromkeys(name for _, name in foreign_tags(value)):
                    yield self._foreign(found, attribute.start)
        if tag.name in {"a", "area"}:
            href = tag.get("href")
            if href is not None:
                yield from self._link(tag, href.value, _shown(self._guarded.text, parts, index))
        elif tag.name == "img":
            source = tag.get("src")
            yield from self._image(tag, source.value if source else "")

    def _link(self, tag: Tag, value: str, shown: str) -> Iterator[Finding]:
        what = f"The link “{_excerpt(shown)}”" if shown.strip() else "A link"
        blocks = bool(_UNSUBSCRIBE.search(shown))
        if mangled := self._mangled(value):
            yield self._say("field", tag.start, f"{what} {mangled}", blocks=True)
            return
        if MARK.search(value):
            return
        url = decode(value)
        blocks = blocks or any(
            meant_by(name) == "{{ unsubscribe_url }}" for _, name in foreign_tags(url)
        )
        why = dead_target(url)
        if why:
            help_ = " Use {{ unsubscribe_url }}." if blocks else ""
            quoted = f" ({_excerpt(url)})" if url.strip() not in {"", "#"} else ""
            yield self._say("link", tag.start, f"{what} {why}{quoted}.{help_}", blocks=blocks)
        elif is_placeholder(url):
            yield self._say(
                "placeholder",
                tag.start,
                f"{what} still leads to a placeholder ({_excerpt(url)}). Enter your own address.",
                blocks=blocks,
            )

    def _mangled(self, value: str) -> str:
        """What happened to a merge field in an address; empty if nothing did."""
        if found := _MANGLED.search(value):
            field = unquote(found[1]).strip()
            return (
                f"has an encoded merge field ({_excerpt(found[0])})."
                f" Write {{{{ {field} }}}} instead."
            )
        first = MARK.search(value)
        if first is None:
            return ""
        token = self._guarded.token(first)
        own = _OWN_FIELD.match(token.inner) if token.kind == "value" else None
        if own and _SCHEME_BEFORE_OWN.fullmatch(decode(value[: first.start()])):
            return (
                f"has http:// before {{{{ {own[1]} }}}}, which is a complete address."
                " Remove the part before it."
            )
        return ""

    def _image(self, tag: Tag, value: str) -> Iterator[Finding]:
        if found := _MANGLED.search(value):
            field = unquote(found[1]).strip()
            text = (
                f"An image has an encoded merge field ({_excerpt(found[0])})."
                f" Write {{{{ {field} }}}} instead."
            )
            yield self._say("field", tag.start, text, blocks=True)
            return
        if MARK.search(value):
            return
        url = clean_url(decode(value))
        shown = _excerpt(decode(value).strip())
        if url.lower().startswith("data:"):
            text = (
                "An image is embedded as data:, which many mail programs block. Upload it instead."
            )
            yield self._say("image", tag.start, text)
        elif url.lower().startswith("cid:"):
            text = f"The image {shown} refers to an attachment that the email does not carry."
            yield self._say("image", tag.start, text)
        elif why := dead_target(decode(value), is_image=True):
            what = f"The image “{shown}”" if shown else "An image"
            yield self._say("image", tag.start, f"{what} {why}.")
        elif is_placeholder(url):
            yield self._say(
                "placeholder", tag.start, f"The image “{shown}” is still a placeholder."
            )

    def _foreign(self, tag: str, position: int) -> Finding:
        return self._say("merge tag", position, _foreign(tag))

    def _say(self, kind: Kind, position: int, text: str, *, blocks: bool = False) -> Finding:
        position = max(position, self._position)
        between = self._guarded.restore(self._guarded.text[self._position : position])
        self._line, self._position = self._line + between.count("\n"), position
        return Finding(kind, sentence("html", self._line, text, blocks=blocks))


def _shown(html: str, parts: Sequence[Tag | Text], index: int) -> str:
    """The words of the link that begins here, its images' alternative text included."""
    words: list[str] = []
    for part in parts[index + 1 : index + 41]:
        if isinstance(part, Text):
            words.append(entities.unescape(MARK.sub("", html[part.start : part.end])))
        elif part.name == "a":
            break
        elif part.name == "img" and (alt := part.get("alt")) is not None:
            words.append(decode(MARK.sub("", alt.value)))
    return " ".join(" ".join(words).split())


def _excerpt(text: str) -> str:
    text = " ".join(MARK.sub("…", text).split())
    return text if len(text) <= LONGEST_EXCERPT else text[: LONGEST_EXCERPT - 1] + "…"


def untouched(html: str, starters: Iterable[str]) -> list[str]:
    """Sentences of a starter design that are still in the content, as people read them."""
    wanted = dict.fromkeys(
        text for starter in starters for text in _sentences(starter) if len(text) > 15
    )
    found = set(_sentences(html))
    return [text for text in wanted if text in found]


def _sentences(html: str) -> Iterator[str]:
    for text in re.findall(r">([^<>]{16,400})<", html):
        if "{{" not in text and "{%" not in text:
            yield " ".join(entities.unescape(text).split())
