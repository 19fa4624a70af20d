"""Where the proxy did not answer: the failure that litellmctl would print, in the form of OpenAI's API."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

from litellmctl.errors import AuthFailure, Failure, Unavailable, UsageFailure
from litellmctl.foundation import unexpected
from litellmctl.foundation.sentences import sentence
from litellmctl.proxy import tls
from litellmctl.proxy.no_answer import no_answer, plain_to_tls
from litellmctl.relay.guard import refused

if TYPE_CHECKING:
    from aiohttp import web

    from litellmctl.relay.keys import Access

_PROBE_SECONDS = 1.0
_TYPE = "litellmctl_error"


def answer(failure: Failure) -> web.Response:
    """Return the answer for a failure: 504 for a timeout, else 502.

    The official clients of OpenAI and Anthropic retry both, unless a header says that it does not help.
    """
    text = failure.message + (f". Try: {failure.remedy}" if failure.remedy else "")
    response = refused(504 if failure.code == "timeout" else 502, sentence(text), _TYPE, failure.code)
    if isinstance(failure, AuthFailure | UsageFailure):
        response.headers["x-should-retry"] = "false"
    return response


def of_error(error: Exception, access: Access | None) -> Failure:
    """Return the failure for what went wrong before the proxy answered.

    It may ask the proxy's port what it speaks, so it is for a thread.
    """
    if isinstance(error, Failure):
        return error
    if access is None or not isinstance(error, aiohttp.ClientError | OSError):
        return unexpected.failure_of(error)
    failure = unexpected.exhausted(error) or _unanswered(error, access)
    return failure.changed(message=access.hidden(failure.message))


def _unanswered(error: Exception, access: Access) -> Failure:
    base_url, http_proxy = access.base_url, access.route.http_proxy
    if isinstance(error, aiohttp.ClientHttpProxyError):
        schemes = ", ".join(error.headers.getall("Proxy-Authenticate", [])) if error.headers else ""
        # As http.client words it.
        cause: BaseException = OSError(f"Tunnel connection failed: {error.status} {schemes}")
        return no_answer(cause, base_url, http_proxy, _seconds, access.shown, at_http_proxy=True)
    if isinstance(error, aiohttp.ClientResponseError):
        return _not_http(access)
    # The errors of aiohttp imitate the classes of those that are inside, and lack their attributes.
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    at_proxy = isinstance(error, aiohttp.ClientProxyConnectionError)
    return no_answer(cause, base_url, http_proxy, _seconds, access.shown, at_http_proxy=at_proxy)


def _not_http(access: Access) -> Failure:
    """Return the failure for an answer that is not HTTP, or that must not be passed on."""
    base_url = access.base_url
    parts = urlsplit(base_url)
    is_direct = parts.scheme == "http" and access.route.http_proxy is None
    if is_direct and tls.is_spoken(parts.hostname or "", parts.port or 80, _PROBE_SECONDS):
        return plain_to_tls(base_url)
    return Unavailable(
        "bad_response", f"{base_url} returned an invalid HTTP response", remedy="check the URL and the port"
    )


def _seconds() -> float:
    return _PROBE_SECONDS
