"""Why a request got no answer, from the errors of requests, urllib3, asyncio and the operating system."""

from __future__ import annotations

import errno
import http.client
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3

from litellmctl.errors import Unavailable
from litellmctl.foundation.text import short
from litellmctl.foundation.urls import host_of, is_loopback
from litellmctl.proxy import client_certificate, tls
from litellmctl.proxy.http_proxy import SIGN_IN

if TYPE_CHECKING:
    from litellmctl.proxy.http_proxy import HttpProxy

_MAX_ISSUER = 200
# OpenSSL's reasons for bytes that are not TLS; which one depends on its version and on the bytes.
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})
# The error of http.client for an answer to CONNECT; `tunnel` adds the schemes to sign in by.
_TUNNEL_FAILED = r"Tunnel connection failed: (\d{3})\b(.*)"
# How an alert of TLS begins (RFC 8446, section 5.1), where http.client expects a status line.
_ALERT_RECORD = "\x15\x03"
_PROBE_SECONDS = 1.0
# How asyncio words a connection that failed, with the address instead of the reason.
_CONNECT_FAILED = "Connect call failed"
_NOBODY = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH})
_SCHEMES = r"\b(basic|digest|negotiate|ntlm|kerberos|bearer)\b"
_NAMES = {"ntlm": "NTLM"}


def no_answer(
    error: BaseException,
    base_url: str,
    http_proxy: HttpProxy | None,
    seconds: Callable[[], float],
    shown: client_certificate.Shown = client_certificate.NOTHING,
    *,
    at_http_proxy: bool | None = None,
) -> Unavailable:
    """Return the failure for a request to `base_url` that was not answered.

    `http_proxy` is the HTTP proxy that it went through; `seconds` returns how long we may take to find the issuer of an
    untrusted certificate; `shown` is our own certificate. `at_http_proxy` says whether it was the HTTP proxy that did
    not connect us (None: an error of requests says so itself). The request may have acted unless it was never sent.
    """
    if base_url.startswith("https:"):
        ours = client_certificate.explained(_causes(error), base_url, shown, None if http_proxy else seconds)
        if ours is not None:
            return ours
    if at_http_proxy is None:
        at_http_proxy = isinstance(error, requests.exceptions.ProxyError)
    if http_proxy is not None and at_http_proxy:
        failure = _of_http_proxy(list(_causes(error)), base_url, http_proxy)
    else:
        failure = _reason(error, base_url, http_proxy, seconds)
    return failure.changed(may_have_acted=failure.may_have_acted and _was_sent(error))


def _reason(
    error: BaseException, base_url: str, http_proxy: HttpProxy | None, seconds: Callable[[], float]
) -> Unavailable:
    causes = list(_causes(error))
    where = f"cannot reach {base_url}"
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _not_trusted(cause, base_url, None if http_proxy else seconds)
        if isinstance(cause, ssl.SSLError):
            return _without_tls(cause, base_url)
        if isinstance(cause, socket.gaierror):
            return Unavailable(
                "unreachable",
                f'{where}: cannot resolve "{host_of(base_url)}"',
                remedy="check the host name and the network",
            )
    if isinstance(error, requests.Timeout) or any(isinstance(cause, TimeoutError) for cause in causes):
        return Unavailable("timeout", f"{where}: timed out", remedy="allow more time with --timeout SECONDS")
    if base_url.startswith("http:") and http_proxy is None and _speaks_tls(causes, base_url, seconds):
        return plain_to_tls(base_url)
    reason = next((_words(cause) for cause in causes if isinstance(cause, OSError) and cause.strerror), None)
    text = (reason or "the connection was closed without an answer").lower()
    return Unavailable("unreachable", f"{where}: {text}", remedy="check the URL, and that the proxy is running")


def _words(error: OSError) -> str:
    words = error.strerror or ""
    return os.strerror(error.errno) if error.errno is not None and words.startswith(_CONNECT_FAILED) else words


def plain_to_tls(base_url: str) -> Unavailable:
    """Return the failure for plain HTTP to a port that speaks TLS."""
    return Unavailable(
        "tls",
        f"{base_url} speaks TLS: the URL must start with https",
        remedy=f"use https{base_url.removeprefix('http')}",
        may_have_acted=False,
    )


def _speaks_tls(causes: list[BaseException], base_url: str, seconds: Callable[[], float]) -> bool:
    """Whether a server that closed the connection or sent an alert after plain HTTP speaks TLS."""
    if any(str(cause).startswith(_ALERT_RECORD) for cause in causes if isinstance(cause, http.client.BadStatusLine)):
        return True
    parts = urlsplit(base_url)
    is_closed = any(isinstance(cause, ConnectionResetError) for cause in causes)
    return is_closed and tls.is_spoken(parts.hostname or "", parts.port or 80, min(seconds(), _PROBE_SECONDS))


