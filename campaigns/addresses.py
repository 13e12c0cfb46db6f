"""Parse, validate, normalize and show email addresses."""

import re
import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from campaigns.reason import ReasonError

MAX_ADDRESS_LENGTH = 254
_MOST_WRAPPINGS = 8
"""Largest number of wrappers around an address (quotes, brackets, `mailto:`); each costs another
reading of the text."""

_INVISIBLE = "".join(
    map(
        chr,
        (0xAD, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070),
         0xFEFF),
    )
)  # fmt: skip
"""Invisible format characters that are copied along with an address."""
_OUTER = _INVISIBLE + "".join(filter(str.isspace, map(chr, range(0x3001))))
_QUOTES = frozenset("\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a")
_ENCLOSED = re.compile(r"[^<>]*<([^<>]+)>")


class InvalidAddressError(ReasonError):
    """The text is not a valid email address."""


@dataclass(frozen=True, slots=True)
class Address:
    """A valid address.

    `text` is the address as sent (domain as A-labels, local part as typed); `normal` is the form
    for comparing spellings (all lower case); `domain` is the lower-case domain.
    """

    text: str
    normal: str
    domain: str


def parse(text: str) -> Address:
    """Check the syntax of an address and return its forms. Makes no DNS query.

    Raises InvalidAddressError with a reason that users can act on.
    """
    text = bare(text)
    if len(text) > 2 * MAX_ADDRESS_LENGTH:
        raise InvalidAddressError("address.too_long", most=MAX_ADDRESS_LENGTH)
    if any(ord(char) < 32 or char in "\x7f\x85\u2028\u2029" for char in text):
        # Checked first, as it may be header injection.
        raise InvalidAddressError("address.control_character")
    try:
        found = validate_email(text, check_deliverability=False, allow_display_name=False)
    except EmailNotValidError as error:
        raise _hidden_fault(text) or InvalidAddressError(
            "address.syntax", detail=str(error)
        ) from None
    domain = found.ascii_domain.lower()
    wire = f"{found.local_part}@{domain}"
    if len(wire.encode()) > MAX_ADDRESS_LENGTH:
        raise InvalidAddressError("address.too_long", most=MAX_ADDRESS_LENGTH)
    return Address(text=wire, normal=normalise(wire), domain=domain)


def bare(text: str) -> str:
    """Extract the address from `Ann <ann@shop.example>`, `mailto:ann@shop.example` or quotes.

    Also strips spaces and invisible characters around it; those inside stay.
    """
    for _ in range(_MOST_WRAPPINGS):
        text = text.strip(_OUTER)
        if text[:7].lower() == "mailto:":
            text = text[7:].partition("?")[0]
        elif text.endswith(">") and (found := _ENCLOSED.fullmatch(text)):
            text = found[1]
        elif len(text) > 2 and text[0] in _QUOTES and text[-1] in _QUOTES:
            text = text[1:-1]
        else:
            break
    return text


def _hidden_fault(text: str) -> InvalidAddressError | None:
    """Describe an inconspicuous mistake in an address; None if it is obvious."""
    for at, char in enumerate(text):
        if char in _INVISIBLE or (char.isspace() and char != " "):
            name = unicodedata.name(char, "control character").lower()
            return InvalidAddressError(
                "address.invisible_character",
                name=f"{name}, U+{ord(char):04X}",
                before=text[at - 1],
                after=text[at + 1],
            )
    count = sum("@" in part for part in re.split(r"[\s,;|]+", text))
    return InvalidAddressError("address.several", count=count) if count > 1 else None


def normalise(address: str) -> str:
    """Return the form for comparing spellings of an address: all lower case.

    Plus addresses stay distinct: many people use them as separate mailboxes.
    """
    return address.strip(_OUTER).lower()


def lookup_form(address: str) -> str:
    """Return the form for looking up a typed address: as `parse` would have stored it.

    Invalid addresses are returned in lower case, and will not be found.
    """
    try:
        return parse(address).normal
    except InvalidAddressError:
        return normalise(address)


def without_tag(address: str) -> str:
    """Return the mailbox of an address for limits: `victim+1@` counts as `victim@`.

    Ignores case and the plus tag only: dots matter at most providers.
    """
    local, at, domain = normalise(address).rpartition("@")
    return (local.partition("+")[0] or local) + at + domain


def shown_domain(domain: str) -> str:
    """Return a domain as people write it, in Unicode.

    One that would not be stored as it is stays as it is.
    """
    if "xn--" not in domain:
        return domain
    try:
        shown = domain.encode("ascii").decode("idna")
        return shown if shown.encode("idna").decode() == domain.lower() else domain
    except UnicodeError:
        return domain


def shown_address(address: str) -> str:
    """Return the address with its domain in Unicode."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{shown_domain(domain)}"


def shown_sender(name: str, address: str) -> str:
    """Return a sender as "Harbour Coffee <letter@harbour-coffee.example>"."""
    return f"{name} <{shown_address(address)}>" if name else shown_address(address)
