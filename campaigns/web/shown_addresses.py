"""Addresses and domains as people write them: bücher.example, not xn--bcher-kva.example."""


def shown_domain(domain: str) -> str:
    """Return the domain in Unicode. One that would not be stored as it is stays as it is."""
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
