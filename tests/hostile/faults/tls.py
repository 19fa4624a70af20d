"""What is wrong with TLS."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any

import trustme

from tests.hostile.faults.fault import (
    OK,
    PLACES,
    TLS_FAULTS,
    Cost,
    Fault,
    http,
    redirect,
    silent,
)
from tests.hostile.proxy import Answer, Exchange, Greet, HostileProxy


def add_tls(
    name: str,
    greet: Greet | None = None,
    cost: Cost = Cost.QUICK,
    *,
    answer: Answer | None = None,
    is_understood: bool = False,
) -> None:
    """Add a fault of TLS: in the handshake, or in what is answered after one that was well."""
    TLS_FAULTS[name] = Fault(name, answer, cost=cost, greet=greet, is_understood=is_understood)


def speaks(data: bytes) -> Greet:
    """Say this instead of a handshake, once the client began it."""

    def greet(_proxy: HostileProxy, connection: socket.socket, _over: threading.Event) -> socket.socket | None:
        connection.settimeout(10)
        connection.recv(4096)
        connection.sendall(data)
        return None

    return greet


def shows(name: str, details: Callable[[HostileProxy], dict[str, Any]]) -> Greet:
    """Show a certificate that is not to be trusted."""

    def greet(proxy: HostileProxy, connection: socket.socket, _over: threading.Event) -> socket.socket | None:
        return proxy.handshake(connection, name, **details(proxy))

    return greet


def _resets(_proxy: HostileProxy, connection: socket.socket, _over: threading.Event) -> None:
    connection.settimeout(10)
    connection.recv(4096)
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _says_nothing(_proxy: HostileProxy, _connection: socket.socket, over: threading.Event) -> None:
    over.wait(60)


@cache
def _stranger() -> trustme.CA:
    return trustme.CA(organization_name="\x1b[31mNobody\x07")


add_tls("TLS: another authority", shows("stranger", lambda _: {"authority": _stranger()}))
add_tls("TLS: expired", shows("expired", lambda _: {"not_after": datetime(2020, 1, 1, tzinfo=UTC)}))
add_tls("TLS: another host", shows("another host", lambda _: {"host": "other.example"}))
add_tls("TLS: not TLS", speaks(http(b"{}")))
add_tls("TLS: an alert", speaks(b"\x15\x03\x03\x00\x02\x02\x28"))
add_tls("TLS: garbage", speaks(b"\x16\x03\x03\x40\x00" + b"\xff" * 1000))
add_tls("TLS: closed in the handshake", speaks(b""), Cost.PAUSED)
add_tls("TLS: reset in the handshake", _resets, Cost.PAUSED)
add_tls("TLS: silent in the handshake", _says_nothing, Cost.PAUSED)
add_tls(
    "TLS: redirect to plain HTTP",
    answer=redirect(302, lambda exchange: exchange.url.replace("https:", "http:") + exchange.request.path),
)
add_tls("TLS: redirect to plain HTTP elsewhere", answer=redirect(302, lambda exchange: f"{exchange.elsewhere}/x"))


def _without_a_goodbye(share: float) -> Answer:
    """Send so much of a body of which no length is told, and close without TLS's own end: who cuts the line does so."""

    def answer(exchange: Exchange) -> None:
        exchange.send(OK + b"\r\n" + exchange.body[: int(len(exchange.body) * share)])
        exchange.connection.shutdown(socket.SHUT_RDWR)

    return answer


add_tls("TLS: cut in the body", answer=_without_a_goodbye(0.5), cost=Cost.PAUSED)
add_tls("TLS: no goodbye", answer=_without_a_goodbye(1), cost=Cost.PAUSED, is_understood=True)
add_tls("TLS: silent in the body", answer=silent(PLACES["in the body"]), cost=Cost.PAUSED)
