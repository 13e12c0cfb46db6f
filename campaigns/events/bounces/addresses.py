"""Find email addresses in reports and notices."""

import re

_NOT = r"\s<>()\[\]\"',;:@\\|=：；，、。（）【】「」《》“”„«»"
ADDRESS = rf"[^{_NOT}]{{1,64}}@[^{_NOT}/*?!&]{{1,253}}"
_ADDRESS = re.compile(ADDRESS)
_QUOTED = re.compile(r"<(\"[^\"<>\n]{1,64}\"@[\w.-]{1,253})>")
_LOCAL_PARTS_OF_SERVERS = re.compile(
    r"(?:mailer[-_. ]?daemon|post[-_. ]?master|mail[-_. ]?daemon|abuse|hostmaster)@", re.IGNORECASE
)
_LOCAL_PARTS_OF_HELPERS = re.compile(
    r"(?:support|help(?:desk)?|contact|feedback|info-?desk|service)@", re.IGNORECASE
)


def is_of_a_helper(address: str) -> bool:
    """Return whether it looks like a support address."""
    return bool(_LOCAL_PARTS_OF_HELPERS.match(address))


def addresses_in(text: str) -> list[str]:
    """Return the addresses in a text, in order, each once."""
    quoted = _QUOTED.findall(text)
    return list(dict.fromkeys([*quoted, *(tidy(one) for one in _ADDRESS.findall(text))]))


def first_address(text: str) -> str:
    """Return the first address in a text; "" if there is none."""
    found = addresses_in(text[:4_000])
    return found[0] if found else ""


def tidy(address: str) -> str:
    """Return an address without the punctuation around it."""
    return address.strip().strip("<>").rstrip(".").lstrip("*-`+#")


def is_of_a_server(address: str) -> bool:
    """Return whether it belongs to a mail server or its staff rather than to a recipient."""
    return bool(_LOCAL_PARTS_OF_SERVERS.match(address))