def _without_tls(error: ssl.SSLError, base_url: str) -> Unavailable:
    if error.reason in _NOT_TLS:
        plain = f"http{base_url.removeprefix('https')}"
        more = "" if is_loopback(plain) else " with --allow-insecure-http, which sends the key unencrypted"
        return Unavailable(
            "tls",
            f"TLS with {base_url} failed: the port does not speak TLS, perhaps plain HTTP",
            remedy=f"check the port, or use {plain}{more}",
        )
    return Unavailable(
        "tls", f"TLS with {base_url} failed: {error.reason or error}", remedy="check the scheme and the port"
    )


def _of_http_proxy(causes: list[BaseException], base_url: str, http_proxy: HttpProxy) -> Unavailable:
    """Return the failure for an HTTP proxy that did not connect us: it refused CONNECT, or could not be reached."""
    said = next((one for cause in causes if (one := re.match(_TUNNEL_FAILED, str(cause)))), None)
    if said is not None:
        status = int(said[1])
        if status == SIGN_IN:
            return wants_sign_in(base_url, http_proxy, said[2])
        host = urlsplit(base_url).hostname
        remedy = f"ask its administrator to allow {host}, or set NO_PROXY={host} to bypass it"
        return _proxy_failure(base_url, http_proxy, f"returned {status} for CONNECT", remedy, status=status)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return _proxy_failure(base_url, http_proxy, "cannot be resolved", f"check the host name in {http_proxy.named}")
    if any(isinstance(cause, ssl.SSLError) and cause.reason in _NOT_TLS for cause in causes):
        remedy = f"set {http_proxy.named} to http://{http_proxy.host}"
        return _proxy_failure(base_url, http_proxy, "does not speak TLS", remedy)
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return _proxy_failure(base_url, http_proxy, "timed out", f"check {http_proxy.named} and NO_PROXY")
    is_there = not any(
        isinstance(cause, urllib3.exceptions.NewConnectionError)
        or (isinstance(cause, OSError) and cause.errno in _NOBODY)
        for cause in causes
    )
    what = "did not answer like an HTTP proxy" if is_there else "refused"
    return _proxy_failure(base_url, http_proxy, what, f"check {http_proxy.named} and NO_PROXY")


def wants_sign_in(base_url: str, http_proxy: HttpProxy, schemes: str) -> Unavailable:
    """Return the failure for a 407 of an HTTP proxy; `schemes` is a text with the schemes that it accepts."""
    offered = set(re.findall(_SCHEMES, schemes.lower()))
    if offered and "basic" not in offered:
        names = " or ".join(_NAMES.get(name, name.capitalize()) for name in sorted(offered))
        what = f"requires a sign-in with {names} (407), and only Basic is supported"
        remedy = f"run a local proxy that signs in to it, such as cntlm or px, and set {http_proxy.named} to that"
    elif http_proxy.authorization is not None:
        what = "refused the user name or password (407)"
        remedy = f"check the user name and password in {http_proxy.named}"
    else:
        what = "requires a user name and a password (407)"
        remedy = f"export {http_proxy.named}={http_proxy.url.replace('://', '://USER:PASSWORD@')}"
    return _proxy_failure(base_url, http_proxy, what, remedy, status=SIGN_IN)


def _proxy_failure(
    base_url: str, http_proxy: HttpProxy, what: str, remedy: str, *, status: int | None = None
) -> Unavailable:
    message = f"cannot reach {base_url}: the HTTP proxy {http_proxy.host} {what}"
    return Unavailable("unreachable", message, remedy=remedy, status=status)


def _not_trusted(
    error: ssl.SSLCertVerificationError, base_url: str, seconds: Callable[[], float] | None
) -> Unavailable:
    parts = urlsplit(base_url)
    shown = tls.certificate(parts.hostname or "", parts.port or 443, seconds()) if seconds else None
    issued = f' (issued by "{short(shown.issuer, _MAX_ISSUER)}")' if shown else ""
    return Unavailable(
        "tls",
        f"the certificate of {base_url}{issued} is not trusted: {error.verify_message}",
        remedy="litellmctl config set ca_bundle FILE, with the authority that issued it",
    )


def _was_sent(error: BaseException) -> bool:
    """Whether a request that was not answered may have been sent: not if there was never a connection."""
    never = (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.ProxyError,
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidHeader,
        ssl.SSLError,
        socket.gaierror,
    )
    return not any(isinstance(cause, never) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors inside an error: requests and urllib3 keep them in `reason`, in the arguments or as causes."""
    seen: set[int] = set()
    queue: list[Any] = [error]
    while queue:
        cause = queue.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        queue += [getattr(cause, "reason", None), *cause.args, cause.__cause__, cause.__context__]
