"""When the relay looks a key up: with a credential that does what a test says, and no proxy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from litellmctl.auth import validity
from litellmctl.auth.credential import Pair
from litellmctl.errors import Unavailable
from litellmctl.proxy.client_certificate import NOTHING
from litellmctl.proxy.route import Route
from litellmctl.relay import keys
from litellmctl.relay.keys import Keys
from tests.effort import until
from tests.unit.auth.asked_key import AskedKey

URL = "http://127.0.0.1:1"


class Fake(AskedKey):
    """One that has another key each time."""

    def current(self, known: str) -> str:
        key = self._ask("current", 1)
        self.due = self.end = None
        return key


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    monkeypatch.setenv("LITELLMCTL_CONFIG_DIR", str(tmp_path))
    return Fake()


def keys_of(fake: Fake, connected: list[None] | None = None) -> Keys:
    pair = Pair(URL, fake, {})

    def connect() -> Any:
        if connected is not None:
            connected.append(None)
        return SimpleNamespace(
            pair=pair,
            profile=SimpleNamespace(name="default"),
            require_online=lambda _: None,
            texts=lambda *_: {},
            route=lambda _: (Route("http", None, None), NOTHING),
        )

    return Keys(connect)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 20))  # type: ignore[arg-type]


def test_requests_at_once_look_up_once_and_later_ones_not_at_all(fake: Fake) -> None:
    connected: list[None] = []

    async def work() -> None:
        looking = keys_of(fake, connected)
        found = await asyncio.gather(*[looking.access() for _ in range(50)])
        assert {one.key for one in found} == {"key-1"}
        assert (await looking.access()).key == "key-1"
        assert (fake.asked, len(connected)) == (["secret"], 1)

    run(work)


def test_a_key_that_is_due_is_used_until_the_next_is_there(fake: Fake) -> None:
    async def work() -> None:
        looking = keys_of(fake)
        fake.due, fake.end = time.time() - 1, time.time() + 60
        await looking.access()
        fake.gate.clear()
        assert {(await looking.access()).key for _ in range(10)} == {"key-1"}
        fake.gate.set()
        await asyncio.to_thread(until, lambda: fake.due is None)
        await asyncio.sleep(0.1)
        assert (await looking.access()).key == "key-2"
        assert fake.asked == ["secret", "current"]

    run(work)


def test_a_renewal_that_fails_is_not_tried_for_each_request(fake: Fake) -> None:
    async def work() -> None:
        looking = keys_of(fake)
        fake.due, fake.end = time.time() - 1, time.time() + 60
        await looking.access()
        fake.fails = Unavailable("unreachable", "down")
        for _ in range(20):
            assert (await looking.access()).key == "key-1"
            await asyncio.sleep(0.005)
        assert fake.asked == ["secret", "current"]

    run(work)


def test_requests_wait_for_the_next_key_once_one_has_expired(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validity, "_LOOKED_UP_SECONDS", 0.0)

    async def work() -> None:
        looking = keys_of(fake)
        fake.due = fake.end = time.time() - 1
        await looking.access()
        found = await asyncio.gather(*[looking.access() for _ in range(50)])
        assert {one.key for one in found} == {"key-2"}
        assert fake.asked == ["secret", "current"]

    run(work)


def test_a_failure_is_given_to_all_that_wait_and_for_a_moment_to_the_next(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        looking = keys_of(fake)
        fake.fails = Unavailable("unreachable", "down")
        found = await asyncio.gather(*[looking.access() for _ in range(50)], return_exceptions=True)
        assert {getattr(one, "message", None) for one in found} == {"down"}
        with pytest.raises(Unavailable, match="down"):
            await looking.access()
        assert fake.asked == ["secret"]
        fake.fails = None
        monkeypatch.setattr(keys, "AFTER_FAILURE_SECONDS", 0.0)
        await asyncio.sleep(2.1)
        assert (await looking.access()).key == "key-1"

    run(work)


def test_all_that_were_refused_get_the_same_next_key_and_others_wait_for_it(fake: Fake) -> None:
    async def work() -> None:
        looking = keys_of(fake)
        first = await looking.access()
        fake.gate.clear()
        refused = [asyncio.create_task(looking.after_refusal(first)) for _ in range(20)]
        await asyncio.sleep(0.05)
        other = asyncio.create_task(looking.access())
        await asyncio.sleep(0.05)
        assert not other.done()
        fake.gate.set()
        assert {one.key for one in await asyncio.gather(*refused) if one} == {"key-2"}
        assert (await other).key == "key-2"
        assert fake.asked == ["secret", "renewed"]

    run(work)


def test_the_next_refusal_soon_after_asks_nobody(fake: Fake) -> None:
    async def work() -> None:
        looking = keys_of(fake)
        second = await looking.after_refusal(await looking.access())
        assert second is not None
        assert await looking.after_refusal(second) is None
        assert fake.asked == ["secret", "renewed"]

    run(work)


def test_a_renewal_that_fails_after_a_refusal_leaves_the_refusal(fake: Fake) -> None:
    async def work() -> None:
        looking = keys_of(fake)
        first = await looking.access()
        fake.fails = Unavailable("unreachable", "down")
        assert await looking.after_refusal(first) is None
        assert (await looking.access()).key == "key-1"

    run(work)


def test_a_client_that_goes_away_does_not_end_the_look_up_of_the_others(fake: Fake) -> None:
    async def work() -> None:
        looking = keys_of(fake)
        fake.gate.clear()
        first, second = (asyncio.create_task(looking.access()) for _ in range(2))
        await asyncio.sleep(0.05)
        first.cancel()
        fake.gate.set()
        assert (await second).key == "key-1"

    run(work)


def test_files_that_change_all_the_time_do_not_hold_requests_up(fake: Fake, tmp_path: Path) -> None:
    changed = [0]

    async def work() -> None:
        looking = keys_of(fake)
        assert (await looking.access()).key == "key-1"
        for _ in range(5):
            changed[0] += 1
            (tmp_path / "logins.json").write_text(str(changed[0]), "utf-8")
            assert (await looking.access()).key

    run(work)


def test_its_text_has_no_key(fake: Fake) -> None:
    async def work() -> None:
        assert repr(await keys_of(fake).access()) == f"Access('{URL}')"

    run(work)
