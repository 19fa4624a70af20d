"""Trust: the operating system's authorities, or a bundle that replaces them; and issuers that we do not trust."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from litellmctl.errors import ConfigFailure
from litellmctl.settings import paths

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class Trust:
    """The certificate authorities to trust: those in `bundle` (a file or folder), or the system's where it is None.

    `named` is the setting of the bundle, for errors.
    """

    bundle: str | None = None
    named: str = ""

    def context(self) -> ssl.SSLContext:
        """Return a client context that trusts exactly these authorities."""
        if self.bundle is None:
            import truststore

            return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        path = paths.expanded(self.bundle)
        try:
            if os.path.isdir(path):
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        except (OSError, ValueError) as error:
            reason = "it has no certificates" if isinstance(error, ssl.SSLError) else getattr(error, "strerror", error)
            raise ConfigFailure(
                f"{self.named}: cannot use {path}: {reason}", remedy=f"set {self.named} to a file of certificates (PEM)"
            ) from None
        return context


class Certificate(NamedTuple):
    """The issuer of a certificate, and when it expires (seconds since 1970; None if unknown)."""

    issuer: str
    expires_at: float | None


def is_spoken(host: str, port: int, seconds: float) -> bool:
    """Whether a server speaks TLS, whatever certificate it shows or requires."""
    return _shown(host, port, seconds) is not None


def certificate(host: str, port: int, seconds: float) -> Certificate | None:
    """Return the certificate that a server shows, trusted or not; None if it cannot be read."""
    shown = _shown(host, port, seconds)
    try:
        return read_certificate(shown) if shown else None
    except ValueError:
        return None


def _shown(host: str, port: int, seconds: float) -> bytes | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to read it: nothing is sent on this connection
    try:
        with (
            socket.create_connection((host, port), timeout=seconds) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            return secured.getpeercert(binary_form=True)
    except (OSError, ValueError):
        return None


def read_certificate(certificate: bytes) -> Certificate:
    """Return what a DER certificate says (RFC 5280, section 4.1): its issuer by common name, or organization.

    Raises ValueError where it is not a certificate or names neither.
    """
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    shown = x509.load_der_x509_certificate(certificate)
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for name in shown.issuer.get_attributes_for_oid(oid):
            return Certificate(str(name.value), _expiry_of(shown))
    raise ValueError("the issuer has no name")


def _expiry_of(shown: x509.Certificate) -> float | None:
    try:
        return shown.not_valid_after_utc.timestamp()
    except (ValueError, OverflowError):  # a date that no calendar has
        return None
