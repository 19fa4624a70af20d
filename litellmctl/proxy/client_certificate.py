"""The certificate for gateways that require one (mutual TLS), and what they answer without it."""

from __future__ import annotations

import os
import re
import socket
import ssl
import stat
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from shlex import quote
from typing import NamedTuple
from urllib.parse import urlsplit

from litellmctl.errors import ConfigFailure, Unavailable
from litellmctl.foundation import files
from litellmctl.foundation.times import timestamp
from litellmctl.settings import paths

_MAX_BYTES = 2**20
_MAX_PAGE = 2**16
_PROBE_SECONDS = 0.5
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY = rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"
# PKCS #8 (RFC 5958), and the older form of OpenSSL (RFC 1421).
_ENCRYPTED = rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|(?m:^Proc-Type: ?4,ENCRYPTED)"
# The alerts (RFC 8446, section 6.2) that are about the client's certificate, as OpenSSL names them.
_ALERT = (
    r"ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|NO_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_EXPIRED"
    r"|CERTIFICATE_REVOKED|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)$"
)
# Alerts for a client without a certificate.
_WITHOUT_ONE = frozenset({"certificate required", "bad certificate", "no certificate"})
_ASK = "ask the gateway's administrator whether this certificate is valid there"
# nginx (its statuses 495 and 496 are 400 on the wire unless an administrator maps them), and IIS 403.7.
_MISSING_PAGE = (
    r"(?i)no required ssl certificate|(?:ssl|client) certificate (?:is )?required|requires? a client certificate"
)
_REFUSED_PAGE = r"(?i)the ssl certificate error|client certificate (?:is |was )?(?:untrusted|invalid|rejected|revoked)"


class Shown(NamedTuple):
    """The certificate file that a client shows (None: none), and the remedy if a gateway refuses it.

    `instead` says why there is none.
    """

    file: str | None = None
    remedy: str = "litellmctl config set client_cert FILE.pem, with the certificate from its administrator"
    instead: str = "none is set"


NOTHING = Shown()


@dataclass(frozen=True)
class ClientCertificate:
    """A certificate and its key: paths as the user wrote them, and the names of their settings for errors.

    Without a `key`, the key is in the certificate's file.
    """

    certificate: str
    key: str | None
    named: str
    key_named: str

    @property
    def file(self) -> str:
        """The certificate's file."""
        return paths.expanded(self.certificate)

    @property
    def key_file(self) -> str:
        """The file with the private key."""
        return paths.expanded(self.key or self.certificate)

    def load_into(self, context: ssl.SSLContext) -> None:
        """Load this certificate into a context. Raises ConfigFailure if it cannot be used, before any request."""
        self._require_files()
        try:
            # OpenSSL would ask for a passphrase at the terminal.
            context.load_cert_chain(self.file, self.key_file, password=_no_passphrase)
        except (OSError, ValueError) as error:
            if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
                raise ConfigFailure(
                    f"{self.named}: the certificate in {self.file} does not match the key in {self.key_file}",
                    remedy=f"{_set(self.key_named)}, with the key that the certificate was made for",
                ) from None
            reason = "the certificate or the key is damaged" if isinstance(error, ssl.SSLError) else _reason(error)
            raise ConfigFailure(
                f"{self.named}: cannot use {self._both}: {reason}", remedy=f"{_set(self.named)}, with a PEM file"
            ) from None

    def expires_at(self) -> float | None:
        """Return when the certificate expires (seconds since 1970; None if unknown). Raises as `load_into`."""
        self.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        return self._require_files()

    def _require_files(self) -> float | None:
        """Refuse files that are missing, unreadable, not PEM, encrypted or not valid now; return the expiry."""
        text = _read(self.file, self.named)
        if _CERTIFICATE not in text:
            raise ConfigFailure(
                f"{self.named}: {self.file} has no certificate in PEM format",
                remedy=f"openssl x509 -inform der -in {quote(self.file)} -out FILE.pem, or for PKCS #12: "
                f"openssl pkcs12 -nodes -in {quote(self.file)} -out FILE.pem",
            )
        key = text if self.key is None else _read(self.key_file, self.key_named)
        if re.search(_ENCRYPTED, key):
            raise ConfigFailure(
                f"{self.key_named}: the key in {self.key_file} has a passphrase, which is not supported",
                remedy=f"openssl pkey -in {quote(self.key_file)} -out KEY.pem && {_set(self.key_named, 'KEY.pem')}",
            )
        if not re.search(_KEY, key):
            which = self.named if self.key is None else self.key_named
            raise ConfigFailure(
                f"{which}: {self.key_file} has no private key in PEM format", remedy=_set(self.key_named, "KEY.pem")
            )
        return self._good_until(text)

    def _good_until(self, text: bytes) -> float | None:
        from cryptography import x509

        try:
            shown = x509.load_pem_x509_certificate(text[text.index(_CERTIFICATE) :])
            begin, end = shown.not_valid_before_utc.timestamp(), shown.not_valid_after_utc.timestamp()
        except (ValueError, OverflowError, TypeError):
            return None  # OpenSSL says if it is a certificate, and the gateway if it is still valid
        if end < time.time():
            raise ConfigFailure(
                f"{self.named}: the certificate in {self.file} expired at {timestamp(end)}",
                remedy=f"ask for a new one, then {_set(self.named)}",
            )
        if begin > time.time():
            raise ConfigFailure(
                f"{self.named}: the certificate in {self.file} is not valid until {timestamp(begin)}",
                remedy="check this machine's clock",
            )
        return end

    @property
    def _both(self) -> str:
        return self.file if self.key is None else f"{self.file} with {self.key_file}"


