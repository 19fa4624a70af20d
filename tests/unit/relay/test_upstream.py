"""The connections to the proxy: one that was closed meanwhile, and names that resolve to several addresses."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

import pytest
from multidict import CIMultiDict

from litellmctl.proxy.client_certificate import NOTHING
from litellmctl.proxy.route import Route
from litellmctl.relay.keys import Access
from litellmctl.relay.upstream import Upstream, _Resolver, _with_zone

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def test_a_connection_that_was_closed_but_not_yet_seen_to_be_is_not_used() -> None:
    async def work() -> None:
        connections: list[asyncio.StreamWriter] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(writer)
            with suppress(OSError, asyncio.IncompleteReadError):
                while await reader.readuntil(b"\r\n\r\n"):
                    writer.write(ANSWER)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        access = Access(f"http://127.0.0.1:{port}", "k", "Authorization", {}, Route("http", None, None), NOTHING)
        upstream = Upstream(5.0)
        for number in range(1, 4):
            answer = await upstream.send(access, "POST", "/x", CIMultiDict(), None)
            assert (answer.status, len(connections)) == (200, number)
            await answer.read()
            answer.close()
            # The proxy closes it while the loop is busy: the end of the connection has arrived, and nobody has looked.
            connections[-1].transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            time.sleep(0.05)  # noqa: ASYNC251
        await upstream.close()
        server.close()
        await asyncio.sleep(0.1)  # for the ends of its connections

    asyncio.run(asyncio.wait_for(work(), 20))


def test_names_resolve_in_a_thread_to_addresses_of_both_families() -> None:
    async def work() -> None:
        found = await _Resolver().resolve("localhost", 80)
        assert "127.0.0.1" in {one["host"] for one in found}
        assert {one["hostname"] for one in found} == {"localhost"}
        with pytest.raises(socket.gaierror):
            await _Resolver().resolve("proxy.invalid", 80)

    asyncio.run(work())


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (("127.0.0.1", 80), "127.0.0.1"),
        (("::1", 80, 0, 0), "::1"),
        (("fe80::1", 80, 0, 3), "fe80::1%3"),
        (("fe80::1%eth0", 80, 0, 3), "fe80::1%3"),
    ],
)
def test_an_address_of_one_link_names_its_interface(address: tuple[object, ...], text: str) -> None:
    assert _with_zone(address) == text
