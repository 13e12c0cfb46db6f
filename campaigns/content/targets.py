"""Check the targets of links and images: unreachable ones, and placeholders."""

import re
from collections.abc import Collection
from urllib.parse import unquote

from campaigns import addresses, hosts
from campaigns.content.html.links import clean_url
from campaigns.content.merge_tags import foreign_tags
from campaigns.reason import Reason

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
"""Not the top-level domain `.example`, which the demo uses."""
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
    """Return whether the host is complete in this beginning of a URL."""
    begin = begin.strip()
    scheme = _SCHEME.match(begin)
    if scheme and scheme[1].lower() in {"mailto", "tel", "sms"}:
        return "?" in begin
    if scheme and scheme[1].lower() in {"http", "https"}:
        found = _AUTHORITY.match(begin)
        return found is not None and found.end() < len(begin)
    return not begin.startswith("#") and re.search(r"[:/.]", begin) is not None


def dead_target(
    url: str, *, is_image: bool = False, places: Collection[str] | None = None
) -> Reason | None:
    """Return why recipients cannot open this URL; None if they can.

    `url` is decoded and contains no merge tag. `places` are the anchors in the email; None if
    unknown. The caller adds the parameter `target`.
    """
    address = clean_url(url)
    scheme = _SCHEME.match(address)
    name = scheme[1].lower() if scheme else ""
    if address in {"", "#"} or name == "javascript":
        return Reason("target.no_source" if is_image else "target.none")
    if _ON_A_COMPUTER.match(address):
        return Reason("target.on_computer")
    if any(True for _ in foreign_tags(address)) or any(
        True for _ in foreign_tags(unquote(address))
    ):
        return Reason("target.merge_tag")
    if address.startswith("#") and not is_image:
        return _dead_place(address[1:], places)
    if scheme is None or (name.count(".") and "//" not in address[:20]):
        return Reason("target.incomplete")
    if is_image and name in {"data", "cid"}:
        return None
    if name not in _OPENED or (is_image and name not in {"http", "https"}):
        return Reason("target.unsupported_scheme", {"scheme": scheme[0]})
    return _dead_rest(name, address, address[scheme.end() :])


def _dead_rest(scheme: str, address: str, rest: str) -> Reason | None:
    """Check what follows a scheme that email clients open."""
    if scheme == "mailto":
        return _dead_mailbox(rest)
    if scheme in {"tel", "sms"}:
        has_digits = re.search(r"\d", rest.partition("?")[0])
        return None if has_digits else Reason("target.no_phone_number")
    authority = _AUTHORITY.match(address)
    return _dead_authority(authority[1]) if authority else Reason("target.incomplete")


def _dead_place(name: str, places: Collection[str] | None) -> Reason | None:
    is_there = places is None or name.lower() == "top" or name in places or unquote(name) in places
    return None if is_there else Reason("target.no_such_place", {"id": name})


def _dead_mailbox(rest: str) -> Reason | None:
    """Check what follows `mailto:`. A subject or text without an address opens a new email."""
    written, _, query = rest.partition("?")
    if not written.strip():
        return None if query.strip() else Reason("target.no_email_address")
    for one in unquote(written).split(","):
        try:
            domain = addresses.parse(one.strip()).domain if not one.startswith("//") else ""
        except addresses.InvalidAddressError:
            domain = ""
        if not domain or hosts.fault_of(domain):
            return Reason("target.bad_email_address")
    return None


def _dead_authority(authority: str) -> Reason | None:
    """Check user, host and port."""
    user, at, place = authority.rpartition("@")
    found = _HOST_AND_PORT.fullmatch(place)
    host, port = (found[1], found[2]) if found else (place, None)
    if (dead := _dead_host(host)) is not None:
        return dead
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:9]) <= _HIGHEST_PORT):
        return Reason("target.bad_port", {"port": port})
    return Reason("target.user_before_host", {"user": user}) if at else None


def _dead_host(host: str) -> Reason | None:
    fault = hosts.fault_of(host)
    if not fault:
        return None
    if fault == "empty":
        return Reason("target.no_host")
    if fault == "internal":
        return Reason("target.internal_host", {"host": host})
    if fault == "bare" and host.lower() in {"http", "https"}:
        return Reason("target.scheme_twice")
    if fault == "bare":
        return Reason("target.bare_host", {"host": host})
    if "%20" in host:
        return Reason("target.space_in_host")
    return Reason("target.bad_host", {"host": host})


def is_placeholder(url: str) -> bool:
    """Return whether a URL is a placeholder: `https://example.org`, "your-link-here"."""
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
