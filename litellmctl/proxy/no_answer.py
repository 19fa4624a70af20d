"""Why a request got no answer, out of what requests, urllib3 and the operating system raise."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from litellmctl.errors import Unavailable
from litellmctl.foundation.text import short
from litellmctl.foundation.urls import host_of
from litellmctl.proxy import tls

_MAX_ISSUER = 200


def no_answer(error: BaseException, base_url: str, http_proxy: str | None, seconds: Callable[[], float]) -> Unavailable:
    """Return the failure for a request to `base_url` that was not answered.

    `http_proxy` is the one that it went through; `seconds` tells how long may be spent on learning who issued a
    certificate that is not trusted. It may have acted unless it was never sent.
    """
    return _reason(error, base_url, http_proxy, seconds).changed(may_have_acted=_was_sent(error))


def _reason(error: BaseException, base_url: str, http_proxy: str | None, seconds: Callable[[], float]) -> Unavailable:
    causes = list(_causes(error))
    where = f"cannot reach {base_url}"
    if isinstance(error, requests.exceptions.ProxyError) or (http_proxy and isinstance(error, ValueError)):
        what = "refused" if isinstance(error, requests.exceptions.ProxyError) else "cannot be used"
        return Unavailable(
            "unreachable",
            f"{where}: the HTTP proxy {host_of(http_proxy or '')} {what}",
            remedy="check HTTPS_PROXY and NO_PROXY",
        )
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _not_trusted(cause, base_url, None if http_proxy else seconds)
        if isinstance(cause, ssl.SSLError):
            return Unavailable(
                "tls", f"TLS with {base_url} failed: {cause.reason or cause}", remedy="check the scheme and the port"
            )
        if isinstance(cause, socket.gaierror):
            return Unavailable(
                "unreachable",
                f'{where}: no address for "{host_of(base_url)}"',
                remedy="check the host name, and that the network is up",
            )
    if isinstance(error, requests.Timeout) or any(isinstance(cause, TimeoutError) for cause in causes):
        return Unavailable("timeout", f"{where}: no answer in time", remedy="give it longer with --timeout SECONDS")
    reason = next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), None)
    text = (reason or "the connection was closed without an answer").lower()
    return Unavailable("unreachable", f"{where}: {text}", remedy="check the URL, and that the proxy runs")


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
    """Whether a request that was not answered may have been sent: not where there was never a connection."""
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
