"""How a relay runs as the main thing of a process: until a signal, or until nothing was asked for some time."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from litellmctl.relay.resident import GRACE_SECONDS

if TYPE_CHECKING:
    from types import FrameType

    from litellmctl.relay.relay import Relay

_LOOK_SECONDS = 10.0
_SIGNALS = [
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if name in signal.Signals.__members__
]


class Serving:
    """A relay that listens while the context lasts, on the `port` of 127.0.0.1 that was asked for (0: any free one).

    Entering raises OSError if the port is taken. Signals end it from then on.
    """

    def __init__(self, relay: Relay, port: int) -> None:
        self._relay = relay
        self.port = port
        self._runner = asyncio.Runner()
        self._woken = asyncio.Event()
        self._received: list[int] = []
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Listen, and handle signals, except those that are ignored, as under nohup."""
        self._loop = self._runner.get_loop()
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        try:
            self.port = self._runner.run(self._relay.start(self.port))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the handlers, and cut what still runs."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._runner.close()

    def run(self, *, idle_seconds: float | None, tick: Callable[[], None], stopping: Callable[[], None]) -> None:
        """Serve until a signal, or until nothing was asked for `idle_seconds`; then give running streams 5 s.

        `tick` is called every ten seconds; `stopping` when requests still run at the end. A second signal cuts these.
        Raises KeyboardInterrupt for Ctrl-C.
        """
        self._runner.run(self._run(idle_seconds, tick, stopping))
        if self._received and self._received[0] == signal.SIGINT:
            raise KeyboardInterrupt

    async def _run(self, idle_seconds: float | None, tick: Callable[[], None], stopping: Callable[[], None]) -> None:
        while not self._received:
            left = _LOOK_SECONDS if idle_seconds is None else min(_LOOK_SECONDS, idle_seconds - self._relay.quiet_for)
            if left <= 0:
                break
            await self._woken_within(left)
            tick()
        if self._relay.quiet_for == 0:
            stopping()
        signals = len(self._received)
        stop = asyncio.ensure_future(self._relay.stop(GRACE_SECONDS))
        while not stop.done() and len(self._received) == signals:
            self._woken.clear()
            waiting = asyncio.ensure_future(self._woken.wait())
            await asyncio.wait({stop, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        if not stop.done():
            stop.cancel()
            await self._relay.stop(0)
        else:
            stop.result()

    async def _woken_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._received.append(number)
        self._loop.call_soon_threadsafe(self._woken.set)