def may_be_read_by_others(path: str) -> bool:
    """Whether other users than its owner may read a private key file. On Windows its folder decides that."""
    if sys.platform != "win32":
        with suppress(OSError):
            found = os.stat(path)
            # Root made a key of its own readable by a group on purpose, and our user could not change it.
            return bool(found.st_mode & (stat.S_IRGRP | stat.S_IROTH if found.st_uid == os.geteuid() else stat.S_IROTH))
    return False


def refusal(error: ssl.SSLError, base_url: str, shown: Shown) -> Unavailable | None:
    """Return the failure for an alert that is about our certificate, or the lack of one; None for other errors.

    With TLS 1.3 it comes instead of the first answer.
    """
    alert = re.search(_ALERT, str(error.reason or ""))
    if alert is None:
        return None
    words = alert[1].lower().replace("_", " ")
    if words == "handshake failure":  # which has other reasons too
        what = (
            f"it may not accept the client certificate {shown.file}"
            if shown.file
            else f"it may require a client certificate, and {shown.instead}"
        )
        return Unavailable(
            "tls",
            f"TLS with {base_url} failed: {words}; {what}",
            remedy=_ASK if shown.file else f"{shown.remedy}, or check the port",
            may_have_acted=False,
        )
    if shown.file is not None:
        return _refused(base_url, shown, words)
    return _missing(base_url, shown) if words in _WITHOUT_ONE else None


def page_refusal(status: int, body: bytes, base_url: str, shown: Shown) -> Unavailable | None:
    """Return the failure for a gateway's page that is about our certificate, or the lack of one; None for others."""
    text = body[:_MAX_PAGE].decode("utf-8", "replace")
    is_page = 400 <= status < 500 and text.lstrip()[:1] not in {"{", "["}
    is_missing = is_page and (status == 496 or re.search(_MISSING_PAGE, text))
    if is_missing and shown.file is None:
        return _missing(base_url, shown).changed(status=status)
    if is_missing or (is_page and (status == 495 or re.search(_REFUSED_PAGE, text))):
        return _refused(base_url, shown, f"status {status}").changed(status=status)
    return None


def explained(
    causes: Iterable[BaseException], base_url: str, shown: Shown, seconds: Callable[[], float] | None
) -> Unavailable | None:
    """Return the failure for a request that failed for our certificate, or the lack of one; None for other reasons.

    A server may close the connection while we still send, which loses its alert: then we do a handshake without a
    request, within `seconds` (None: do not, as behind an HTTP proxy).
    """
    is_closed = False
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return None
        if isinstance(cause, ssl.SSLError) and (failure := refusal(cause, base_url, shown)):
            return failure
        is_closed = is_closed or isinstance(cause, ssl.SSLEOFError | ConnectionResetError | BrokenPipeError)
    return _closed(base_url, shown, seconds()) if is_closed and seconds is not None else None


def _closed(base_url: str, shown: Shown, seconds: float) -> Unavailable | None:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to read the alert: nothing is sent on this connection
    try:
        with (
            socket.create_connection((host, parts.port or 443), timeout=min(seconds, _PROBE_SECONDS)) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            secured.recv(1)
    except ssl.SSLError as error:
        failure = refusal(error, base_url, shown)
        # Ours was not shown here: this only says that one is required.
        return _refused(base_url, shown, "it closed the connection") if failure and shown.file else failure
    except (OSError, ValueError):
        pass
    return None


def _missing(base_url: str, shown: Shown) -> Unavailable:
    message = f"{base_url} requires a client certificate, and {shown.instead}"
    return Unavailable("tls", message, remedy=shown.remedy, may_have_acted=False)


def _refused(base_url: str, shown: Shown, words: str) -> Unavailable:
    certificate = f"the client certificate {shown.file}" if shown.file else "this connection's certificate"
    return Unavailable(
        "tls",
        f"{base_url} does not accept {certificate} ({words})",
        remedy=_ASK if shown.file else shown.remedy,
        may_have_acted=False,
    )


def _read(path: str, named: str) -> bytes:
    try:
        return files.read(path, foreign=True, limit=_MAX_BYTES)
    except (OSError, ValueError) as error:
        raise ConfigFailure(f"{named}: cannot read {path}: {_reason(error)}", remedy=_set(named)) from None


def _reason(error: Exception) -> str:
    return files.reason(error) if isinstance(error, OSError) else str(error)


def _set(named: str, file: str = "FILE.pem") -> str:
    return f"litellmctl config set {named} {file}"


def _no_passphrase() -> bytes:
    return b""
