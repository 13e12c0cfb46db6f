"""Parse, validate and normalise an address."""

from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

MAX_ADDRESS_LENGTH = 254


class InvalidAddressError(ValueError):
    """The text is not an address that mail can be sent to. The message says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """A valid address.

    `text` is the address as it is used on the wire (domain as A-labels, local part as
    typed); `normal` is the form by which two spellings are known to be the same person
    (lower case throughout); `domain` is the lower-case domain.
    """

    text: str
    normal: str
    domain: str


def parse(text: str) -> Address:
    """Check the syntax of an address and give its forms. Asks no name server.

    Raises InvalidAddressError with a sentence that a person can act on.
    """
    text = text.strip()
    if any(ord(char) < 32 or char in "\x7f\x85\u2028\u2029" for char in text):
        # Said first and plainly: this is how header injection looks.
        raise InvalidAddressError("The address holds a line break or control character.")
    try:
        found = validate_email(text, check_deliverability=False, allow_display_name=False)
    except EmailNotValidError as error:
        raise InvalidAddressError(str(error)) from None
    domain = found.ascii_domain.lower()
    wire = f"{found.local_part}@{domain}"
    if len(wire.encode()) > MAX_ADDRESS_LENGTH:
        raise InvalidAddressError("The address is too long (254 bytes at most).")
    return Address(text=wire, normal=normalise(wire), domain=domain)


def normalise(address: str) -> str:
    """The form by which spellings of one address are recognised: all lower case.

    Plus-addresses stay apart: they are different mailboxes for many people.
    """
    return address.strip().lower()


def without_tag(address: str) -> str:
    """The mailbox that an address leads to as far as limits go: `victim+1@` counts as `victim@`.

    Case and the plus tag are left out and nothing else: dots matter at most providers.
    """
    local, at, domain = normalise(address).rpartition("@")
    return (local.partition("+")[0] or local) + at + domain
