"""Who may use the relay: programs of this user that know the local key, and no web page.

`GuardedServer` of `guarded_server.py` asks it about every request before anything else sees that.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from aiohttp import HttpVersion10, HttpVersion11, web
from multidict import CIMultiDict

from litellmctl.relay.target import RefusedTarget, key_parameters, without_key

if TYPE_CHECKING:
    from multidict import MultiMapping

# The places of a key: LiteLLM's own header goes last, since a client's own sign-in may travel beside it.
OWN_HEADER = "x-litellm-api-key"
_KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key", "api-key", OWN_HEADER)
_BEARER_HEADERS = frozenset({"authorization", OWN_HEADER})
# A browser cannot set headers of a websocket: OpenAI's realtime clients send the key as a subprotocol.
_PROTOCOLS = "sec-websocket-protocol"
_KEY_PROTOCOL = "openai-insecure-api-key."
# RFC 9110 7.6.1, and what its predecessors named; Proxy-* is dropped by its prefix.
_HOP_BY_HOP = frozenset({"connection", "http2-settings", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
# Host is the proxy's. Cookies do not know ports: a browser would send those of all servers of this machine, and would
# keep the proxy's for them. Origin has been checked here, and the proxy knows no page of this machine.
_NOT_PASSED_ON = frozenset({"host", "cookie", "cookie2", "origin"})
_NOT_RETURNED = frozenset({"set-cookie", "set-cookie2"})
# TRACE would return the proxy's key; CONNECT would open a tunnel.
_METHODS_REFUSED = frozenset({"CONNECT", "TRACE"})

_VERSIONS = frozenset({HttpVersion10, HttpVersion11})

_WRONG_A_SECOND = 20.0
_LONGEST_DELAY = 3.0
_PREFLIGHT_SECONDS = 600


class Guard:
    """The rules of one relay. `origins` are those of the web pages that may use it, as a browser writes them."""

    def __init__(self, local_key: str, port: int, origins: Sequence[str] = ()) -> None:
        self._key = local_key
        self._digest = _digest(local_key)
        names = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = {f"{name}:{port}" for name in names} | (set(names) if port == 80 else set())
        # Any sandboxed frame has the origin "null".
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins) - {"null"}
        self._wrong_until = 0.0

    async def refusal(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Return the answer to a request that must not be passed on; None if it may.

        403: from a web page that is not allowed, or by a foreign name. 401: without the local key. It is also the
        answer to the preflight of a page that is allowed.
        """
        headers = request.headers
        if not self._is_ours(headers):
            return refused(403, "forbidden", "forbidden")
        if request.method in _METHODS_REFUSED:
            return refused(405, "method not allowed", "invalid_request_error")
        if request.version not in _VERSIONS or not _is_framed(request):
            return refused(400, "bad request", "invalid_request_error")
        if request.method == "OPTIONS" and "Origin" in headers and "Access-Control-Request-Method" in headers:
            return web.Response(status=204, headers=self._preflight(headers))
        if not self._knows_key(request):
            await self._delay_wrong()
            answer = refused(401, "unauthorized", "authentication_error")
            answer.headers.update(self.cors(headers))
            return answer
        return None

    def stripped(self, headers: MultiMapping[str]) -> CIMultiDict[str]:
        """Return the headers that are passed on: without the local key, hop-by-hop headers, Host and cookies.

        Where the local key came in `x-litellm-api-key`, the client's own sign-in stays (`has_sign_in`).
        """
        dropped = _NOT_PASSED_ON | ({OWN_HEADER} if self._keeps_others(headers) else set(_KEY_HEADERS))
        passed = CIMultiDict(
            (name, value)
            for name, value in end_to_end(headers)
            if name.lower() not in dropped and (self._key not in value or name.lower() == _PROTOCOLS)
        )
        if _PROTOCOLS in passed:
            protocols = [each for each in _protocols(passed) if not each.startswith(_KEY_PROTOCOL)]
            del passed[_PROTOCOLS]
            if protocols:
                passed["Sec-WebSocket-Protocol"] = ", ".join(protocols)
        return passed

    def stripped_target(self, target: str) -> str:
        """Return a target without the local key, where it came as the parameter `key`.

        Raises `RefusedTarget` where it is anywhere else.
        """
        passed = without_key(target, self._key) if "?" in target else target
        if self._key in unquote_plus(passed):
            raise RefusedTarget("the URL contains the local key; send it in a header instead")
        return passed

    def returned(self, headers: MultiMapping[str], request_headers: MultiMapping[str]) -> CIMultiDict[str]:
        """Return the headers of the proxy's answer that the client gets.

        Which pages may read it is for the relay to say, whatever the proxy allows.
        """
        passed = CIMultiDict(
            (name, value)
            for name, value in end_to_end(headers)
            if name.lower() not in _NOT_RETURNED and not name.lower().startswith("access-control-")
        )
        passed.extend(self.cors(request_headers))
        return passed

    def cors(self, request_headers: MultiMapping[str]) -> dict[str, str]:
        """Return the headers by which the page that asked may read an answer; none unless its origin is allowed.

        There are no credentials in the sense of CORS: a page sends the local key itself.
        """
        origin = request_headers.get("Origin")
        if origin is None or origin.lower() not in self._origins:
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "*", "Vary": "Origin"}

    def _preflight(self, headers: MultiMapping[str]) -> dict[str, str]:
        """Return what allows any method with any header; and pages of the internet, where a browser asks for that."""
        allowed = {
            **self.cors(headers),
            "Access-Control-Allow-Methods": headers["Access-Control-Request-Method"],
            "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
        }
        if wanted := headers.get("Access-Control-Request-Headers"):
            allowed["Access-Control-Allow-Headers"] = wanted
        if headers.get("Access-Control-Request-Private-Network") == "true":
            allowed["Access-Control-Allow-Private-Network"] = "true"
        return allowed

    def _is_ours(self, headers: MultiMapping[str]) -> bool:
        """Whether a request is by a name of this machine, and from no web page but those that are allowed."""
        hosts, origins = headers.getall("Host", []), headers.getall("Origin", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts or len(origins) > 1:
            return False
        if origins:
            return origins[0].lower() in self._origins
        # A form, an image or a link sends no origin, but a browser says that another site's page made it do so.
        return headers.get("Sec-Fetch-Site", "none").lower() in {"none", "same-origin"}

    def _knows_key(self, request: web.BaseRequest) -> bool:
        headers = request.headers
        found = [_keys(headers, name) for name in _KEY_HEADERS]
        found.append([each[len(_KEY_PROTOCOL) :] for each in _protocols(headers) if each.startswith(_KEY_PROTOCOL)])
        found.append(key_parameters(request.raw_path))
        # One key in each place, so that a request is one guess in each. All are compared, to take the same time.
        return sum(len(keys) == 1 and self._is_key(keys[0]) for keys in found) > 0

    def _keeps_others(self, headers: MultiMapping[str]) -> bool:
        keys = _keys(headers, OWN_HEADER)
        return len(keys) == 1 and self._is_key(keys[0])

    def _is_key(self, given: str) -> bool:
        return hmac.compare_digest(_digest(given), self._digest)

    async def _delay_wrong(self) -> None:
        """Wait if there were more wrong keys than so many a second (GCRA: one number is all that is kept)."""
        now = time.monotonic()
        longest = now + 1 + _LONGEST_DELAY
        self._wrong_until = min(max(self._wrong_until, now) + 1 / _WRONG_A_SECOND, longest)
        await asyncio.sleep(max(0.0, self._wrong_until - now - 1))


def has_sign_in(passed: MultiMapping[str]) -> bool:
    """Whether a client's own sign-in is among the `stripped` headers, so that the proxy's key must not replace it."""
    return any(name in passed for name in _KEY_HEADERS)


def refused(status: int, message: str, kind: str, code: str | None = None) -> web.Response:
    """Return an answer of our own, with an error as OpenAI's API words it; its code is the status unless given."""
    error = {"error": {"message": message, "type": kind, "param": None, "code": code or str(status)}}
    return web.Response(status=status, text=json.dumps(error), content_type="application/json")


def _is_framed(request: web.BaseRequest) -> bool:
    """Whether it is clear where the body ends (RFC 9112 6.1); aiohttp refuses everything else that is not."""
    encodings = request.headers.getall("Transfer-Encoding", [])
    return not encodings or (request.version == HttpVersion11 and [each.lower() for each in encodings] == ["chunked"])


def end_to_end(headers: MultiMapping[str]) -> list[tuple[str, str]]:
    """Return the headers that are not about one connection only (RFC 9110 7.6.1), in their order.

    Content-Length stays also if Connection names it: it says where the body ends.
    """
    named = {name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(",")}
    dropped = (named - {"content-length"}) | _HOP_BY_HOP
    return [
        (name, value)
        for name, value in headers.items()
        if name.lower() not in dropped and not name.lower().startswith("proxy-")
    ]


def _keys(headers: MultiMapping[str], name: str) -> list[str]:
    """Return the keys in one header: of Authorization those with the scheme Bearer."""
    found = []
    for value in headers.getall(name, []):
        scheme, _, key = value.partition(" ")
        if name in _BEARER_HEADERS and scheme.lower() == "bearer":
            found.append(key.strip())
        elif name != "authorization":
            found.append(value.strip())
    return found


def _protocols(headers: MultiMapping[str]) -> list[str]:
    return [each.strip() for value in headers.getall(_PROTOCOLS, []) for each in value.split(",")]


def _digest(key: str) -> bytes:
    """Return a text of one length for each key, so that comparing them does not tell that of ours."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()
