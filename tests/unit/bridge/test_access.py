"""When the key is looked up, and which one calls get."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from litellmctl.auth import validity
from litellmctl.auth.validity import Validity
from litellmctl.bridge import access as module
from litellmctl.bridge.access import Access
from litellmctl.errors import AuthFailure, Failure, Unavailable
from litellmctl.foundation.threads import in_background
from tests.effort import until
from tests.unit.bridge.behind import Behind


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    return folder


def many(work: Callable[[], Any], count: int = 20) -> list[Any]:
    return [one.result() for one in [in_background(work) for _ in range(count)]]


def key_of(access: Access) -> str | None:
    return access.client()[1].auth.key


def make_due(access: Access, behind: Behind, *, left: float = 60) -> None:
    behind.key.due, behind.key.end = time.time() - 1, time.time() + left
    assert access._held is not None
    access._held = access._held._replace(validity=Validity.of(behind.key))


def test_the_catalogs_take_no_key() -> None:
    behind = Behind()
    access = Access(behind.connect)
    assert access.catalogs() is access.catalogs()
    assert (behind.key.asked, behind.connected, access.has_key) == ([], 1, False)


def test_calls_at_once_look_up_once_and_later_ones_not_at_all() -> None:
    behind = Behind()
    access = Access(behind.connect)
    behind.key.gate.clear()
    threading.Timer(0.1, behind.key.gate.set).start()
    clients = [client for _, client in many(access.client)]
    assert all(client is clients[0] for client in clients)
    assert key_of(access) == "key-1"
    assert (behind.key.asked, access.has_key) == (["secret"], True)


def test_a_key_that_is_due_is_used_until_the_next_is_there() -> None:
    behind = Behind()
    access = Access(behind.connect)
    access.client()
    behind.key.gate.clear()
    make_due(access, behind)
    assert {key_of(access) for _ in range(10)} == {"key-1"}
    behind.key.gate.set()
    until(lambda: key_of(access) == "key-2")
    assert behind.key.asked == ["secret", "current"]


def test_a_key_that_is_due_and_cannot_be_refreshed_yet_is_used() -> None:
    behind = Behind()
    access = Access(behind.connect)
    access.client()
    behind.key.fails = Unavailable("unreachable", "down")
    make_due(access, behind)
    assert {key_of(access) for _ in range(10)} == {"key-1"}
    until(lambda: behind.key.asked == ["secret", "current"])
    assert key_of(access) == "key-1"


def test_a_key_that_has_expired_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validity, "_LOOKED_UP_SECONDS", 0.0)
    behind = Behind()
    access = Access(behind.connect)
    access.client()
    make_due(access, behind, left=-1)
    assert set(many(lambda: key_of(access))) == {"key-2"}
    assert behind.key.asked == ["secret", "current"]


def test_a_failure_is_that_of_all_calls_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AFTER_FAILURE_SECONDS", 0.5)
    behind = Behind()
    behind.key.fails = AuthFailure("auth_required", "expired")
    access = Access(behind.connect)
    for _ in range(3):
        with pytest.raises(AuthFailure, match="expired"):
            access.client()
    assert behind.key.asked == ["secret"]
    behind.key.fails = None
    until(lambda: _succeeds(access))
    assert behind.key.asked == ["secret", "secret"]


def _succeeds(access: Access) -> bool:
    try:
        access.client()
    except Failure:
        return False
    return True


def test_a_new_sign_in_is_used_at_once(config: Path) -> None:
    behind = Behind()
    behind.key.fails = AuthFailure("auth_required", "expired")
    access = Access(behind.connect)
    with pytest.raises(AuthFailure):
        access.client()
    behind.key.fails = None
    (config / "logins.json").write_text("{}")
    assert key_of(access) == "key-1"


def test_a_changed_setting_makes_another_client(config: Path) -> None:
    behind = Behind()
    access = Access(behind.connect)
    before = access.client()
    (config / "config.toml").write_text("")
    after = access.client()
    assert before[0] is not after[0]
    assert before[1] is not after[1]
    assert behind.key.asked == ["secret", "secret"]


def test_another_profiles_login_changes_nothing(config: Path) -> None:
    behind = Behind()
    access = Access(behind.connect)
    before = access.client()
    (config / "logins.json").write_text("{}")
    assert access.client() == before
    assert (behind.key.asked, behind.connected) == (["secret"], 2)
    access.client()
    assert behind.connected == 2


def test_without_a_credential_the_remedy_is_to_sign_in() -> None:
    class Connection:
        profile = type("P", (), {"name": "work"})

        @property
        def pair(self) -> Any:
            raise AuthFailure("auth_required", "no credential", remedy="export LITELLM_API_KEY=...")

    access = Access(type("C", (), {"connection": Connection()}))
    with pytest.raises(AuthFailure) as caught:
        access.client()
    assert caught.value.remedy == "litellmctl login --profile work"


def test_a_refused_key_is_replaced_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = Behind()
    access = Access(behind.connect)
    _, client = access.client()
    assert client.auth.renew == behind.key.renewed
    client.auth.renew = None  # it was refused, and another one fetched
    access.client()
    assert client.auth.renew is None
    monkeypatch.setattr(module, "REFUSED_SECONDS", 0.0)
    monkeypatch.setattr(access, "_next_refused", 0.0)
    access.client()
    assert client.auth.renew == behind.key.renewed


def test_a_keyring_that_hangs_does_not_hold_up_what_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_UP_SECONDS", 0.2)
    behind = Behind()
    behind.key.gate.clear()
    access = Access(behind.connect)
    waiting = in_background(access.client)
    assert access.catalogs() is access.catalogs()
    with pytest.raises(Unavailable, match="a test did not return a key in time"):
        waiting.result()
    behind.key.gate.set()


def test_an_unexpected_error_does_not_end_all_look_ups() -> None:
    behind = Behind()
    access = Access(behind.connect)
    behind.key.fails = ValueError("a bug")  # type: ignore[assignment]
    with pytest.raises(ValueError, match="a bug"):
        access.client()
    behind.key.fails = None
    assert key_of(access) == "key-1"
