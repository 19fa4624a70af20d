"""Whom to trust: the operating system, or a bundle that replaces it wholly; and who issued what we do not trust."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from litellmctl.errors import ConfigFailure


@dataclass(frozen=True)
class Trust:
    """The certificate authorities to trust: those in `bundle` (a file or folder), or the system's where it is None.

    `named` says in errors which setting names the bundle.
    """

    bundle: str | None = None
    named: str = ""

    def context(self) -> ssl.SSLContext:
        """Return a client context that trusts exactly these authorities."""
        if self.bundle is None:
            import truststore

            return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        path = os.path.expanduser(self.bundle)
        try:
            if os.path.isdir(path):
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        except (OSError, ValueError) as error:
            reason = "no certificates in it" if isinstance(error, ssl.SSLError) else getattr(error, "strerror", error)
            raise ConfigFailure(f"{self.named} names {path}, which cannot be used: {reason}") from None
        return context


class Certificate(NamedTuple):
    """Who issued a certificate, and until when it is good (seconds since 1970; None where that cannot be told)."""

    issuer: str
    expires_at: float | None


def certificate(host: str, port: int, seconds: float) -> Certificate | None:
    """Return the certificate that a server shows, trusted or not; None where it cannot be told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to read it: nothing is sent on this connection
    try:
        with (
            socket.create_connection((host, port), timeout=seconds) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            shown = secured.getpeercert(binary_form=True)
        return read_certificate(shown) if shown else None
    except (OSError, ValueError, IndexError):
        return None


def read_certificate(certificate: bytes) -> Certificate:
    """Return what a DER certificate says (RFC 5280, section 4.1): its issuer by common name, or organization."""
    body = next(_elements(next(_elements(certificate))[1]))[1]
    fields = [element for element in _elements(body) if element[0] != 0xA0]  # without the version
    names: dict[bytes, str] = {}
    for _, group in _elements(fields[2][1]):
        for _, attribute in _elements(group):
            (_, oid), (_, text) = list(_elements(attribute))[:2]
            names.setdefault(oid, text.decode("utf-8", "replace"))
    for oid in (b"\x55\x04\x03", b"\x55\x04\x0a"):  # commonName, organizationName
        if oid in names:
            return Certificate(names[oid], _end_of(fields[3][1]))
    raise ValueError("no name")


def _end_of(validity: bytes) -> float | None:
    """Return the end of a validity: UTCTime has two digits for the year, GeneralizedTime four."""
    from datetime import UTC, datetime

    try:
        tag, text = list(_elements(validity))[1]
        form = "%y%m%d%H%M%SZ" if tag == 0x17 else "%Y%m%d%H%M%SZ"
        return datetime.strptime(text.decode("ascii"), form).replace(tzinfo=UTC).timestamp()
    except (ValueError, IndexError):
        return None


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        tag, length, position = data[position], data[position + 1], position + 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[position : position + count], "big")
            position += count
        if position + length > len(data):
            raise ValueError("a DER element ends after its end")
        yield tag, data[position : position + length]
        position += length
