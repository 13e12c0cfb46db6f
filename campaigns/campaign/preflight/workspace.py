"""Check what every email needs from the workspace and the installation."""

from urllib.parse import urlsplit

from campaigns import hosts
from campaigns.campaign.preflight.checks import Check, passed, problem, warning


def check_postal_address(postal_address: str) -> Check:
    """Check that there is a postal address for the footer, of the brand or of the workspace."""
    if postal_address.strip():
        return passed("postal_address", "preflight.address_in_footer")
    return problem("postal_address", "workspace", "preflight.no_address")


def check_public_url(base_url: str) -> Check:
    """Check that links lead to an address that recipients can reach."""
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2].removesuffix(f":{parts.port}" if parts.port else "")
    if hosts.fault_of(host):
        is_here = host.lower() == "localhost" or host.startswith(("127.", "[::1]"))
        code = "preflight.url_this_computer" if is_here else "preflight.url_own_network"
        return warning("public_address", "", code, url=base_url)
    if parts.scheme != "https":
        return warning("public_address", "", "preflight.url_not_encrypted", url=base_url)
    return passed("public_address", "preflight.url", url=base_url)
