"""Where links and images lead: what nobody can open, and what was never replaced."""

import re
from collections.abc import Collection
from urllib.parse import unquote

from campaigns import addresses, hosts
from campaigns.content.html.links import clean_url
from campaigns.content.merge_tags import foreign_tags

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_AUTHORITY = re.compile(r"https?://([^/?#\\]*)", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]?|[^:]*)(?::(.*))?", re.DOTALL)
_ON_A_COMPUTER = re.compile(r"[A-Za-z]:[\\/]|\\\\|file:|~/|/(?:Users|home|Volumes)/", re.IGNORECASE)
_OPENED = frozenset({"http", "https", "mailto", "tel", "sms"})
_HIGHEST_PORT = 65_535

_PLACEHOLDER_HOST = re.compile(
    r"(?:^|\.)example(?:\.[a-z]{2,6}){1,2}$"
    r"|(?:^|\.)(?:your|my)[a-z]{0,10}-?(?:site|website|company|domain|store|shop|brand|business"
    r"|link|url|page|name|app|logo|image|newsletter|organi[sz]ation)(?:-?(?:here|name))?(?:\.|$)"
    r"|(?:^|\.)(?:domain|website|site|link|url|sitename)\.(?:tld|com|ext)$"
    r"|(?:^|[.-])(?:placeholder|placehold|placekitten|dummyimage|fakeimg|lorempixel|placeimg"
    r"|loremflickr|picsum|fillmurray|placebear|placecage)(?:[.-]|$)"
)
"""Not the top-level name `.example`: the demo's companies have their websites there."""
_PLACEHOLDER_WORDS = (
    r"(?:your|my)[-_ ]?(?:link|url|website|domain|image|logo|page)(?:[-_ ]?(?:goes[-_ ])?here)?"
    r"|(?:link|url|image|logo|website)[-_ ]?(?:goes[-_ ])?here"
    r"|(?:insert|add|put|enter|paste)[-_ ](?:\w{1,20}[-_ ]){0,2}(?:link|url)(?:[-_ ]here)?"
    r"|(?:image[-_ ]?|logo[-_ ]?|link[-_ ]?)?placeholder(?:[-_ ]?(?:image|logo|link|url))?"
)
_PLACEHOLDER = re.compile(
    rf"(?:^|[/=#]|%5B|\[)(?:{_PLACEHOLDER_WORDS})(?:\.\w{{2,4}})?(?=[/?#&\]]|%5D|$)"
    r"|[\[{](?:link|url|image)[\]}]"
    r"|^(?:https?://)?(?:todo|tbd|xxx+|link|url)/?$",
    re.IGNORECASE,
)
_PLACEHOLDER_NUMBER = re.compile(r"(?:00)?(?:1234567890?|12345678?|(\d)\1{5,})")


def is_host_known(begin: str) -> bool:
    """Whether an address that begins so can be judged: whatever follows changes no host."""
    begin = begin.strip()
    scheme = _SCHEME.match(begin)
    if scheme and scheme[1].lower() in {"mailto", "tel", "sms"}:
        return "?" in begin
    if scheme and scheme[1].lower() in {"http", "https"}:
        found = _AUTHORITY.match(begin)
        return found is not None and found.end() < len(begin)
    return not begin.startswith("#") and re.search(r"[:/.]", begin) is not None


def dead_target(url: str, *, is_image: bool = False, places: Collection[str] | None = None) -> str:
    """Why nobody can open this address, as the end of a sentence; empty if somebody can.

    `url` is decoded and fixed: no merge field stands in it. `places` are the names that `#name`
    can lead to in the email; None if they are not known.
    """
    address = clean_url(url)
    scheme = _SCHEME.match(address)
    name = scheme[1].lower() if scheme else ""
    if address in {"", "#"} or name == "javascript":
        return "has no source; enter its address" if is_image else "has no target; enter one"
    if _ON_A_COMPUTER.match(address):
        return "points to a file on your computer; put it on your website first"
    if any(True for _ in foreign_tags(address)) or any(
        True for _ in foreign_tags(unquote(address))
    ):
        return "uses a merge tag of another program"
    if address.startswith("#") and not is_image:
        return _dead_place(address[1:], places)
    if scheme is None or (name.count(".") and "//" not in address[:20]):
        return "is not a complete address; start it with https://"
    if is_image and name in {"data", "cid"}:
        return ""
    if name not in _OPENED or (is_image and name not in {"http", "https"}):
        return f"starts with “{scheme[0]}”, which mail programs do not open; use https://"
    rest = address[scheme.end() :]
    if name == "mailto":
        return _dead_mailbox(rest)
    if name in {"tel", "sms"}:
        return "" if re.search(r"\d", rest.partition("?")[0]) else "has no phone number; enter one"
    authority = _AUTHORITY.match(address)
    if authority is None:
        return "is not a complete address; start it with https://"
    return _dead_authority(authority[1])


def _dead_place(name: str, places: Collection[str] | None) -> str:
    is_there = places is None or name.lower() == "top" or name in places or unquote(name) in places
    return (
        "" if is_there else f"leads to a place that is not in this email; give it the id “{name}”"
    )


def _dead_mailbox(rest: str) -> str:
    """What follows `mailto:`. Without an address, a subject or text still opens a new email."""
    written, _, query = rest.partition("?")
    if not written.strip():
        return "" if query.strip() else "has no email address; enter one"
    for one in unquote(written).split(","):
        try:
            domain = addresses.parse(one.strip()).domain if not one.startswith("//") else ""
        except addresses.InvalidAddressError:
            domain = ""
        if not domain or hosts.fault_of(domain):
            return "has an email address that cannot exist; check its spelling"
    return ""


def _dead_authority(authority: str) -> str:
    """What is wrong with user, host or port."""
    user, at, place = authority.rpartition("@")
    found = _HOST_AND_PORT.fullmatch(place)
    host, port = (found[1], found[2]) if found else (place, None)
    fault = hosts.fault_of(host)
    if fault == "empty":
        return "has no host name; complete it"
    if fault == "internal":
        return f"leads to {host}, which recipients cannot reach; use a public address"
    if fault == "bare":
        if host.lower() in {"http", "https"}:
            return "starts with https:// twice; remove one"
        return f"leads to “{host}”, which is not a complete host name; add its ending"
    if "%20" in host:
        return "has a space in its host name; remove it"
    if fault:
        return f"leads to “{host}”, which is not a host name; check its spelling"
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:9]) <= _HIGHEST_PORT):
        return f"has the port “{port}”, which does not exist; remove it"
    if at:
        return f"has “{user}@” before its host; use mailto: for an email address"
    return ""


def is_placeholder(url: str) -> bool:
    """Whether an address was never replaced: `https://example.org`, "your-link-here"."""
    address = clean_url(url)
    name, colon, rest = address.partition(":")
    if colon and name.lower() in {"tel", "sms"}:
        return _PLACEHOLDER_NUMBER.fullmatch(re.sub(r"\D", "", rest.partition("?")[0])) is not None
    if colon and name.lower() == "mailto":
        domains = (one.rpartition("@")[2] for one in rest.partition("?")[0].split(","))
        return any(_PLACEHOLDER_HOST.search(domain.strip().lower()) for domain in domains)
    found = _AUTHORITY.match(address)
    host = found[1].rpartition("@")[2].partition(":")[0].lower().rstrip(".") if found else ""
    return bool(_PLACEHOLDER_HOST.search(host) or _PLACEHOLDER.search(address))
