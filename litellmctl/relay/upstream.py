"""Requests to the proxy, with the trust, HTTP proxy, headers and key of every other request of litellmctl."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict
from yarl import URL

from litellmctl.errors import Unavailable
from litellmctl.proxy.http_proxy import SIGN_IN
from litellmctl.proxy.no_answer import wants_sign_in
from litellmctl.relay.guard import has_sign_in
from litellmctl.relay.threads import in_thread

if TYPE_CHECKING:
    from litellmctl.relay.keys import Access

# Shorter than any server keeps a connection (uvicorn's 5 s): a request on one that the server is just closing would
# fail, and one that may have had an effect must not be repeated.
_IDLE_SECONDS = 4.0
# What is kept of an answer that the client does not read yet.
BUFFER_BYTES = 2**16
# Bounds of an answer's head: LiteLLM and gateways send long ones.
_LINE_BYTES, _FIELDS, _HEAD_BYTES = 2**17, 1000, 2**20
# What aiohttp adds to a request unless the client has sent it.
_OURS = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE, hdrs.USER_AGENT)
# Where LiteLLM looks for its key first.
_BESIDE = "x-litellm-api-key"


class Upstream:
    """The connections to the proxy. `connect_seconds` is how long one may take; an answer may take any time."""

    def __init__(self, connect_seconds: float) -> None:
        # Each request has its own context of TLS; cookies, `.netrc` and proxy variables are nobody's.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS, resolver=_Resolver())
        make = cast("type[ResponseHandler]", _Protocol)
        connector._factory = partial(make, loop=asyncio.get_running_loop())  # noqa: SLF001
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_OURS,
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_seconds, sock_connect=connect_seconds),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=BUFFER_BYTES,
            max_line_size=_LINE_BYTES,
            max_field_size=_LINE_BYTES,
            max_headers=_FIELDS,
        )

    async def send(
        self,
        access: Access,
        method: str,
        target: str,
        headers: CIMultiDict[str],
        body: AsyncIterator[bytes] | None,
    ) -> aiohttp.ClientResponse:
        """Return the answer to a request, whose headers are those of the client that are passed on.

        Raises `Unavailable` for a 407, which an HTTP proxy sends, and what aiohttp raises.
        """
        # The loop has to see first which connections the proxy has closed: select, read, and then the end.
        for _ in range(3):
            await asyncio.sleep(0)
        route = access.route
        through = route.http_proxy
        authorization: dict[str, str] = {}
        if through is not None and through.authorization is not None:
            authorization[hdrs.PROXY_AUTHORIZATION] = through.authorization
        is_plain = route.context is None
        answer = await self._session.request(
            method,
            _url(access.base_url, target),
            headers=_with_key(headers, access, authorization if is_plain else {}),
            data=body,
            allow_redirects=False,
            ssl=route.context or True,
            proxy=through.url if through else None,
            proxy_headers=None if is_plain else authorization,
        )
        if answer.status == SIGN_IN and through is not None and is_plain:
            answer.close()
            raise wants_sign_in(access.base_url, through, ", ".join(answer.headers.getall("Proxy-Authenticate", [])))
        fault = _fault(answer, headers)
        if fault is not None:
            answer.close()
            raise Unavailable("bad_response", f"{access.base_url} returned {fault}", remedy="check the URL")
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def _fault(answer: aiohttp.ClientResponse, headers: CIMultiDict[str]) -> str | None:
    """Return what of an answer must not be passed on, though aiohttp takes it; None mostly."""
    if answer.status == 101 and hdrs.UPGRADE not in headers:
        return "101 without being asked to switch protocols"
    if answer.status < 101:
        return "an invalid status"
    codings = {each.strip().lower() for each in answer.headers.get(hdrs.TRANSFER_ENCODING, "").split(",")}
    if codings - {"", "chunked"}:  # a client would take the coded body for the body itself
        return "a transfer coding that was not asked for"
    return None


class _Protocol(ResponseHandler):
    """A connection to the proxy, which keeps no head of any length."""

    _head_size = 0

    def set_response_params(self, **params: Any) -> None:
        """Begin with the answer to a request."""
        self._head_size = 0
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless the head, with all that came before it (1xx), is too long."""
        super().data_received(data)
        if self._payload is None or self._payload.is_eof():
            self._head_size += len(data)
            if self._head_size > _HEAD_BYTES and self.transport is not None and not self._upgraded:
                self.transport.abort()
                self.set_exception(HttpProcessingError(code=400, message="the head is too long"))

    def close(self) -> None:
        """Close it at once: nothing is left to send but the rest of a request that nobody waits for."""
        self.abort()


class _Resolver(AbstractResolver):
    """Resolves names as the rest of the program does; the threads of aiohttp's own would hold up the exit."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host."""
        found = await in_thread(partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM))
        return [
            ResolveResult(
                hostname=host,
                host=_with_zone(address),
                port=port,
                family=its_family,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for its_family, _, proto, _, address in found
            if its_family in {socket.AF_INET, socket.AF_INET6}
        ]

    async def close(self) -> None:
        """Do nothing."""


def _with_zone(address: tuple[Any, ...]) -> str:
    """Return an address as text, a link-local one with its interface."""
    host = str(address[0])
    return f"{host.partition('%')[0]}%{address[3]}" if len(address) == 4 and address[3] else host


def sendable(value: str) -> str:
    """Return a header's value as aiohttp can send it: it writes UTF-8, and would drop the bytes of Latin-1."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="surrogateescape").decode("latin-1")
    return value


def _with_key(headers: CIMultiDict[str], access: Access, more: dict[str, str]) -> CIMultiDict[str]:
    # Of names that differ in case only, aiohttp would send the last one.
    names: dict[str, str] = {}
    sent = CIMultiDict((names.setdefault(name.lower(), name), sendable(value)) for name, value in headers.items())
    # A client's own sign-in, a subscription, goes to the provider: the key then travels beside it.
    beside = has_sign_in(sent) and access.key_header.lower() == "authorization"
    name = _BESIDE if beside else access.key_header
    sent.update(access.headers)
    sent.update(more)
    sent[name] = f"Bearer {access.key}" if name.lower() == "authorization" else access.key
    return sent


def _url(base_url: str, target: str) -> URL:
    """Return the URL below the base URL whose target is sent as it is."""
    return URL(f"{str(URL(base_url)).rstrip('/')}{target}", encoded=True)
