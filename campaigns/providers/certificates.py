"""Client certificates, which an account shows to servers that ask for one."""

import re
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from campaigns.reason import Reason

LARGEST = 65_536
# A part ends at the next five hyphens: searching further from each start takes quadratic time.
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,64}+)-----[^-]*+(?:-(?!----)[^-]*+)*+-----END \1-----")


class CertificateError(ValueError):
    """The certificate or key cannot be used. `field` names the one at fault."""

    def __init__(self, field: str, code: str, **params: str) -> None:
        self.field, self.reason = field, Reason(code, params)
        super().__init__(self.reason.pack())


@dataclass(frozen=True, slots=True)
class CertificateInfo:
    """The part of a certificate that is shown to people."""

    name: str
    ends_at: datetime


def checked(certificate: str, key: str) -> tuple[str, str]:
    """Return the certificate with its chain, and its key, as stored. Raises CertificateError.

    Either text may also hold the other part: files with both are common.
    """
    chain = _certificates(certificate)
    private = _key(key or certificate)
    if private.public_key() != chain[0].public_key():
        raise CertificateError("client_key", "certificate.key_of_another", name=_name_of(chain[0]))
    encoded = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    texts = [one.public_bytes(serialization.Encoding.PEM).decode() for one in chain]
    return "".join(texts), encoded.decode()


def shown(certificate: str) -> CertificateInfo | None:
    """Return the owner and expiry of a certificate; None without one."""
    try:
        own = x509.load_pem_x509_certificates(certificate.encode())[0]
        return CertificateInfo(_name_of(own), own.not_valid_after_utc)
    except (ValueError, IndexError):
        return None


def _certificates(text: str) -> list[x509.Certificate]:
    parts = [found[0] for found in _PEM.finditer(text[:LARGEST]) if found[1] == "CERTIFICATE"]
    try:
        chain = x509.load_pem_x509_certificates("\n".join(parts).encode())
        for one in chain:
            one.public_key()
            one.not_valid_after_utc  # noqa: B018  # fails if it is garbled
    except (ValueError, UnsupportedAlgorithm):
        chain = []
    if not chain:
        raise CertificateError("client_certificate", "certificate.not_pem")
    return chain


def _key(text: str) -> serialization.SSHPrivateKeyTypes:
    parts = [
        found[0] for found in _PEM.finditer(text[:LARGEST]) if found[1].endswith("PRIVATE KEY")
    ]
    try:
        loaded = serialization.load_pem_private_key("\n".join(parts).encode(), password=None)
    except TypeError:
        raise CertificateError("client_key", "certificate.key_has_password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError("client_key", "certificate.key_not_pem") from None
    return loaded  # type: ignore[return-value]  # keys that TLS cannot use match no certificate


def _name_of(certificate: x509.Certificate) -> str:
    """Return the common name, else the first alternative name, else the serial number."""
    try:
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if names:
            return _clean(str(names[0].value))
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        for kind in (x509.RFC822Name, x509.DNSName):
            for name in alternative.value.get_values_for_type(kind):
                return _clean(str(name))
    except (ValueError, x509.ExtensionNotFound):
        pass
    return f"no. {certificate.serial_number:x}"


def _clean(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:100]
