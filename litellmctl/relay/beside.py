"""A relay in a thread of its own, beside whatever the main thread does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from litellmctl.foundation.threads import Pending, in_background
from litellmctl.relay.local_key import random_key

if TYPE_CHECKING:
    from litellmctl.connection import Connection, Listener

_STOP_SECONDS = 5.0


@contextmanager
def beside(connect: Callable[[], Connection], *, listener: Listener) -> Iterator[tuple[str, str]]:
    """Run a relay with a random key on a free port while the context lasts: yield its base URL and its key.

    Requests that still run at the end are cut. Raises what `connect` raises at first, and OSError if no port is free.
    """
    from litellmctl.relay.relay import Relay

    key = random_key()
    relay = Relay(connect, key, listener=listener, connect_seconds=connect().request_seconds)
    started: Pending[_Running] = Pending()

    async def serve() -> None:
        try:
            await relay.start(0)
        except BaseException as error:  # noqa: BLE001
            failed = error

            def fail() -> _Running:
                raise failed

            started.fill(fail)
            return
        running = _Running(asyncio.get_running_loop(), asyncio.Event())
        started.fill(lambda: running)
        await running.stop.wait()
        await relay.stop(0)

    ended = in_background(lambda: asyncio.run(serve()))
    running = started.result()
    try:
        yield relay.base_url, key
    finally:
        with suppress(RuntimeError):  # the loop ended by itself
            running.loop.call_soon_threadsafe(running.stop.set)
        ended.wait(_STOP_SECONDS)


class _Running:
    def __init__(self, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
        self.loop = loop
        self.stop = stop
